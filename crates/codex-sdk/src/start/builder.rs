//! How a client is started.

use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use codex_cli_bin::Runtime;
use codex_types as types;
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::process::ChildStderr;
use tokio::time::{Instant, sleep};

use crate::call::Call;
use crate::codex::Codex;
use crate::connection::Limits;
use crate::connection::process::Process;
use crate::error::condition::Condition;
use crate::error::{Error, HandlerResult, Result};
use crate::server_requests::handler::{RequestContext, ServerRequestHandler};
use crate::server_requests::registry::{HandlerRegistry, approval};
use crate::setters::setters;
use crate::start::command::{CODEX_HOME, Launch};
use crate::start::diagnosis::home_of;
use crate::start::{Program, Wired, wire};

const REQUEST_TIMEOUT: Duration = Duration::from_secs(60);
/// How long a start waits for another one on the same fresh home.
const BUSY: Duration = Duration::from_secs(15);
const MAX_LINE_BYTES: usize = 256 * 1024 * 1024;
const SUBSCRIPTION_BUDGET: usize = 64 * 1024 * 1024;

/// Options for a [`Codex`] client, from [`Codex::builder`].
///
/// Its `Debug` shows no values of the environment and of the configuration.
#[derive(Clone)]
#[must_use = "a builder does nothing until it is started"]
pub struct CodexBuilder {
    launch: Launch,
    client_info: types::ClientInfo,
    experimental_api: bool,
    /// The budget of the subscription that begins before the handshake, in bytes.
    early_notifications: Option<usize>,
    startup_timeout: Option<Duration>,
    limits: Limits,
    handlers: HandlerRegistry,
}

impl Default for CodexBuilder {
    fn default() -> Self {
        Self {
            launch: Launch::default(),
            client_info: types::ClientInfo {
                name: "codex_rust_sdk".to_owned(),
                title: Some("Codex Rust SDK".to_owned()),
                version: env!("CARGO_PKG_VERSION").to_owned(),
            },
            experimental_api: true,
            early_notifications: None,
            startup_timeout: None,
            limits: Limits {
                request_timeout: REQUEST_TIMEOUT,
                max_line_bytes: MAX_LINE_BYTES,
                subscription_budget: SUBSCRIPTION_BUDGET,
            },
            handlers: HandlerRegistry::default(),
        }
    }
}

impl Codex {
    /// Starts the pinned runtime with the user's own configuration and login.
    ///
    /// Short for `Codex::builder().start()`: see [`CodexBuilder::start`], for panics too.
    ///
    /// # Errors
    /// [`Error::Runtime`](crate::Error::Runtime) without a runtime, and as for [`CodexBuilder::start`].
    ///
    /// # Cancel safety
    /// Dropping the call kills a runtime that was already started.
    pub fn start() -> Call<Self> {
        Self::builder().start()
    }

    /// The options for a client.
    pub fn builder() -> CodexBuilder {
        CodexBuilder::default()
    }
}

impl CodexBuilder {
    setters! {
        /// Uses the Codex binary at this path instead of the pinned runtime.
        ///
        /// A version other than [`RUNTIME_VERSION`](crate::RUNTIME_VERSION) is allowed and logged as a warning.
        codex_bin: PathBuf => launch.codex_bin;
        /// Installs the pinned runtime if it is missing. Default: false, a missing runtime is an error.
        ///
        /// [`runtime::install`](crate::runtime::install) does the same beforehand, and reports progress.
        install_runtime = bool => launch.install_runtime;
    }

    /// Sets `CODEX_HOME`: the existing folder with the configuration, the login and the threads.
    ///
    /// Default: the runtime's own, `.codex` in the user's home. Use one client per home at a time. A
    /// relative path starts from this program's folder.
    pub fn codex_home(self, path: impl Into<PathBuf>) -> Self {
        self.env(CODEX_HOME, path.into())
    }

    setters! {
        /// Sets the runtime's working folder, which new threads work in unless they say otherwise. Default:
        /// this program's.
        cwd: PathBuf => launch.cwd;
    }

    /// Sets an environment variable of the runtime.
    ///
    /// Commands that the model runs see the runtime's environment: see [`Self::env_clear`].
    pub fn env(mut self, key: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.launch.env.insert(key.into(), value.into());
        self
    }

    /// Sets several environment variables of the runtime, as [`Self::env`] does one.
    pub fn envs<K: Into<OsString>, V: Into<OsString>>(
        mut self,
        variables: impl IntoIterator<Item = (K, V)>,
    ) -> Self {
        let variables = variables.into_iter();
        self.launch
            .env
            .extend(variables.map(|(key, value)| (key.into(), value.into())));
        self
    }

    /// Inherits nothing of this program's environment, but what [`Self::env_allow`] names.
    ///
    /// By default the runtime inherits all of it, and so do the commands that the model runs: a
    /// password that lies in a variable can be read by them.
    pub fn env_clear(mut self) -> Self {
        self.launch.inherited.get_or_insert_default();
        self
    }

