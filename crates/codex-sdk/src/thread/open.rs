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
    /// Starts a thread (`thread/start`). [`StartThread`] has its options and errors.
    ///
    /// # Cancel safety
    /// Once it is sent, a thread may be left without a handle.
    pub fn thread_start(&self) -> StartThread {
        StartThread::new(Arc::clone(self.inner()))
    }

    /// Resumes a stored thread (`thread/resume`). [`ResumeThread`] has its options and errors.
    ///
    /// # Cancel safety
    /// Once it is sent, the thread may stay loaded.
    pub fn thread_resume(&self, thread_id: impl Into<String>) -> ResumeThread {
        ResumeThread::new(Arc::clone(self.inner()), thread_id.into())
    }

    /// Forks a stored thread (`thread/fork`): a new one with the same history. [`ForkThread`] has its
    /// options and errors.
    ///
    /// # Cancel safety
    /// Once it is sent, a fork may be left without a handle.
    pub fn thread_fork(&self, thread_id: impl Into<String>) -> ForkThread {
        ForkThread::new(Arc::clone(self.inner()), thread_id.into())
    }
}

/// Writes a builder around `$params`: what the three have in common, and its own setters.
macro_rules! thread_builder {
    ($(#[$doc:meta])* $name:ident($params:ident) { $($own:item)* }) => {
        $(#[$doc])*
        ///
        /// # Errors
        /// [`Error::Rpc`](crate::Error::Rpc), [`Error::Timeout`](crate::Error::Timeout),
        /// [`Error::Closed`](crate::Error::Closed); [`Error::InvalidInput`](crate::Error::InvalidInput)
        /// for a folder that isn't UTF-8, a `config` that is no object, and names of tools and MCP servers
        /// that would be refused.
        ///
        /// # Cancel safety
        /// Once it is sent, a thread may be left that is loaded, idle, and without a handle and its tools.
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
                /// The provider of the model, by its name in the configuration.
                model_provider: String => params.model_provider;
                /// The folder that the thread works in.
                cwd: PathBuf => cwd;
                /// Overrides of the configuration for this thread: a JSON object.
                config: Value => config;
                /// Instructions instead of the runtime's own.
                base_instructions: String => params.base_instructions;
                /// Instructions on top of the runtime's own.
                developer_instructions: String => params.developer_instructions;
            }

            /// The service tier, for this thread's turns. `default` is the standard speed, and what a
            /// `null` on the wire means.
            pub fn service_tier(mut self, service_tier: impl Into<String>) -> Self {
                self.params.service_tier = Some(Some(service_tier.into()));
                self
            }

            permission_setters!();

            /// Answers the calls of a tool ([`Tool`]) with a function of this program, for as long as the
            /// runtime has the thread loaded.
            ///
            /// The model of a new thread is told its tools, and the runtime remembers them. A thread
            /// that is resumed or forked has those that it began with: they are only answered from here.
            pub fn tool(mut self, tool: Tool) -> Self {
                self.tools.add(tool);
                self
            }

            /// Gives the thread a server of the Model Context Protocol, beside those of the runtime's
            /// configuration; what one of the same name there has and this hasn't, it keeps. A name
            /// has ASCII letters, digits and `_ : @ / . -`.
            ///
            /// The server isn't stored with the thread: a resumed or forked one has those that it is
            /// given then. Resuming a thread that is loaded changes nothing about its servers.
            ///
            /// The call doesn't wait for the server, unless it is
            /// [`required`](McpServer::required). How its start went,
            /// `mcpServer/startupStatus/updated` tells on
            /// [`Codex::notifications`](crate::Codex::notifications); if nobody has subscribed, a
            /// failure is logged as a warning.
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
                // One that is known may call its tools before the answer was looked at.
                let known = self.params.known().map(Arc::from);
                let given = known.map(|id| connection.equip(&id, std::mem::take(&mut self.tools)));
                let response = self.codex.open_thread(&self.params).await?;
                let mut roots = response.runtime_workspace_roots.iter();
                // Only the experimental part of the protocol lets a turn say what becomes of them.
                let has_more =
                    self.codex.experimental_api && roots.any(|root| *root != response.cwd);
                let folder = has_more.then(|| PathBuf::from(response.cwd.as_str()));
                connection.router().set_folder(&response.thread.id, folder);
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

        // The parameters have configuration in them, and instructions.
        debug_shows!($name { cwd: cwd, mcp_servers: mcp_servers });
    };
}

thread_builder! {
    /// Options for a new thread (`thread/start`), from
    /// [`Codex::thread_start`](crate::Codex::thread_start).
    ///
    /// What isn't set is as the runtime's configuration has it, but the approval mode: by default
    /// nothing is approved ([`ApprovalMode::DenyAll`]), or, if the client has a handler, it is asked
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
    /// Where the commands of the model run. Of several, the first is where turns begin.
    pub fn environment(mut self, environment: Environment) -> Self {
        self.environments.push(environment);
        self
    }

    setters! {
        /// Whether the thread is kept in memory only, and can't be resumed. The runtime's default: no.
        ephemeral = bool => params.ephemeral;
        /// The personality. The runtime's named ones have no effect any more.
        personality: Personality => params.personality;
        /// The name under which this program's service is known.
        service_name: String => params.service_name;
        /// What begins here: a session, or one that was cleared.
        session_start_source: ThreadStartSource => params.session_start_source;
        /// Who started this thread, as analytics has it.
        thread_source: ThreadSource => params.thread_source;
    }
}

thread_builder! {
    /// Options for resuming a thread (`thread/resume`), from
    /// [`Codex::thread_resume`](crate::Codex::thread_resume).
    ///
    /// What isn't set stays as the thread had it, the approval mode included. The model sees the whole
    /// history in any case. A thread that is loaded already keeps its settings, whatever is set here: a
    /// turn changes them.
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
        /// The personality. The runtime's named ones have no effect any more.
        personality: Personality => params.personality;
    }

    /// Whether the runtime sends the thread's turns along. Without this it decides itself.
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
    /// What isn't set is as the source has it. The turns of a fork keep the ids they have in the source.
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
        /// Whether the fork is kept in memory only, and can't be resumed. The runtime's default: no.
        ephemeral = bool => params.ephemeral;
        /// Who started this thread, as analytics has it.
        thread_source: ThreadSource => params.thread_source;
        /// The last turn of the source that the fork has; all of them by default. Needs Codex 0.143.0.
        last_turn_id: String => params.last_turn_id;
        /// The first turn of the source that the fork doesn't have; none by default. Needs Codex 0.145.0.
        before_turn_id: String => params.before_turn_id;
    }

    /// Whether the runtime sends the fork's turns along; see [`ResumeThread::include_turns`].
    pub fn include_turns(mut self, include: bool) -> Self {
        self.params.exclude_turns = Some(!include);
        self
    }
}

/// Where a thread has its tools from, if it is given none.
trait Source {
    /// The thread, if it has its id already.
    fn known(&self) -> Option<&str> {
        None
    }

    fn source(&self) -> Option<&str> {
        None
    }

    /// Where its commands run: that of a new thread can be set, others have theirs.
    fn set_environments(&mut self, _: Vec<TurnEnvironmentParams>) {}
}

impl Source for ThreadStartParams {
    fn set_environments(&mut self, environments: Vec<TurnEnvironmentParams>) {
        self.environments = Some(environments);
    }
}

/// It keeps its own.
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

/// The configuration of a thread, with what its sandbox may do.
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
