//! Tests for Codex programs without a model, a login or a network.
mod deadline;
pub mod home;
pub mod model;
pub mod peer;
pub mod recorder;

pub use home::{CodexHome, CodexHomeBuilder, HomeError};
pub use model::{Gate, RecordedRequest, Reply, ScriptedModel, Usage};
pub use peer::{ClientIo, Peer, PeerRequest, PeerTurn};
pub use recorder::ProxyRecorder;
