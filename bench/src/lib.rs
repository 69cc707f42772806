//! The client's overhead, compared with its peers: `cargo xtask bench`.

pub mod measure;
pub mod messages;
