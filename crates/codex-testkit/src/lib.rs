//! Tests for programs that drive Codex, without a model, a login or a network.
//!
//! There are two ways to test such a program. This crate provides the other side of both.
//!
//! # The real runtime, a scripted model
//!
//! [`ScriptedModel`] is a Responses API that gives the answers the test scripts. [`CodexHome`] is a
//! `CODEX_HOME` that points the runtime at it and keeps out the user's own configuration, login and
//! history. Everything in between is real: the runtime, its tools and its sandbox.
//!
//! ```no_run
//! use codex_testkit::{CodexHome, Reply, ScriptedModel, Usage};
//! # async fn test() -> Result<(), Box<dyn std::error::Error>> {
//! let model = ScriptedModel::start().await?;
//! model.push(Reply::function_call("exec_command", r#"{"cmd":"ls"}"#).id("ls"));
//! model.push(Reply::deltas(["It is ", "empty."]).usage(Usage { input: 20, ..Usage::default() }));
//! let home = CodexHome::builder()
//!     .model(&model)
//!     .model_name("gpt-5.5")
//!     .sandbox_mode("danger-full-access")
//!     .build()?;
//!
//! // The program under test; or give the same folder and variables to the SDK's own builder.
//! let status = std::process::Command::new("my-agent")
//!     .current_dir(home.workspace())
//!     .envs(home.env())
//!     .status()?;
//!
//! assert!(status.success());
//! let requests = model.requests();
//! assert!(requests[0].user_texts().contains(&"What is in this folder?"));
//! assert!(requests[1].tool_output("ls").is_some());
//! # Ok(())
//! # }
//! ```
//!
//! - A [`Reply`] can also reason, call several tools, fail, disconnect or never end.
//! - A [`Gate`] holds a reply until the test releases it, to test steering, interrupting and
//!   cancelling without sleeps.
//! - [`runtime`] finds the runtime, and installs the pinned one if there is none.
//! - [`ProxyRecorder`] shows that the program contacted only the model.
//!
//! # A scripted runtime
//!
//! [`Peer`] is an app-server on an in-memory pipe. It does what the real one does rarely or never:
//! it answers out of order, sends garbage, hangs up in the middle of a line. [`peer::shapes`] has
//! protocol values to answer with.
//!
//! ```
//! use codex_testkit::{Peer, peer::shapes};
//! use serde_json::json;
//! use tokio::io::AsyncWriteExt as _;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> std::io::Result<()> {
//! let (mut peer, (_client_reader, mut client_writer)) = Peer::pair();
//!
//! // The client, here by hand.
//! client_writer.write_all(b"{\"id\":1,\"method\":\"turn/start\",\"params\":{}}\n").await?;
//!
//! // The script.
//! let request = peer.expect_request("turn/start").await;
//! peer.reply(&request.id, shapes::turn_start_response("turn-1")).await;
//! peer.turn("thread-1", "turn-1").play("Hello!").await;
//! peer.notify("thread/closed", json!({"threadId": "thread-1"})).await;
//! # Ok(())
//! # }
//! ```
//!
//! # The command
//!
//! The feature `cli` adds the command `codex-testkit`. `codex-testkit run SCRIPT -- PROGRAM` runs a
//! program with the real runtime and a JSON script; `codex-testkit tap` prints a line for each
//! message of a protocol recording. See `codex-testkit --help` for details.
//!
//! # Panics
//!
//! This crate is for tests: every wait has a deadline. When it passes, the wait panics with the
//! line of the test and what arrived instead.

mod deadline;
pub mod home;
pub mod model;
pub mod peer;
pub mod recorder;
mod runtime;

pub use home::{CodexHome, CodexHomeBuilder, HomeError};
pub use model::{Gate, RecordedRequest, Reply, ScriptedModel, Usage};
pub use peer::{ClientIo, Peer, PeerRequest, PeerTurn};
pub use recorder::ProxyRecorder;
pub use runtime::runtime;
