//! Opening a thread: starting, resuming, forking.

use std::future::IntoFuture;
use std::path::PathBuf;
use std::sync::Arc;

use codex_types::{
    Personality, ThreadForkParams, ThreadResumeParams, ThreadSource, ThreadStartParams,
    ThreadStartSource, TurnEnvironmentParams,
};
use serde_json::{Map, Value};

use crate::call::Call;
use crate::codex::Codex;
use crate::codex::inner::CodexInner;
use crate::error::{Error, Result};
use crate::paths::utf8;
use crate::permissions::{ApprovalMode, CONFIG_KEY, SandboxRules, permission_setters};
use crate::setters::{debug_shows, setters};
use crate::thread::mcp_server::McpServer;
use crate::thread::{Thread, mcp_server};
use crate::tool::{Tool, Toolbox};
use crate::turn::environment::{Environment, add_all};

impl Codex {
    /// Starts a thread (`thread/start`). See [`StartThread`] for its options and errors.
    ///
    /// # Cancel safety
    /// Once sent, it may leave a thread without a handle.
    pub fn thread_start(&self) -> StartThread {
        StartThread::new(Arc::clone(self.inner()))
    }

    /// Resumes a stored thread (`thread/resume`). See [`ResumeThread`] for its options and errors.
    ///
    /// # Cancel safety
    /// Once sent, the thread may stay loaded.
    pub fn thread_resume(&self, thread_id: impl Into<String>) -> ResumeThread {
        ResumeThread::new(Arc::clone(self.inner()), thread_id.into())
    }

    /// Forks a stored thread (`thread/fork`): creates a new one with the same history. See [`ForkThread`] for
    /// its options and errors.
    ///
    /// # Cancel safety
    /// Once sent, it may leave a fork without a handle.
    pub fn thread_fork(&self, thread_id: impl Into<String>) -> ForkThread {
        ForkThread::new(Arc::clone(self.inner()), thread_id.into())
    }
}

