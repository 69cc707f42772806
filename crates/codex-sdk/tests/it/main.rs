//! What the real runtime can't be made to do: order, races, garbage, ends.
#![expect(clippy::unwrap_used, reason = "a test fails by a panic")]

mod cancel;
mod contract;
mod gate;
mod goals;
mod handlers;
mod handshake;
mod lines;
mod login;
mod mcp;
#[cfg(target_os = "linux")]
mod memory;
mod options;
mod requests;
mod retry;
mod rooms;
mod routing;
mod stall;
mod stuck;
mod subscriptions;
mod support;
mod trouble;
mod wire;
