//! The types against the schema they were generated from.

#![expect(
    clippy::unwrap_used,
    reason = "a test fails by panicking, in helpers too"
)]

#[rustfmt::skip]
mod definitions;
mod forward;
mod lines;
mod messages;
mod schema;
mod values;
