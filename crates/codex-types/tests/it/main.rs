//! The types against the schema they were generated from.

#![expect(
    clippy::unwrap_used,
    reason = "a test fails by panicking, in helpers too"
)]

#[rustfmt::skip]
mod definitions;
mod dispatch;
mod forward;
mod generate;
mod harness;
mod lenient;
mod lines;
mod messages;
mod mutations;

mod package;
mod picks;
mod redaction;
mod round_trips;
mod sample;
mod schema;
mod shapes;