/// Writes a builder around `$params`: what all three share, and its own setters.
macro_rules! thread_builder {
    ($(#[$doc:meta])* $name:ident($params:ident) { $($own:item)* }) => {
        $(#[$doc])*
        ///
        /// # Errors
        /// [`Error::Rpc`](crate::Error::Rpc), [`Error::Timeout`](crate::Error::Timeout),
        /// [`Error::Closed`](crate::Error::Closed); [`Error::InvalidInput`](crate::Error::InvalidInput) for a
        /// folder that isn't UTF-8, a `config` that isn't an object, and tool or MCP server names that would be
        /// refused.
        ///
        /// # Cancel safety
        /// Once sent, it may leave a thread loaded and idle, without a handle or its tools.
        #[must_use = "nothing is sent until this is awaited"]
        pub struct $name {
            codex: Arc<CodexInner>,
            params: $params,
            cwd: Option<PathBuf>,
            config: Option<Value>,
            sandbox: Option<SandboxRules>,
            tools: Toolbox,
            mcp_servers: Vec<(String, McpServer)>,
            environments: Vec<Environment>,
        }

        impl $name {
            fn from_params(codex: Arc<CodexInner>, params: $params) -> Self {
                Self {
                    codex,
                    params,
                    cwd: None,
                    config: None,
                    sandbox: None,
                    tools: Toolbox::default(),
                    mcp_servers: Vec::new(),
                    environments: Vec::new(),
                }
            }

            $($own)*

            setters! {
                /// The model.
                model: String => params.model;
                /// The model's provider, by its name in the configuration.
                model_provider: String => params.model_provider;
                /// The thread's working folder.
                cwd: PathBuf => cwd;
                /// Overrides of the configuration for this thread, as a JSON object.
                config: Value => config;
                /// Instructions that replace the runtime's own.
                base_instructions: String => params.base_instructions;
                /// Instructions in addition to the runtime's own.
                developer_instructions: String => params.developer_instructions;
            }

            /// The service tier for this thread's turns. `default` is the standard speed; `null` on the wire
            /// means the same.
            pub fn service_tier(mut self, service_tier: impl Into<String>) -> Self {
                self.params.service_tier = Some(Some(service_tier.into()));
                self
            }

            permission_setters!();

            /// Answers calls of a tool ([`Tool`]) with a function of this program, for as long as the runtime
            /// has the thread loaded.
            ///
            /// The model of a new thread is told its tools, and the runtime remembers them. A resumed or forked
            /// thread has the tools that it began with: this only answers their calls.
            pub fn tool(mut self, tool: Tool) -> Self {
                self.tools.add(tool);
                self
            }

            /// Gives the thread a Model Context Protocol server, in addition to those in the runtime's
            /// configuration. From a server with the same name there, it keeps what this one doesn't set. A
            /// name consists of ASCII letters, digits and `_ : @ / . -`.
            ///
            /// The server isn't stored with the thread: a resumed or forked thread has only those given to it
            /// then. Resuming a loaded thread doesn't change its servers.
            ///
            /// The call doesn't wait for the server, unless it is [`required`](McpServer::required).
            /// `mcpServer/startupStatus/updated` on [`Codex::notifications`](crate::Codex::notifications)
            /// reports how its start went; without a subscriber, a failure is logged as a warning.
            pub fn mcp_server(mut self, name: impl Into<String>, server: McpServer) -> Self {
                self.mcp_servers.push((name.into(), server));
                self
            }

            async fn open(mut self) -> Result<Thread> {
                self.offer()?;
                self.params.cwd = self.cwd.map(utf8).transpose()?;
                let mut config = mcp_server::with_servers(self.config, self.mcp_servers)?;
                if let Some(sandbox) = self.sandbox {
                    let (mode, rules) = sandbox.mode()?;
                    self.params.sandbox = Some(mode);
                    config = with_rules(config, rules)?;
                }
                self.params.config = config;
                if !self.environments.is_empty() {
                    let added = add_all(&self.codex, self.environments).await?;
                    self.params.set_environments(added);
                }
                let connection = &self.codex.connection;
                // A known thread may call its tools before its response has been read.
                let known = self.params.known().map(Arc::from);
                let given = known.map(|id| connection.equip(&id, std::mem::take(&mut self.tools)));
                let response = self.codex.open_thread(&self.params).await?;
                let mut roots = response.runtime_workspace_roots.iter();
                // Only the experimental part of the protocol lets a turn control the thread's writable roots.
                let has_more =
                    self.codex.experimental_api && roots.any(|root| *root != response.cwd);
                let folder = has_more.then(|| PathBuf::from(response.cwd.as_str()));
                connection.router().opened(&response.thread.id, folder);
                match given {
                    Some(equipment) => equipment.keep(),
                    None => {
                        let mut router = connection.router();
                        let source = self.params.source();
                        let before = router.equip(&response.thread.id, source, self.tools);
                        drop(router);
                        drop(before);
                    }
                }
                Ok(Thread::new(self.codex, &response.thread.id, &response.model))
            }
        }

        impl IntoFuture for $name {
            type Output = Result<Thread>;
            type IntoFuture = Call<Thread>;

            fn into_future(self) -> Self::IntoFuture {
                Call::new(self.open())
            }
        }

        // The parameters contain configuration and instructions.
        debug_shows!($name { cwd: cwd, mcp_servers: mcp_servers });
    };
}

thread_builder! {
    /// Options for a new thread (`thread/start`), from
    /// [`Codex::thread_start`](crate::Codex::thread_start).
    ///
    /// What isn't set follows the runtime's configuration, except for the approval mode: by default nothing is
    /// approved ([`ApprovalMode::DenyAll`]), or if the client has a handler, it is asked
    /// ([`ApprovalMode::Ask`]).
    StartThread(ThreadStartParams) {
        pub(crate) fn new(codex: Arc<CodexInner>) -> Self {
            let mode = if codex.has_handler {
                ApprovalMode::Ask
            } else {
                ApprovalMode::DenyAll
            };
            Self::from_params(codex, ThreadStartParams::default()).approval_mode(mode)
        }

        fn offer(&mut self) -> Result<()> {
            if !self.tools.is_empty() {
                self.params.dynamic_tools = Some(self.tools.specs()?);
            }
            Ok(())
        }
    }
}

impl StartThread {
    /// Where the model's commands run. If there are several, turns begin in the first.
    pub fn environment(mut self, environment: Environment) -> Self {
        self.environments.push(environment);
        self
    }

    setters! {
        /// Whether the thread is kept in memory only and can't be resumed. The runtime's default: no.
        ephemeral = bool => params.ephemeral;
        /// The personality. The runtime's named ones no longer have any effect.
        personality: Personality => params.personality;
        /// The name by which this program's service is known.
        service_name: String => params.service_name;
        /// What begins here: a new session, or one that was cleared.
        session_start_source: ThreadStartSource => params.session_start_source;
        /// Who started this thread, for analytics.
        thread_source: ThreadSource => params.thread_source;
    }
}

thread_builder! {
    /// Options for resuming a thread (`thread/resume`), from
    /// [`Codex::thread_resume`](crate::Codex::thread_resume).
    ///
    /// What isn't set stays as it was, including the approval mode. The model always sees the whole history. A
    /// thread that is already loaded keeps its settings, whatever you set here: change them with a turn.
    ResumeThread(ThreadResumeParams) {
        pub(crate) fn new(codex: Arc<CodexInner>, thread_id: String) -> Self {
            Self::from_params(codex, ThreadResumeParams::new(thread_id))
        }

        fn offer(&mut self) -> Result<()> {
            self.tools.specs().map(drop)
        }
    }
}

impl ResumeThread {
    setters! {
        /// The personality. The runtime's named ones no longer have any effect.
        personality: Personality => params.personality;
    }

    /// Whether the runtime sends the thread's turns along. By default, the runtime decides.
    ///
    /// A history can be hundreds of megabytes, and the [`Thread`] doesn't hold it: read it page by page
    /// with [`Thread::turns`].
    pub fn include_turns(mut self, include: bool) -> Self {
        self.params.exclude_turns = Some(!include);
        self
    }
}

thread_builder! {
    /// Options for a fork of a thread (`thread/fork`), from
    /// [`Codex::thread_fork`](crate::Codex::thread_fork).
    ///
    /// What isn't set is as in the source. A fork's turns keep the ids that they have in the source.
    ForkThread(ThreadForkParams) {
        pub(crate) fn new(codex: Arc<CodexInner>, thread_id: String) -> Self {
            Self::from_params(codex, ThreadForkParams::new(thread_id))
        }

        fn offer(&mut self) -> Result<()> {
            self.tools.specs().map(drop)
        }
    }
}

impl ForkThread {
    setters! {
        /// Whether the fork is kept in memory only and can't be resumed. The runtime's default: no.
        ephemeral = bool => params.ephemeral;
        /// Who started this thread, for analytics.
        thread_source: ThreadSource => params.thread_source;
        /// The last turn of the source to include; by default, all are included. Needs Codex 0.143.0.
        last_turn_id: String => params.last_turn_id;
        /// The first turn of the source to leave out; by default, none is. Needs Codex 0.145.0.
        before_turn_id: String => params.before_turn_id;
    }

    /// Whether the runtime sends the fork's turns along; see [`ResumeThread::include_turns`].
    pub fn include_turns(mut self, include: bool) -> Self {
        self.params.exclude_turns = Some(!include);
        self
    }
}

/// Where a thread gets its tools from if it is given none.
trait Source {
    /// The thread's id, if it already has one.
    fn known(&self) -> Option<&str> {
        None
    }

    fn source(&self) -> Option<&str> {
        None
    }

    /// Sets where its commands run: only for a new thread, others keep theirs.
    fn set_environments(&mut self, _: Vec<TurnEnvironmentParams>) {}
}

impl Source for ThreadStartParams {
    fn set_environments(&mut self, environments: Vec<TurnEnvironmentParams>) {
        self.environments = Some(environments);
    }
}

/// A resumed thread keeps its own.
impl Source for ThreadResumeParams {
    fn known(&self) -> Option<&str> {
        Some(&self.thread_id)
    }
}

impl Source for ThreadForkParams {
    fn source(&self) -> Option<&str> {
        Some(&self.thread_id)
    }
}

/// A thread's configuration, with what its sandbox may do.
fn with_rules(
    config: Option<Map<String, Value>>,
    rules: Value,
) -> Result<Option<Map<String, Value>>> {
    let mut config = config.unwrap_or_default();
    if config.keys().any(|key| key.starts_with(CONFIG_KEY)) {
        let problem = format!("next to `sandbox`, leave `{CONFIG_KEY}` out of `config`");
        return Err(Error::InvalidInput(problem));
    }
    config.insert(CONFIG_KEY.to_owned(), rules);
    Ok(Some(config))
}
