//! What the real runtime can't be made to do: order, races, garbage, ends.
#![expect(clippy::unwrap_used, reason = "a test fails by a panic")]

mod cancel;
mod conditions;
mod extremes;
mod full_pipe;
mod gate;
mod goals;
mod handlers;
mod handshake;
mod lines;
mod login;
mod mcp;
#[cfg(target_os = "linux")]
mod memory;
mod model;
mod options;
mod panicking_log;
mod public_api;
mod refusals;
mod requests;
mod retry;
mod rooms;
mod routing;
mod server_requests;
mod stall;
mod subscriptions;
mod support;
#[cfg(target_os = "linux")]
mod under_load;
mod unreadable;
mod wakers;
mod watches;
mod wire;
