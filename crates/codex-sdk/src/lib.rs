//! An unofficial Rust SDK for Codex, OpenAI's coding agent.
//!
//! The *runtime* is the native `codex` program. Run as an `app-server`, it speaks JSON-RPC over its standard
//! input and output. This crate starts a pinned version of it, talks to it in generated types, and ends it when
//! the last handle is dropped.
//!
//! ```text
//! Codex                       one runtime, as a child process or on a server
//! └── Thread                  a conversation
//!     └── turn                one run of the model, from an input to an answer
//!         ├── items           messages, commands, file changes, calls of tools
//!         └── notifications   all of that as it happens, piece by piece
//! ```
//!
//! # A first program
//!
//! ```no_run
//! use codex_sdk::{Codex, Sandbox};
//!
//! #[tokio::main]
//! async fn main() -> codex_sdk::Result<()> {
//!     let codex = Codex::builder().install_runtime(true).start().await?;
//!     let thread = codex.thread_start().sandbox(Sandbox::ReadOnly).await?;
//!     let result = thread.run("Summarise this folder in one sentence.").await?;
//!     println!("{}", result.final_response.unwrap_or_default());
//!     codex.close().await
//! }
//! ```
//!
//! A [`Thread`] is a conversation. A *turn* is one run of the model on it, from an input to an answer. A turn
//! produces *items*: messages, commands, file changes. The runtime reports them as *notifications*.
//!
//! Every operation is a value that owns its data and sends nothing until you await it. An operation with
//! options is a builder that you await directly, as above; one without is a [`Call`]. With the feature
//! `blocking`, both have `block_on()` for programs that aren't async: see [`blocking`].
//!
//! # Streaming
//!
//! [`Thread::turn`] returns as soon as the runtime has accepted the turn. The [`TurnHandle`] is a stream of the
//! turn's notifications, from the first to `turn/completed`, in the runtime's order.
//!
//! ```no_run
//! # async fn stream(thread: codex_sdk::Thread) -> codex_sdk::Result<()> {
//! use codex_sdk::{Notification, types::ThreadItem};
//!
//! let mut turn = thread.turn("Find the slowest test.").await?;
//! while let Some(event) = turn.next().await {
//!     match event? {
//!         Notification::ItemAgentMessageDelta(delta) => print!("{}", delta.delta),
//!         Notification::ItemStarted(started) => match started.item {
//!             ThreadItem::CommandExecution(command) => println!("$ {}", command.command),
//!             _ => {}
//!         },
//!         _ => {}
//!     }
//! }
//! let result = turn.run().await?;
//! println!("{} items", result.items.len());
//! # Ok(())
//! # }
//! ```
//!
//! [`TurnHandle::run`] waits for the end. Its [`TurnResult`] includes what you have already read from the
//! stream. A failed turn is a notification in the stream, and an error from `run`.
//!
//! [`Thread::notifications`] and [`Codex::notifications`] yield everything that belongs to no turn of this
//! client: status, names, warnings, turns of other clients.
//!
//! # Answers as types
//!
//! [`Thread::run_as`] runs a turn whose answer is a value of a given type. The type's schema constrains the
//! model, and is checked before anything is sent.
//!
//! [`schemars`] 1 derives `JsonSchema`; this crate re-exports it. The derived code refers to `schemars` by
//! name, so import it next to `JsonSchema`, as here, in each module with such types, or depend on
//! `schemars = "1"`. Without it, the compiler can't find a crate or module `schemars`; with a `schemars` of
//! another major version, the trait isn't implemented.
//!
//! ```no_run
//! # async fn release(thread: codex_sdk::Thread) -> codex_sdk::Result<()> {
//! use codex_sdk::schemars::{self, JsonSchema};
//!
//! #[derive(serde::Deserialize, JsonSchema)]
//! struct Release {
//!     /// Without a leading `v`.
//!     version: String,
//!     changes: Vec<String>,
//!     /// Only if there is one.
//!     codename: Option<String>,
//! }
//!
//! let release = thread.run_as::<Release>("What does the changelog say last?").await?;
//! println!("{}: {} changes", release.value.version, release.value.changes.len());
//! # Ok(())
//! # }
//! ```
//!
//! An answer that doesn't fit is an [`Error::Answer`], with its text and the path of the mismatch.
//! [`Thread::turn_as`] does the same with progress: its handle streams, and the handle's `run` returns the
//! value.
//!
//! # Watching
//!
//! [`Thread::watch`] shows everything that happens on a thread to any number of viewers, including what turn
//! handles receive. A viewer that joins late first gets what the running turn has produced so far.
//!
//! # Joining, steering, interrupting
//!
//! A thread runs one turn at a time. On a busy thread, [`Thread::run`] and [`Thread::turn`] add their input to
//! the running turn and join it: each handle gets the notifications from then on, and all handles end with the
//! turn. [`TurnHandle::steer`] adds input without another handle. [`TurnHandle::interrupt`] ends the turn
//! early. That is not an error: the status is [`TurnStatus::Interrupted`](types::TurnStatus::Interrupted).
//!
//! ```no_run
//! # async fn control(thread: codex_sdk::Thread) -> codex_sdk::Result<()> {
//! let turn = thread.turn("Write a long story.").await?;
//! turn.steer("Set it in Lisbon.").await?;
//!
//! // The controls can be used from elsewhere, while the handle is being read here.
//! let control = turn.control();
//! tokio::spawn(async move { control.interrupt().await });
//! let result = turn.run().await?;
//! println!("{}", result.status);
//! # Ok(())
//! # }
//! ```
//!
//! # Goals
//!
//! [`Thread::goal`] sets a goal, which the runtime pursues on its own, turn after turn. Its handle presents all
//! of these turns as one, with one id, one beginning and one end. Interrupting it pauses the goal; steering it
//! reaches whichever turn is running.
//!
//! # Long lists and histories
//!
//! Lists are paged. `stream()` reads all entries, one page at a time: [`ListThreads::stream`],
//! [`ListTurns::stream`], [`ListItems::stream`], [`ListModels::stream`]. A history can be hundreds of
//! megabytes: read it with [`Thread::turns`] or [`Thread::items`] rather than [`Thread::read`].
//!
//! # MCP servers
//!
//! [`StartThread::mcp_server`] gives a thread a Model Context Protocol (MCP) server whose tools the model may
//! call, in addition to the servers in the runtime's configuration. A call is an item of the turn,
//! [`ThreadItem::McpToolCall`](types::ThreadItem::McpToolCall).
//!
//! ```no_run
//! # async fn servers(codex: codex_sdk::Codex) -> codex_sdk::Result<()> {
//! use codex_sdk::{McpServer, McpToolApproval};
//!
//! let files = McpServer::stdio("files-mcp").arg("--read-only").env("FILES_KEY", "secret");
//! let search = McpServer::http("https://mcp.example.org")
//!     .bearer_token_env_var("SEARCH_TOKEN")
//!     .default_tools_approval_mode(McpToolApproval::Approve)
//!     .required(true);
//! let thread = codex
//!     .thread_start()
//!     .mcp_server("files", files)
//!     .mcp_server("search", search)
//!     .await?;
//!
//! let mut servers = codex.mcp_servers().thread_id(thread.id()).stream();
//! while let Some(server) = servers.next().await {
//!     let server = server?;
//!     println!("{}: {} tools", server.name, server.tools.len());
//! }
//! # Ok(())
//! # }
//! ```
//!
//! A server that doesn't start fails the thread only if it is [`required`](McpServer::required).
//! [`Codex::mcp_login`] logs in to a server that requires it. A server's question to the user (an elicitation)
//! goes to [`ServerRequestHandler::mcp_elicitation`], or is declined if there is none. [`McpToolApproval`]
//! says when a tool may run.
//!
//! # Any request
//!
//! [`Codex::request`] sends any method of the protocol, given its parameters, and returns the matching
//! response. [`Codex::request_raw`] sends any method by name, with untyped parameters.
//!
//! ```no_run
//! # async fn requests(codex: codex_sdk::Codex) -> codex_sdk::Result<()> {
//! use codex_sdk::types::{ModelListParams, ThreadListParams};
//! use std::time::Duration;
//!
//! let params = ThreadListParams { limit: Some(20), ..Default::default() };
//! for thread in codex.request(params).await?.data {
//!     println!("{}  {}", thread.id, thread.preview);
//! }
//!
//! let models = codex.request(ModelListParams::default()).timeout(Duration::from_secs(5)).await?;
//! println!("{} models", models.data.len());
//!
//! let value = codex.request_raw("thread/loaded/list", serde_json::json!({})).await?;
//! println!("{value}");
//! # Ok(())
//! # }
//! ```
//!
//! # Errors
//!
//! There is one [`Error`] type. Its messages say what to do next. Its methods tell a program how to react:
//!
//! ```no_run
//! # async fn errors(thread: codex_sdk::Thread) {
//! use codex_sdk::Error;
//!
//! match thread.run("Fix the build.").await {
//!     Ok(result) => println!("{:?}: {:?}", result.status, result.final_response),
//!     Err(Error::TurnFailed(failed)) => {
//!         println!("{} ({:?})", failed.message, failed.codex_error_info);
//!         println!("{} items came before", failed.result.items.len());
//!     }
//!     Err(error) if error.is_closed() => println!("start a new client: {error}"),
//!     Err(error) if error.is_transient() => println!("later: {error}"),
//!     Err(error) => println!("{error}"),
//! }
//! # }
//! ```
//!
//! - [`Error::condition`] says why a turn stopped or a call was refused: the thread is busy, nobody is logged
//!   in, a limit is used up. [`Condition::advice`] says what to do about it.
//! - [`Error::is_retryable`] says that the call never began, so it is safe to repeat ([`retry_on_overload`]).
//!   [`Error::is_transient`] says that a turn failed for a temporary reason: it makes sense to run the prompt
//!   again, but what the turn did before it failed is not undone ([`retry_on_transient`]).
//! - [`Error::rpc`] is the runtime's refusal. Nearly all refusals have the code -32600, and their wording
//!   changes between versions.
//! - [`Error::closed`] says how the connection ended: the exit status and the last part of the runtime's
//!   standard error. All waiting callers get the same.
//! - [`Error::partial_result`] is what a turn had produced before it failed, broke off or exceeded a limit.
//! - [`Error::Lagged`] ends a single stream that was read too slowly, and affects nothing else.
//!
//! # Cancel safety
//!
//! You can drop any future of this crate. Dropping one never leaves a partial line on the wire, and sends
//! nothing if its request isn't queued yet. A request whose caller is gone stays in flight until its reply or
//! its deadline.
//!
//! | dropped while waiting | what happens |
//! | --- | --- |
//! | [`CodexBuilder::start`] | a runtime that was started is ended; an installation that has begun continues |
//! | [`Codex::thread_start`], [`Codex::thread_resume`], [`Codex::thread_fork`] | a thread may stay loaded and idle, without a handle |
//! | [`Thread::run`], [`Thread::run_as`] | the turn is interrupted, or will be once the runtime begins it, unless another handle of this client is on it |
//! | [`Thread::turn`], [`Thread::turn_as`], [`Thread::review`] | the turn may continue without a handle |
//! | [`TurnHandle::run`] | the handle is given up; the turn continues |
//! | [`TurnHandle::next`], [`NotificationStream::next`], [`ThreadWatch::next`], [`ServerRequests::next`] | nothing is lost |
//! | [`Thread::goal`] | a goal that was set is paused, and its turn is interrupted |
//! | [`TurnHandle::steer`], [`TurnHandle::interrupt`] | once sent, it takes effect |
//! | [`Codex::login_chatgpt`], [`Codex::login_chatgpt_device_code`] | a login may stay open until another replaces it |
//! | [`Codex::mcp_login`] | a login may stay open until the runtime stops waiting for it |
//! | reads and lists, such as [`Codex::models`] and [`Thread::turns`] | nothing; the reply is ignored |
//! | all other writes, such as [`Thread::set_name`]; [`Codex::request`], [`Codex::request_raw`] | once sent, it takes effect, and the reply is ignored |
//! | [`Thread::compact`], [`Thread::close`] | once sent, it takes effect |
//! | [`Codex::close`] | the shutdown continues |
//!
//! Dropping a [`TurnHandle`] doesn't interrupt its turn, unless a deadline has passed. Dropping a client's last
//! handle ends the runtime, with its turns and their commands; [`Codex::close`] waits for that.
//!
//! # Deadlines
//!
//! A turn has no time limit unless you set one: [`StartTurn::timeout`] limits its total duration,
//! [`StartTurn::stall_timeout`] its silence. If nobody watches a turn, set at least the second, to a few
//! minutes: offline, the runtime retries the model forever. A goal has the same two.
//!
//! ```no_run
//! # async fn deadline(thread: codex_sdk::Thread) {
//! use codex_sdk::Error;
//! use std::time::Duration;
//!
//! let run = thread.run("Write a long story.");
//! match run.stall_timeout(Duration::from_secs(300)).await {
//!     Ok(result) => println!("{:?}", result.final_response),
//!     Err(Error::TurnTimeout(timeout)) => {
//!         println!("{timeout}: {} items came before", timeout.result.items.len());
//!     }
//!     Err(error) => println!("{error}"),
//! }
//! # }
//! ```
//!
//! When a deadline passes, the SDK interrupts the turn and waits a few seconds at most for it to end. Then the
//! thread is free for the next turn. If another handle of this client is on the turn, the turn keeps running.
//! Dropping a pending `run`, as [`tokio::time::timeout`] does, also interrupts its turn, but discards
//! what it had produced.
//!
//! Even without a deadline, a turn ends when its thread's work does: if the runtime reports the thread idle and
//! the turn's end was missed, the SDK looks it up. If it can't, the error is [`Error::TurnIncomplete`].
//!
//! # Budgets
//!
//! [`StartTurn::max_model_calls`] and [`StartTurn::token_budget`] limit what a turn and its sub-agents spend.
//! Beyond that, the turn and its sub-agents are interrupted; [`Error::BudgetSpent`] has the
//! partial result. [`TurnHandle::agents`] streams what sub-agents do, and [`TurnResult::agents`] totals what
//! they use.
//!
//! A budget is not an exact bound. The runtime reports a model call's usage only after the tools it asked for
//! have ended: until then it may ask for an approval and make one or two more calls. It reports no usage for a
//! call that a steer cuts off, and none in a review, so a review has no budget. Nor has a sub-agent that
//! outlives its parent's turn: interrupt it by the ids that [`TurnHandle::agents`] yields.
//!
//! # What is approved
//!
//! Nothing, by default. A hook in the user's home and a stored thread's mode are exceptions that
//! `docs/safety.md` explains. [`Codex::thread_start`] sets [`ApprovalMode::DenyAll`] unless you set another mode. If
//! the runtime asks anyway, the SDK answers with the protocol's own refusal. Only the question for the current
//! time gets the true answer, because any other would fail the turn.
//!
//! To be asked, give the client a [`ServerRequestHandler`], or a closure for one kind of request. Threads that
//! it starts then have the mode [`ApprovalMode::Ask`]. An answer may take minutes; nothing else waits for it.
//! [`CodexBuilder::server_requests`] delivers the requests as a stream instead, to be answered from anywhere.
//! For a file change, the diff is available:
//!
//! ```no_run
//! use codex_sdk::types::FileChangeApprovalDecision::{Accept, Decline};
//!
//! # async fn approvals() -> codex_sdk::Result<()> {
//! let codex = codex_sdk::Codex::builder()
//!     .on_file_change_approval(|context, _params| async move {
//!         for change in context.changes() {
//!             println!("{}\n{}", change.path, change.diff);
//!         }
//!         let harmless = context.changes().iter().all(|change| change.path.ends_with(".md"));
//!         Ok(if harmless { Accept } else { Decline })
//!     })
//!     .start()
//!     .await?;
//! # Ok(())
//! # }
//! ```
//!
//! [`ApprovalMode::AutoReview`] lets a *model* approve, without asking anyone, not even the handler.
//!
//! # Tools
//!
//! A [`Tool`] is a function in your program that the model can call. You add it to a thread when you start the
//! thread. Its arguments are a type that `serde` deserializes and [`schemars`] describes. The model sees any
//! error in it; the turn doesn't fail.
//!
//! ```no_run
//! use codex_sdk::{Tool, schemars::{self, JsonSchema}};
//! use serde::Deserialize;
//!
//! #[derive(Deserialize, JsonSchema)]
//! struct Ticket {
//!     /// The number of the ticket.
//!     number: u32,
//! }
//!
//! # async fn tools(codex: codex_sdk::Codex) -> codex_sdk::Result<()> {
//! let ticket = Tool::new("ticket", "Reads a ticket.", |args: Ticket| async move {
//!     Ok(std::fs::read_to_string(format!("tickets/{}.txt", args.number))?)
//! });
//! let thread = codex.thread_start().tool(ticket).await?;
//! thread.run("What is ticket 7 about?").await?;
//! # Ok(())
//! # }
//! ```
//!
//! # The runtime and its environment
//!
//! The version is pinned: [`RUNTIME_VERSION`]. The SDK uses the first of these that exists:
//! [`CodexBuilder::codex_bin`], the environment variable `CODEX_SDK_BIN`, the installed pinned runtime, the
//! pinned package in the active Python environment. If there is none, [`CodexBuilder::install_runtime`]
//! installs it. [`runtime::install`] does so in advance and reports progress:
//!
//! ```no_run
//! let found = codex_sdk::runtime::install(|progress| eprintln!("{progress}"))?;
//! println!("{found}");
//! # Ok::<(), codex_sdk::runtime::Error>(())
//! ```
//!
//! The runtime inherits your program's environment, **and so do the commands that the model runs**. With
//! [`CodexBuilder::env_allow`] they get only the variables that you name, with [`CodexBuilder::env_clear`] none:
//!
//! ```no_run
//! # async fn environment() -> codex_sdk::Result<()> {
//! let codex = codex_sdk::Codex::builder()
//!     .env_allow(["HOME", "PATH", "LANG"])
//!     .config("model_reasoning_effort", "low")
//!     .start()
//!     .await?;
//! println!("{}", codex.metadata().codex_home);
//! # Ok(())
//! # }
//! ```
//!
//! # Servers, and turns that outlive their client
//!
//! With the feature `remote`, `Codex::connect` reaches a server over WebSocket, TLS or a Unix socket, and `Server` starts
//! one. A turn on a server goes on without its client: `TurnHandle::detach` returns a ticket, with which `Codex::attach`
//! finds the turn again, from another program too. `Environment::remote` runs commands on another machine. The page
//! `docs/scaling.md` is the guide.
//!
//! # Logs and counters
//!
//! The crate logs what it does through `tracing`: who, when, how long, and the outcome. It logs no text,
//! parameter or environment value, except the texts noted below.
//!
//! | span | level | fields |
//! | --- | --- | --- |
//! | `codex.connection` | info | `number`, `version` |
//! | `codex.thread`, inside its connection | info | `thread_id` |
//! | `codex.turn`, inside the caller's span, or its thread if there is none | info | `thread_id`, `turn_id`, `status`, `duration_ms` |
//! | `codex.request`, inside the sender's span | debug | `method`, `id`, `outcome`, `duration_ms` |
//! | `codex.server_request`, inside its connection | debug | `method`, `thread_id` |
//!
//! | event | level |
//! | --- | --- |
//! | the runtime started; the connection ended | info |
//! | a version other than the pinned one | warn |
//! | `warning`, `configWarning`, `deprecationNotice`, `guardianWarning`, `error` from the runtime without a subscriber, with their texts | warn |
//! | an `error` of a turn after which the runtime retries the model, with its text | warn |
//! | a line that was skipped; something that could not be decoded | warn |
//! | a handler that failed or panicked | warn |
//! | waiting out an overload; a reply without a caller; a turn that had ended before it was interrupted | debug |
//! | any other notification without a subscriber, by its method | trace |
//!
//! [`Codex::stats`] counts requests in flight, turns, unread bytes, notifications, and notifications that this
//! version doesn't know.
//!
//! # Testing
//!
//! The crate `codex-testkit` has a scripted model for the real runtime, and a Codex home isolated from the
//! user's configuration and login:
//!
//! ```no_run
//! # async fn scripted() -> Result<(), Box<dyn std::error::Error>> {
//! use codex_sdk::Codex;
//! use codex_testkit::{CodexHome, Reply, ScriptedModel};
//!
//! let model = ScriptedModel::start().await?;
//! model.push(Reply::text("It is empty."));
//! let home = CodexHome::builder().model(&model).build()?;
//!
//! let codex = Codex::builder().envs(home.env()).cwd(home.workspace()).start().await?;
//! let thread = codex.thread_start().await?;
//! let result = thread.run("What is in this folder?").await?;
//! assert_eq!(result.final_response.as_deref(), Some("It is empty."));
//! # Ok(())
//! # }
//! ```
//!
//! It also has a scripted app-server, `Peer`, on an in-memory pipe: [`CodexBuilder::start_with_io`] connects to
//! it without a runtime.
//!
//! ```
//! use codex_sdk::Codex;
//! use codex_testkit::Peer;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> codex_sdk::Result<()> {
//! let (mut peer, (output, input)) = Peer::pair();
//! let start = Codex::builder().start_with_io(output, input);
//! let (codex, _) = tokio::join!(start, peer.handshake());
//! println!("{}", codex?.metadata().server_version);
//! # Ok(())
//! # }
//! ```

