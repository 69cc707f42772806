//! How a client is started: its options, the command, the wiring of its tasks, and the handshake.

mod acceptance;
pub(crate) mod builder;
mod capabilities;
pub(crate) mod child;
mod command;
#[cfg(feature = "remote")]
mod connect;
pub(crate) mod diagnosis;
pub(crate) mod ends;
mod environment;
mod handlers;
mod launching;
mod overrides;
pub(crate) mod patience;
mod toml_literal;
pub(crate) mod wiring;
