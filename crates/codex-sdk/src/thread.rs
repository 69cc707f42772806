//! Threads: conversations that turns belong to.

use std::{fmt, future::IntoFuture, path::PathBuf, sync::Arc};

use serde_json::Value;

use crate::{
    ApprovalMode, Call, Error, NotificationStream, Result, RunInput, Sandbox, StartTurn,
    TurnHandle, TurnResult,
    client::Client,
    input::utf8,
    options::setters,
    types::{
        ApprovalsReviewer, AskForApproval, Personality, ThreadSource, ThreadStartParams,
        ThreadStartSource,
    },
};

/// A thread: a conversation, in which one turn runs at a time.
///
/// Clones are the same thread. They keep the runtime alive.
#[derive(Clone)]
pub struct Thread {
    client: Arc<Client>,
    id: Arc<str>,
    model: Arc<str>,
}

impl Thread {
    pub(crate) fn new(client: Arc<Client>, id: &str, model: &str) -> Self {
        Self {
            client,
            id: Arc::from(id),
            model: Arc::from(model),
        }
    }

    /// The thread's id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The model that the thread had when this handle was made; a turn may have set another since.
    pub fn model(&self) -> &str {
        &self.model
    }

    /// Runs a turn to its end (`turn/start`) and returns all that it brought.
    pub fn run(&self, input: impl Into<RunInput>) -> StartTurn<TurnResult> {
        StartTurn::new(Arc::clone(&self.client), Arc::clone(&self.id), input.into())
    }

    /// Starts a turn (`turn/start`), to be followed while it runs.
    ///
    /// On a thread whose turn is still running, this joins that turn.
    pub fn turn(&self, input: impl Into<RunInput>) -> StartTurn<TurnHandle> {
        StartTurn::new(Arc::clone(&self.client), Arc::clone(&self.id), input.into())
    }

    /// Subscribes to every notification of this thread that no live turn handle takes, from now on.
    pub fn notifications(&self) -> NotificationStream {
        self.client.subscribe(Some(Arc::clone(&self.id)))
    }
}

impl fmt::Debug for Thread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Thread")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

/// Options for a new thread (`thread/start`), from [`Codex::thread_start`](crate::Codex::thread_start).
///
/// What isn't set is as the runtime's configuration has it, but the approval mode: by default nothing
/// is approved ([`ApprovalMode::DenyAll`]).
#[must_use = "a thread is started when this is awaited"]
pub struct StartThread {
    client: Arc<Client>,
    params: ThreadStartParams,
    cwd: Option<PathBuf>,
    config: Option<Value>,
}

impl StartThread {
    pub(crate) fn new(client: Arc<Client>) -> Self {
        Self {
            client,
            params: ThreadStartParams::default(),
            cwd: None,
            config: None,
        }
        .approval_mode(ApprovalMode::DenyAll)
    }

    setters! {
        /// The model.
        model: String => model;
        /// The provider of the model, by its name in the configuration.
        model_provider: String => model_provider;
        /// Instructions instead of the runtime's own.
        base_instructions: String => base_instructions;
        /// Instructions on top of the runtime's own.
        developer_instructions: String => developer_instructions;
        /// Whether the thread is kept in memory only, and can't be resumed.
        ephemeral: bool => ephemeral;
        /// The personality. The runtime's named ones have no effect any more.
        personality: Personality => personality;
        /// The name under which this program's service is known.
        service_name: String => service_name;
        /// What begins here: a session, or one that was cleared.
        session_start_source: ThreadStartSource => session_start_source;
        /// Who started this thread, as analytics has it.
        thread_source: ThreadSource => thread_source;
        /// The raw approval policy; [`Self::approval_mode`] sets it and the reviewer.
        approval_policy: AskForApproval => approval_policy;
        /// The raw reviewer of approvals; [`Self::approval_mode`] sets it and the policy.
        approvals_reviewer: ApprovalsReviewer => approvals_reviewer;
    }

    /// The service tier, for this thread's turns. `default` is the standard speed, and what a
    /// `null` on the wire means.
    pub fn service_tier(mut self, service_tier: impl Into<String>) -> Self {
        self.params.service_tier = Some(Some(service_tier.into()));
        self
    }

    /// Who decides on approvals. Default: [`ApprovalMode::DenyAll`].
    pub fn approval_mode(mut self, mode: ApprovalMode) -> Self {
        let (policy, reviewer) = mode.wire();
        self.params.approval_policy = Some(policy);
        self.params.approvals_reviewer = reviewer;
        self
    }

    /// What commands may reach. Default: the configuration's.
    pub fn sandbox(mut self, sandbox: Sandbox) -> Self {
        self.params.sandbox = Some(sandbox.mode());
        self
    }

    /// The folder that the thread works in. Default: the runtime's.
    pub fn cwd(mut self, cwd: impl Into<PathBuf>) -> Self {
        self.cwd = Some(cwd.into());
        self
    }

    /// Overrides of the configuration for this thread: a JSON object.
    pub fn config(mut self, config: impl Into<Value>) -> Self {
        self.config = Some(config.into());
        self
    }

    fn params(self) -> Result<(Arc<Client>, ThreadStartParams)> {
        let mut params = self.params;
        if let Some(cwd) = self.cwd {
            params.cwd = Some(utf8(cwd)?);
        }
        match self.config {
            None => {}
            Some(Value::Object(config)) => params.config = Some(config.into_iter().collect()),
            Some(_) => {
                let message = "`config` of a thread must be a JSON object";
                return Err(Error::InvalidInput(message.to_owned()));
            }
        }
        Ok((self.client, params))
    }
}

/// # Errors
/// [`Error::Rpc`], [`Error::Timeout`], [`Error::Closed`], [`Error::InvalidInput`].
///
/// # Cancel safety
/// Dropping the call may leave a thread that was already started, idle and without a handle.
impl IntoFuture for StartThread {
    type Output = Result<Thread>;
    type IntoFuture = Call<Thread>;

    fn into_future(self) -> Self::IntoFuture {
        Call::new(async move {
            let (client, params) = self.params()?;
            let response = client.request(&params, None).await?;
            Ok(Thread::new(client, &response.thread.id, &response.model))
        })
    }
}

impl fmt::Debug for StartThread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StartThread")
            .field("model", &self.params.model)
            .field("cwd", &self.cwd)
            .field("ephemeral", &self.params.ephemeral)
            .finish_non_exhaustive()
    }
}
