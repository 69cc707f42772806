//! An unofficial Rust SDK for Codex, OpenAI's coding agent.
//!
//! The *runtime* is the native `codex` program. As an `app-server` it speaks JSON-RPC over its
//! standard input and output. This crate starts a pinned version of it, speaks its protocol in
//! generated types, and ends it when the last handle goes.
//!
//! ```text
//! Codex                   one runtime, as a child process or on a server
//! └── Thread              a conversation
//!     └── turn            one run of the model, from an input to an answer
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
//! A [`Thread`] is a conversation. A *turn* is one run of the model on it, from an input to an answer.
//! It produces *items*: messages, commands, file changes. The runtime reports them as *notifications*.
//!
//! Every operation is a value that owns what it needs and sends nothing before it is awaited. One with
//! options is a builder that is awaited itself, as above; one without is a [`Call`].
//! With the feature `blocking` both have `block_on()`, for programs that aren't async: see [`blocking`].
//!
//! # Streaming
//!
//! [`Thread::turn`] returns as soon as the runtime has accepted the turn. The [`TurnHandle`] is the
//! stream of the turn's notifications, from the first, in the runtime's order, to `turn/completed`.
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
//! [`TurnHandle::run`] waits for the end, and its [`TurnResult`] includes what was streamed before.
//! A failed turn is a notification in the stream, and an error of `run`.
//!
//! What belongs to no turn of this client comes from [`Thread::notifications`] and
//! [`Codex::notifications`]: status, names, warnings, turns of others.
//!
//! # Answers as types
//!
//! [`Thread::run_as`] runs a turn whose answer is a value of a type. The model is held to the type's
//! schema, which is checked before anything is sent.
//!
//! `JsonSchema` is derived by [`schemars`] 1, which this crate re-exports. What it derives names `schemars`
//! itself: import that beside `JsonSchema`, as here, in each module with such types, or depend on
//! `schemars = "1"`. Without it the compiler says that it can't find a crate or module `schemars`; with a
//! `schemars` of another major version, that the trait isn't implemented.
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
//! An answer that doesn't fit is [`Error::Answer`], which has its text, and the path of the misfit.
//! [`Thread::turn_as`] is the same with progress: a handle that streams, and whose `run` returns the value.
//!
//! # Watching
//!
//! [`Thread::watch`] shows everything that comes of a thread, to any number of viewers, what turn handles take
//! included. One that joins late begins with what the running turn has produced.
//!
//! # Joining, steering, interrupting
//!
//! A thread runs one turn at a time. On a busy thread, [`Thread::run`] and [`Thread::turn`] add their
//! input to the running turn and join it: each handle gets the notifications from then on, and all of
//! them end with it. [`TurnHandle::steer`] adds input without a further handle.
//! [`TurnHandle::interrupt`] ends the turn early, which is no error: its status is
//! [`TurnStatus::Interrupted`](types::TurnStatus::Interrupted).
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
//! [`Thread::goal`] gives the runtime a goal, which it pursues turn after turn by itself. Its handle is
//! one turn over all of them, with one id, one beginning and one end. Interrupting it pauses the goal;
//! steering it reaches whichever turn is running.
//!
//! # Long lists and histories
//!
//! Lists come in pages. `stream()` reads all of them, one page at a time: [`ListThreads::stream`],
//! [`ListTurns::stream`], [`ListItems::stream`], [`ListModels::stream`]. A history can be hundreds of
//! megabytes: read it with [`Thread::turns`] or [`Thread::items`] rather than with [`Thread::read`].
//!
//! # MCP servers
//!
//! [`StartThread::mcp_server`] gives a thread a server of the Model Context Protocol (MCP), whose tools
//! the model may call, beside those that the runtime's configuration has. A call is an item of the turn,
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
//! [`Codex::mcp_login`] logs in to one that asks for it. What a server asks the user (an elicitation)
//! comes to [`ServerRequestHandler::mcp_elicitation`], and is declined otherwise. When a tool may run is
//! said at [`McpToolApproval`].
//!
//! # Any request
//!
//! [`Codex::request`] sends any of the protocol's methods by its parameters, and returns the response
//! that belongs to them. [`Codex::request_raw`] sends anything at all.
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
//! There is one [`Error`]. Its messages say what to do next. Its methods tell what a program decides
//! by:
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
//! - [`Error::condition`] says why a turn stopped or a call was refused: the thread is busy, nobody is
//!   logged in, a limit is used up. [`Condition::advice`] says what to do about it.
//! - [`Error::is_retryable`] says that the call has not begun, so that it may simply be made again
//!   ([`retry_on_overload`]). [`Error::is_transient`] says that a turn failed for a passing reason:
//!   running the prompt again is sensible, but what the turn did until then has happened
//!   ([`retry_on_transient`]).
//! - [`Error::rpc`] is the runtime's refusal. Nearly all of them have the code -32600, and the words
//!   change between versions.
//! - [`Error::closed`] says how the connection ended: the exit status, and the end of what the runtime
//!   wrote to its standard error. All who waited get the same.
//! - [`Error::partial_result`] is what a turn had produced before it failed, broke off or passed a
//!   limit.
//! - [`Error::Lagged`] ends one stream that was read too slowly, and nothing else.
//!
//! # Cancel safety
//!
//! Any future of this crate may be dropped. None leaves half a line on the wire, and none sends anything
//! when it is dropped before its request is queued. A request whose caller has left stays in flight until
//! its reply or its deadline.
//!
//! | dropped while it waits | what happens |
//! | --- | --- |
//! | [`CodexBuilder::start`] | a runtime that was started is ended; an installation that has begun goes on |
//! | [`Codex::thread_start`], [`Codex::thread_resume`], [`Codex::thread_fork`] | a thread may be left, loaded, idle and without a handle |
//! | [`Thread::run`], [`Thread::run_as`] | the turn is interrupted, unless another handle of this client is on it; if the runtime hasn't begun it yet, as soon as it has |
//! | [`Thread::turn`], [`Thread::turn_as`], [`Thread::review`] | the turn may run on without a handle |
//! | [`TurnHandle::run`] | the handle is given up; the turn runs on |
//! | [`TurnHandle::next`], [`NotificationStream::next`], [`ThreadWatch::next`], [`ServerRequests::next`] | nothing is lost |
//! | [`Thread::goal`] | a goal that was set is paused, and its turn is interrupted |
//! | [`TurnHandle::steer`], [`TurnHandle::interrupt`] | once it is sent, it takes effect |
//! | [`Codex::login_chatgpt`], [`Codex::login_chatgpt_device_code`] | a login may be left, until another one replaces it |
//! | [`Codex::mcp_login`] | a login may be left, until the runtime no longer waits for it |
//! | what reads or lists, such as [`Codex::models`] and [`Thread::turns`] | nothing; the reply is ignored |
//! | all else that writes, such as [`Thread::set_name`]; [`Codex::request`], [`Codex::request_raw`] | once it is sent, it takes effect, and the reply is ignored |
//! | [`Thread::compact`], [`Thread::close`] | once it is sent, it takes effect |
//! | [`Codex::close`] | the end takes its course |
//!
//! Dropping a [`TurnHandle`] doesn't interrupt its turn, unless a deadline has passed. Dropping the last of
//! all handles of a client ends the runtime, with its turns and their commands; [`Codex::close`] waits for it.
//!
//! # Deadlines
//!
//! A turn may take as long as it likes, unless it is given a deadline: [`StartTurn::timeout`] for all of
//! it, [`StartTurn::stall_timeout`] for its silence. Whoever waits for a turn without a person at hand
//! should set at least the second, to some minutes: offline, the runtime tries to reach the
//! model for ever. A goal has the same two.
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
//! When a deadline passes, the turn is interrupted and its end waited for, for a few seconds at most.
//! Then the thread is free for the next turn. A turn that another handle of this client is on is left to
//! that one. Dropping a pending `run`, as [`tokio::time::timeout`] does, interrupts its turn as well, but
//! what it had produced is gone.
//!
//! Without a deadline, too, a turn doesn't outlive its thread's work: if the runtime says that the thread
//! is idle and the end of the turn was missed, it is looked up. If it can't be, that is
//! [`Error::TurnIncomplete`].
//!
//! # Budgets
//!
//! [`StartTurn::max_model_calls`] and [`StartTurn::token_budget`] bound what a turn spends, its sub-agents
//! included. Beyond, it is interrupted, and they with it: [`Error::BudgetSpent`] has what came. What
//! sub-agents do is heard from [`TurnHandle::agents`], and summed in [`TurnResult::agents`].
//!
//! A budget is no exact bound. The runtime tells what a call of the model used once the tools that it asked for
//! have ended: until then an approval may be asked for, and one or two more calls be made. It tells nothing of a
//! call that a steer cuts off, and nothing in a review, which has no budget. Nor has a sub-agent that outlives
//! its parent's turn: interrupt it by what [`TurnHandle::agents`] brings.
//!
//! # What is approved
//!
//! Nothing, by default. [`Codex::thread_start`] sets [`ApprovalMode::DenyAll`] unless the program says
//! otherwise, and what the runtime asks all the same is answered with the protocol's own refusal. Only
//! the question for the current time gets the true answer, because any other fails the turn.
//!
//! A program that wants to be asked gives its client a [`ServerRequestHandler`], or a closure for one
//! kind of request. Threads that it starts then have the mode [`ApprovalMode::Ask`]. An answer may take
//! minutes; nothing else waits for it. [`CodexBuilder::server_requests`] gives the requests as a stream
//! instead, to be answered from anywhere. For a change of files the diff is at hand:
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
//! [`ApprovalMode::AutoReview`] lets a *model* approve, without asking anyone, the handler included.
//!
//! # Tools
//!
//! A [`Tool`] is a function of this program that the model can call. It is given to a thread when that is
//! started. Its arguments are a type that `serde` reads and [`schemars`] describes; what goes wrong in it
//! is told to the model, and fails no turn.
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
//! The version is pinned: [`RUNTIME_VERSION`]. The first of these that is there is used:
//! [`CodexBuilder::codex_bin`], the environment variable `CODEX_SDK_BIN`, the installed pinned runtime,
//! the pinned package in the active Python environment; with [`CodexBuilder::install_runtime`], it is
//! installed otherwise. [`runtime::install`] does so beforehand and reports progress:
//!
//! ```no_run
//! let found = codex_sdk::runtime::install(|progress| eprintln!("{progress}"))?;
//! println!("{found}");
//! # Ok::<(), codex_sdk::runtime::Error>(())
//! ```
//!
//! The runtime inherits this program's environment, **and so do the commands that the model runs**. What
//! they must not see is kept from them by [`CodexBuilder::env_clear`] and [`CodexBuilder::env_allow`]:
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
//! # Logs and counters
//!
//! The crate logs through `tracing` what it does: who, when, how long, and how it ended. No text, parameter or value of
//! the environment is logged.
//!
//! | span | level | fields |
//! | --- | --- | --- |
//! | `codex.connection` | info | `number`, `version` |
//! | `codex.thread`, in its connection | info | `thread_id` |
//! | `codex.turn`, in the caller's span; without one, in its thread | info | `thread_id`, `turn_id`, `status`, `duration_ms` |
//! | `codex.request`, in whatever sent it | debug | `method`, `id`, `outcome`, `duration_ms` |
//! | `codex.server_request`, in its connection | debug | `method`, `thread_id` |
//!
//! | event | level |
//! | --- | --- |
//! | the runtime has started; the connection has ended | info |
//! | another version than the pinned one | warn |
//! | `warning`, `configWarning`, `deprecationNotice`, `guardianWarning`, `error` of the runtime that nobody has subscribed to, with their texts | warn |
//! | an `error` of a turn after which the runtime tries to reach the model again, with its text | warn |
//! | a line that was skipped; something that could not be decoded | warn |
//! | a handler that failed or panicked | warn |
//! | an overload that is waited out; a reply that nobody waits for; a turn that had ended before it was interrupted | debug |
//! | any other notification that nobody has subscribed to, by its method | trace |
//!
//! [`Codex::stats`] counts: requests in flight, turns, bytes that lie unread, notifications, and those of
//! them that this version doesn't know.
//!
//! # Testing
//!
//! The crate `codex-testkit` has a scripted model for the real runtime, and a home that keeps the
//! user's own configuration and login out of it:
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
//! It also has a scripted app-server, `Peer`, on a pipe in memory: [`CodexBuilder::start_with_io`]
//! connects to it, and no runtime is needed.
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

// Which room imports from which is held by `tests/it/rooms.rs`; ARCHITECTURE.md has the map.
#[cfg(feature = "blocking")]
pub mod blocking;
/// The same client for programs without an async runtime: every operation has `block_on()`.
///
/// It comes with the feature `blocking`, and so does the rest of this page:
/// `cargo doc -p codex-sdk --all-features --open`.
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
