//! What the client costs, beside its peers: `cargo xtask bench`.

pub mod measure;
pub mod messages;