#![cfg_attr(docsrs, feature(doc_cfg))]

// `tests/it/rooms.rs` checks which room imports from which; ARCHITECTURE.md has the map.
#[cfg(feature = "blocking")]
pub mod blocking;
/// The same client for programs without an async runtime: every operation has `block_on()`.
///
/// Enable the feature `blocking` to see the rest of this page: `cargo doc -p codex-sdk --all-features --open`.
#[cfg(all(doc, not(feature = "blocking")))]
pub mod blocking {}
mod call;
mod catch;
mod codex;
mod connection;
mod error;
mod lists;
mod login;
mod paths;
mod permissions;
#[cfg(feature = "remote")]
mod remote;
mod results;
mod retry;
mod run_as;
#[cfg(feature = "remote")]
mod server;
mod server_requests;
mod setters;
mod start;
mod strict;
mod tasks;
mod thread;
mod tool;
mod turn;

pub use codex_cli_bin as runtime;
pub use codex_types as types;
pub use schemars;
pub use secrecy;

pub use call::Call;
pub use codex::Codex;
pub use codex::metadata::Metadata;
pub use codex::notifications::NotificationStream;
pub use codex::request::{SendRawRequest, SendRequest};
pub use connection::event_queue::Notification;
pub use connection::stats::Stats;
pub use connection::trace::TraceContext;
pub use error::closed::{CloseReason, Closed};
pub use error::condition::Condition;
pub use error::rpc::{RpcError, RpcErrorKind};
pub use error::shape::UnexpectedShape;
pub use error::turn::{AnswerError, Budget, BudgetSpent, Deadline, TurnFailed, TurnTimeout};
pub use error::{BoxError, Error, HandlerResult, Result, TurnIncomplete};
pub use lists::pages::{Paged, Pages};
pub use lists::{
    ListItems, ListMcpServers, ListModels, ListThreads, ListTurns, ReadAccount, ReadThread,
};
pub use login::mcp::{McpLogin, StartMcpLogin};
pub use login::{ChatgptLogin, DeviceCodeLogin};
pub use permissions::{ApprovalMode, Sandbox, SandboxRules};
pub use results::TurnResult;
pub use retry::{RetryPolicy, retry_on_overload, retry_on_transient};
pub use run_as::{Structured, strict_schema};
pub use runtime::RUNTIME_VERSION;
#[cfg(feature = "remote")]
pub use server::Server;
pub use server_requests::handler::{RequestContext, ServerRequestHandler};
pub use server_requests::response::ServerResponse;
pub use server_requests::stream::{PendingRequest, ServerRequests};
pub use start::builder::CodexBuilder;
pub use start::ends::{Child, StartsRuntime};
#[cfg(feature = "remote")]
pub use start::ends::{Listen, Remote, Serve};
pub use thread::Thread;
pub use thread::mcp_server::{McpServer, McpToolApproval};
pub use thread::open::{ForkThread, ResumeThread, StartThread};
pub use thread::watch::ThreadWatch;
pub use tool::{Tool, ToolOutput};
pub use turn::attach::AttachTurn;
pub use turn::control::TurnControl;
pub use turn::environment::Environment;
pub use turn::goal::StartGoal;
pub use turn::handle::TurnHandle;
pub use turn::input::{ExternalMessage, Input, InputItem, RunInput};
pub use turn::output::TurnOutput;
pub use turn::review::StartReview;
pub use turn::settings::{UpdateThread, UpdateTurn};
pub use turn::start::StartTurn;
pub use turn::ticket::TurnTicket;
