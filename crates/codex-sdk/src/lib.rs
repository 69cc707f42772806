//! The Rust SDK for the Codex `app-server`.

mod builder;
mod call;
mod client;
mod codex;
mod connection;
mod error;
mod feed;
mod input;
mod lines;
mod notifications;
mod options;
mod presets;
mod process;
mod refuse;
mod request;
mod result;
mod router;
mod start_turn;
mod tasks;
mod thread;
mod toml_literal;
mod turn;
mod turns;

pub use codex_cli_bin as runtime;
pub use codex_types as types;

pub use builder::CodexBuilder;
pub use call::Call;
pub use codex::{Codex, Metadata, Stats};
pub use error::{
    CloseReason, Closed, Error, Result, RpcError, RpcErrorKind, TurnFailed, TurnIncomplete,
};
pub use input::{ExternalMessage, Input, InputItem, RunInput};
pub use notifications::NotificationStream;
pub use presets::{ApprovalMode, Sandbox};
pub use request::{SendRawRequest, SendRequest};
pub use result::TurnResult;
pub use runtime::RUNTIME_VERSION;
pub use start_turn::StartTurn;
pub use thread::{StartThread, Thread};
pub use turn::{TurnControl, TurnHandle};

/// A notification of the runtime.
pub type Notification = types::ServerNotification;
