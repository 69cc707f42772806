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
use crate::connection::limits::Limits;
use crate::connection::process::Process;
use crate::error::condition::Condition;
use crate::error::{Error, Result};
use crate::server_requests::registry::HandlerRegistry;
use crate::setters::setters;
use crate::start::acceptance::{accept, refusal, warn_of_another_home};
use crate::start::command::Launch;
use crate::start::diagnosis::home_of;
use crate::start::environment::CODEX_HOME;
use crate::start::{Program, Wired, capabilities, wire};
use crate::tasks::input::Output;

/// How long a start waits for another one on the same fresh home.
const BUSY: Duration = Duration::from_secs(15);

/// Options for a [`Codex`] client, from [`Codex::builder`].
///
/// Its `Debug` shows no values of the environment and of the configuration.
#[derive(Clone)]
#[must_use = "a builder does nothing until it is started"]
pub struct CodexBuilder {
    launch: Launch,
    client_info: types::ClientInfo,
    capabilities: types::InitializeCapabilities,
    experimental_api: bool,
    require_pinned: bool,
    /// The budget of the subscription that begins before the handshake, in bytes.
    early_notifications: Option<usize>,
    startup_timeout: Option<Duration>,
    limits: Limits,
    pub(super) handlers: HandlerRegistry,
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
            capabilities: types::InitializeCapabilities::default(),
            experimental_api: true,
            require_pinned: false,
            early_notifications: None,
            startup_timeout: None,
            limits: Limits::default(),
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
        /// A version other than [`RUNTIME_VERSION`](crate::RUNTIME_VERSION) is allowed, and logged as a
        /// warning that says whether it is older or newer. One before 0.132.0 is an
        /// [`Error::UnsupportedRuntime`]. One that has no number, or 0.0.0 as a build from source has, is
        /// taken for a new one.
        codex_bin: PathBuf => launch.codex_bin;
        /// Whether any other version than [`RUNTIME_VERSION`](crate::RUNTIME_VERSION) is refused, with
        /// [`Error::UnsupportedRuntime`]. Default: false.
        require_pinned = bool => require_pinned;
        /// Installs the pinned runtime if it is missing. Default: false, a missing runtime is an error.
        ///
        /// [`runtime::install`](crate::runtime::install) does the same beforehand, and reports progress.
        install_runtime = bool => launch.install_runtime;
    }

    /// Sets `CODEX_HOME`: the existing folder with the configuration, the login and the threads.
    ///
    /// Default: the runtime's own, `.codex` in the user's home. Use one client per home at a time. A
    /// relative path starts from this program's folder. That the runtime uses another home all the same, as
    /// behind a script that sets `CODEX_HOME` itself, is logged as a warning; [`Metadata::codex_home`] has
    /// what it uses.
    ///
    /// [`Metadata::codex_home`]: crate::Metadata::codex_home
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
    ///
    /// The last call for a variable counts, of this and of [`Self::env_remove`].
    pub fn env(mut self, key: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        let changed = &mut self.launch.env.changed;
        changed.insert(key.into(), Some(value.into()));
        self
    }

    /// Leaves a variable out of the runtime's environment.
    pub fn env_remove(mut self, key: impl Into<OsString>) -> Self {
        self.launch.env.changed.insert(key.into(), None);
        self
    }

    /// Sets several environment variables of the runtime, as [`Self::env`] does one.
    pub fn envs<K: Into<OsString>, V: Into<OsString>>(
        mut self,
        variables: impl IntoIterator<Item = (K, V)>,
    ) -> Self {
        let variables = variables.into_iter();
        let variables = variables.map(|(key, value)| (key.into(), Some(value.into())));
        self.launch.env.changed.extend(variables);
        self
    }

    /// Inherits nothing of this program's environment, but what [`Self::env_allow`] names.
    ///
    /// By default the runtime inherits all of it, and so do the commands that the model runs: a
    /// password that lies in a variable can be read by them. Only what a Codex session tells its commands
    /// about itself isn't inherited, such as `CODEX_THREAD_ID`, `CODEX_SANDBOX` and
    /// `CODEX_INTERNAL_ORIGINATOR_OVERRIDE`: a runtime that is started by such a command would take that
    /// session's name for its own. [`Self::env`] and [`Self::env_allow`] pass these on, too.
    pub fn env_clear(mut self) -> Self {
        self.launch.env.inherited.get_or_insert_default();
        self
    }

    /// Inherits these variables, and no others. The runtime needs `HOME` and `PATH` at least; on Windows
    /// `USERPROFILE`, `SystemRoot` and `Path`.
    pub fn env_allow<K: Into<OsString>>(mut self, keys: impl IntoIterator<Item = K>) -> Self {
        let inherited = self.launch.env.inherited.get_or_insert_default();
        inherited.extend(keys.into_iter().map(Into::into));
        self
    }

    /// Overrides a key of the configuration. It is a TOML key: dots nest, and a name with anything but
    /// letters, digits, `_` and `-` is quoted, as in `projects."/srv/a.b".trust_level`. A later call goes
    /// before an earlier one.
    ///
    /// What TOML doesn't have is an [`Error::InvalidInput`] of [`Self::start`]: a `null`, an integer beyond
    /// 64 bits with a sign, any other key. So is a key whose first name is quoted.
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
        /// Sets what else this client is capable of, for example which notifications it can do without
        /// (`opt_out_notification_methods`). Default: nothing. Its `experimental_api` has no effect:
        /// [`Self::experimental_api`] has.
        ///
        /// To do without a notification that this crate itself needs, such as `turn/completed`, is an
        /// [`Error::InvalidInput`] of [`Self::start`]; a capability that the runtime is too old for is an
        /// [`Error::RuntimeTooOld`].
        capabilities = types::InitializeCapabilities => capabilities;
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
        /// One that would exceed it ends with [`Error::Lagged`]; everything else goes on. Less than 1 MiB is too
        /// little for a runtime that writes fast, however fast the stream is read.
        subscription_budget = usize => limits.subscription_budget;
        /// How many bytes may lie unread in all of them together. Default: 256 MiB. When more comes, the one that
        /// holds most ends with [`Error::Lagged`], and what lies unread in it is let go.
        unread_budget = usize => limits.unread_budget;
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
    /// [`Error::Handshake`], also if [`Self::startup_timeout`] passes. [`Error::InvalidInput`] for what can't
    /// be passed on as it is, before anything is started: a home or a working folder that isn't UTF-8, this
    /// program's included if none is set; NUL in a path, an argument or a variable; `=` in the name of a
    /// variable; a control character in the name of the client. [`Error::UnsupportedRuntime`]. No
    /// process is left behind.
    ///
    /// # Cancel safety
    /// Dropping the call kills a runtime that was already started. An installation that was begun
    /// goes on.
    pub fn start(self) -> Call<Codex> {
        Call::new(async move {
            self.check()?;
            self.launch.check()?;
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
        let wired = self.wire(Output::Pipe(pipes.stdout), pipes.stdin, process);
        let codex = self.shake_hands(wired, &program).await?;
        if let Some(home) = self.launch.env.chosen_home()? {
            warn_of_another_home(codex.metadata(), &home);
        }
        Ok(codex)
    }

    /// Connects to an app-server that is reached in another way than as a child process, for example
    /// to a scripted one in a test: reads what it writes from `output`, writes to `input`. Options that
    /// concern a process have no effect.
    ///
    /// # Panics
    /// As for [`Self::start`].
    ///
    /// # Errors
    /// [`Error::Handshake`], [`Error::UnsupportedRuntime`];
    /// [`Error::InvalidInput`] as for [`Self::start`].
    ///
    /// # Cancel safety
    /// Dropping the call ends the connection, and drops `output` and `input`.
    pub fn start_with_io(
        self,
        output: impl AsyncRead + Unpin + Send + 'static,
        input: impl AsyncWrite + Unpin + Send + 'static,
    ) -> Call<Codex> {
        Call::new(async move {
            self.check()?;
            let output = Output::Stream(Box::new(output));
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
        output: Output,
        input: impl AsyncWrite + Unpin + Send + 'static,
        process: Option<(Process, ChildStderr)>,
    ) -> Wired {
        let (handlers, early) = (self.handlers.clone(), self.early_notifications);
        wire(self.limits, handlers, output, input, process, early)
    }

    /// Refuses what the handshake can't carry, or what would keep this crate from working.
    fn check(&self) -> Result<()> {
        let name = &self.client_info.name;
        if name.contains(char::is_control) {
            return Err(Error::InvalidInput(format!(
                "the name of the client, {name:?}, has a control character in it"
            )));
        }
        capabilities::check(&self.capabilities)
    }

    async fn shake_hands(&self, wired: Wired, program: &Program) -> Result<Codex> {
        let mut params = types::InitializeParams::new(self.client_info.clone());
        params.capabilities = Some(types::InitializeCapabilities {
            experimental_api: self.experimental_api,
            ..self.capabilities.clone()
        });
        let by_default = self.launch.args.is_none();
        let inner = wired.shake_hands(&params, self.startup_timeout, program);
        let inner = inner.await.map_err(|error| refusal(error, by_default))?;
        if let Err(error) = accept(&inner.metadata, self.require_pinned) {
            inner.kill().await;
            return Err(error);
        }
        Ok(Codex::of(inner))
    }
}

impl fmt::Debug for CodexBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let env = &self.launch.env.changed;
        let config: Vec<_> = self.launch.config.iter().map(|(key, _)| key).collect();
        f.debug_struct("CodexBuilder")
            .field("codex_bin", &self.launch.codex_bin)
            .field("install_runtime", &self.launch.install_runtime)
            .field("cwd", &self.launch.cwd)
            .field("env", &env.keys().collect::<Vec<_>>())
            .field("inherited", &self.launch.env.inherited)
            .field("config", &config)
            .field("client_info", &self.client_info)
            .field("experimental_api", &self.experimental_api)
            .field("require_pinned", &self.require_pinned)
            .field("startup_timeout", &self.startup_timeout)
            .field("limits", &self.limits)
            .field("has_handler", &self.handlers.any())
            .finish_non_exhaustive()
    }
}