    /// Inherits these variables, and no others. The runtime needs `HOME` and `PATH` at least; on Windows
    /// `USERPROFILE`, `SystemRoot` and `Path`.
    pub fn env_allow<K: Into<OsString>>(mut self, keys: impl IntoIterator<Item = K>) -> Self {
        let inherited = self.launch.inherited.get_or_insert_default();
        inherited.extend(keys.into_iter().map(Into::into));
        self
    }

    /// Overrides a key of the configuration, as `--config` does; dots nest. A `null` in it, which TOML
    /// doesn't have, is an [`Error::InvalidInput`] of [`Self::start`].
    ///
    /// The value is given to the runtime on its command line, which other users of the machine can
    /// read: put secrets into the environment or into `config.toml`.
    pub fn config(mut self, key: impl Into<String>, value: impl Into<Value>) -> Self {
        self.launch.config.push((key.into(), value.into()));
        self
    }

    /// Replaces all arguments of the program, [`Self::config`] included.
    ///
    /// Default: the configuration, then `app-server --listen stdio://`.
    pub fn launch_args<A: Into<OsString>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        self.launch.args = Some(args.into_iter().map(Into::into).collect());
        self
    }

    /// Names the program that uses this SDK, as the runtime and the provider see it. Default: this SDK.
    pub fn client_info(
        mut self,
        name: impl Into<String>,
        title: impl Into<String>,
        version: impl Into<String>,
    ) -> Self {
        self.client_info = types::ClientInfo {
            name: name.into(),
            title: Some(title.into()),
            version: version.into(),
        };
        self
    }

    setters! {
        /// Asks for the experimental part of the protocol. Default: true.
        experimental_api = bool => experimental_api;
        /// Subscribes from the first byte: the first call of [`Codex::notifications`] returns the stream
        /// that began before the handshake. At most `notifications` bytes of it lie unread. Default: no such stream.
        notifications = usize => early_notifications;
        /// How long a request may take unless it says otherwise. Default: 60 s. The exceptions are said at
        /// [`SendRequest::timeout`](crate::SendRequest::timeout).
        request_timeout = Duration => limits.request_timeout;
        /// How long the runtime may take to answer the handshake. Default: as long as it works, for 15 min at
        /// most; one that does nothing for 8 s is given up. It takes about 0.1 s, and a minute or more where it
        /// indexes its home: once after an update, or after a home with many threads was restored.
        ///
        /// A runtime that is given up while it indexes leaves its home locked for a quarter of an hour, for
        /// other programs too.
        startup_timeout = Duration => startup_timeout;
        /// The longest line that is read, in bytes. Default: 256 MiB.
        ///
        /// Whoever a longer one was for gets [`Error::LineTooLong`]; the connection lives on.
        max_line_bytes = usize => limits.max_line_bytes;
        /// How many bytes may lie unread in each turn handle and notification stream. Default: 64 MiB. What is
        /// counted is about what they take in memory, which is more than their size on the wire.
        ///
        /// One that would exceed it ends with [`Error::Lagged`]; everything else goes on.
        subscription_budget = usize => limits.subscription_budget;
    }

    /// Sets who answers the requests of the runtime: approvals, questions, tool calls.
    ///
    /// Default: nobody, every request is refused. With a handler, threads that are started have the
    /// approval mode [`ApprovalMode::Ask`](crate::ApprovalMode::Ask) unless they say otherwise.
    pub fn handler(mut self, handler: impl ServerRequestHandler) -> Self {
        self.handlers.set(handler);
        self
    }

    /// Decides on commands by a closure (`item/commandExecution/requestApproval`), before any
    /// [`Self::handler`]. It returns the decision or the whole response; an error and a panic decline. As
    /// with a handler, threads that are started have the mode [`ApprovalMode::Ask`](crate::ApprovalMode::Ask).
    ///
    /// ```no_run
    /// use codex_sdk::types::CommandExecutionApprovalDecision::{Accept, Decline};
    ///
    /// # async fn example() -> codex_sdk::Result<()> {
    /// let codex = codex_sdk::Codex::builder()
    ///     .on_command_approval(|_context, params| async move {
    ///         // All of it, with the shell that runs it: `cargo check; …` is another command.
    ///         let harmless = params.command.as_deref() == Some("/bin/bash -lc 'cargo check'");
    ///         Ok(if harmless { Accept } else { Decline })
    ///     })
    ///     .start()
    ///     .await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Cancel safety
    /// As for [`ServerRequestHandler`]: when the answer is no longer waited for, the future is dropped.
    pub fn on_command_approval<F, A, D>(mut self, decide: F) -> Self
    where
        F: Fn(RequestContext, types::CommandExecutionRequestApprovalParams) -> A
            + Send
            + Sync
            + 'static,
        A: Future<Output = HandlerResult<D>> + Send + 'static,
        D: Into<types::CommandExecutionRequestApprovalResponse>,
    {
        let answer = approval::<_, _, _, _, types::CommandExecutionRequestApprovalResponse>(decide);
        self.handlers.command_approval = Some(answer);
        self
    }

    /// Decides on file changes by a closure (`item/fileChange/requestApproval`), before any
    /// [`Self::handler`]. The changes and their diffs are
    /// [`RequestContext::changes`](crate::RequestContext::changes). All else is as for
    /// [`Self::on_command_approval`].
    ///
    /// # Cancel safety
    /// When the answer is no longer waited for, the future is dropped.
    pub fn on_file_change_approval<F, A, D>(mut self, decide: F) -> Self
    where
        F: Fn(RequestContext, types::FileChangeRequestApprovalParams) -> A + Send + Sync + 'static,
        A: Future<Output = HandlerResult<D>> + Send + 'static,
        D: Into<types::FileChangeRequestApprovalResponse>,
    {
        let answer = approval::<_, _, _, _, types::FileChangeRequestApprovalResponse>(decide);
        self.handlers.file_change_approval = Some(answer);
        self
    }

    /// Starts the runtime and shakes hands (`initialize`).
    ///
    /// The Tokio runtime in which this is awaited carries the client.
    ///
    /// # Panics
    /// Outside a Tokio runtime, or in one without its drivers for I/O and time.
    ///
    /// # Errors
    /// [`Error::Runtime`] without a runtime, [`Error::HomeMissing`], [`Error::Spawn`],
    /// [`Error::Handshake`], also if [`Self::startup_timeout`] passes, [`Error::InvalidInput`]. No process
    /// is left behind.
    ///
    /// # Cancel safety
    /// Dropping the call kills a runtime that was already started. An installation that was begun
    /// goes on.
    pub fn start(self) -> Call<Codex> {
        Call::new(async move {
            let runtime = self.launch.locate().await?;
            let begun = Instant::now();
            loop {
                let attempt = self.attempt(&runtime).await;
                match &attempt {
                    Err(error) if error.condition() == Some(Condition::HomeDatabase) => {}
                    _ => return attempt,
                }
                let most = self.startup_timeout.map_or(BUSY, |it| it.min(BUSY));
                if begun.elapsed() > most {
                    return attempt;
                }
                tracing::debug!("another runtime is starting on the same home: trying again");
                sleep(Duration::from_millis(fastrand::u64(50..300))).await;
            }
        })
    }

    /// Starts a process, and shakes hands.
    async fn attempt(&self, runtime: &Runtime) -> Result<Codex> {
        let command = self.launch.command(runtime)?;
        let program = Program {
            path: runtime.codex.clone(),
            home: home_of(&command),
        };
        let (process, pipes) = Process::spawn(command).map_err(|source| Error::Spawn {
            program: runtime.codex.clone(),
            source: Arc::new(source),
        })?;
        let process = Some((process, pipes.stderr));
        let wired = self.wire(pipes.stdout, pipes.stdin, process);
        self.shake_hands(wired, &program).await
    }

    /// Connects to an app-server that is reached in another way than as a child process, for example
    /// to a scripted one in a test: reads what it writes from `output`, writes to `input`. Options that
    /// concern a process have no effect.
    ///
    /// # Panics
    /// As for [`Self::start`].
    ///
    /// # Errors
    /// [`Error::Handshake`].
    ///
    /// # Cancel safety
    /// Dropping the call ends the connection, and drops `output` and `input`.
    pub fn start_with_io(
        self,
        output: impl AsyncRead + Unpin + Send + 'static,
        input: impl AsyncWrite + Unpin + Send + 'static,
    ) -> Call<Codex> {
        Call::new(async move {
            let wired = self.wire(output, input, None);
            let program = Program {
                path: PathBuf::from("app-server"),
                home: None,
            };
            self.shake_hands(wired, &program).await
        })
    }

    fn wire(
        &self,
        output: impl AsyncRead + Unpin + Send + 'static,
        input: impl AsyncWrite + Unpin + Send + 'static,
        process: Option<(Process, ChildStderr)>,
    ) -> Wired {
        let (handlers, early) = (self.handlers.clone(), self.early_notifications);
        wire(self.limits, handlers, output, input, process, early)
    }

    async fn shake_hands(&self, wired: Wired, program: &Program) -> Result<Codex> {
        let mut params = types::InitializeParams::new(self.client_info.clone());
        params.capabilities = Some(types::InitializeCapabilities {
            experimental_api: self.experimental_api,
            ..Default::default()
        });
        let inner = wired.shake_hands(&params, self.startup_timeout, program);
        Ok(Codex::of(inner.await?))
    }
}

impl fmt::Debug for CodexBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let config: Vec<_> = self.launch.config.iter().map(|(key, _)| key).collect();
        f.debug_struct("CodexBuilder")
            .field("codex_bin", &self.launch.codex_bin)
            .field("install_runtime", &self.launch.install_runtime)
            .field("cwd", &self.launch.cwd)
            .field("env", &self.launch.env.keys().collect::<Vec<_>>())
            .field("inherited", &self.launch.inherited)
            .field("config", &config)
            .field("client_info", &self.client_info)
            .field("experimental_api", &self.experimental_api)
            .field("startup_timeout", &self.startup_timeout)
            .field("limits", &self.limits)
            .field("has_handler", &self.handlers.any())
            .finish_non_exhaustive()
    }
}
