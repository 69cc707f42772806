//! The client.

use std::{fmt, sync::Arc};

use serde_json::Value;

use crate::{
    Call, CodexBuilder, ForkThread, ListMcpServers, ListModels, ListThreads, NotificationStream,
    ReadAccount, ResumeThread, SendRawRequest, SendRequest, StartThread, Thread,
    client::Client,
    gate,
    subscriptions::Topic,
    types::{self, ClientMethod},
};

/// A running Codex runtime, and the connection to it.
///
/// Clones share them. The runtime lives as long as any of its handles: this, a
/// [`Thread`](crate::Thread), a [`TurnHandle`](crate::TurnHandle), a [`TurnControl`](crate::TurnControl),
/// or an operation that was made from one and isn't done. When the last is dropped it is killed;
/// [`Codex::close`] ends it in order.
///
/// ```no_run
/// # async fn example() -> codex_sdk::Result<()> {
/// let codex = codex_sdk::Codex::start().await?;
/// println!("Codex {}", codex.metadata().server_version);
/// for thread in codex.thread_list().limit(20).await?.data {
///     println!("{}  {}", thread.id, thread.preview);
/// }
/// codex.close().await
/// # }
/// ```
#[derive(Clone)]
pub struct Codex {
    client: Arc<Client>,
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

    pub(crate) fn of(client: Arc<Client>) -> Self {
        Self { client }
    }

    pub(crate) fn client(&self) -> &Arc<Client> {
        &self.client
    }

    /// What the runtime said of itself in the handshake.
    pub fn metadata(&self) -> &Metadata {
        &self.client.metadata
    }

    /// Ends the runtime in order, for all clones of this client, and waits until it is gone.
    ///
    /// Its input is closed; if it hasn't left after 1 s it is asked to terminate, 0.5 s later it is
    /// killed. All who wait on this client, and all later calls, get
    /// [`Error::Closed`](crate::Error::Closed). Closing again does nothing.
    ///
    /// # Errors
    /// None: an end that is forced is an end too.
    ///
    /// # Cancel safety
    /// Once begun, the end takes its course. Dropping the call, if it is the last handle, kills the
    /// runtime.
    pub fn close(&self) -> Call<()> {
        let client = Arc::clone(&self.client);
        Call::new(async move {
            client.close().await;
            Ok(())
        })
    }

    /// Starts a thread (`thread/start`). [`StartThread`] has its options and errors.
    ///
    /// # Cancel safety
    /// Dropped before it was queued, nothing is sent; afterwards a thread may be left without a handle.
    pub fn thread_start(&self) -> StartThread {
        StartThread::new(Arc::clone(&self.client))
    }

    /// Resumes a stored thread (`thread/resume`). [`ResumeThread`] has its options and errors.
    ///
    /// # Cancel safety
    /// Dropped before it was queued, nothing is sent; afterwards the thread may stay loaded.
    pub fn thread_resume(&self, thread_id: impl Into<String>) -> ResumeThread {
        ResumeThread::new(Arc::clone(&self.client), thread_id.into())
    }

    /// Forks a stored thread (`thread/fork`): a new one with the same history. [`ForkThread`] has its
    /// options and errors.
    ///
    /// # Cancel safety
    /// Dropped before it was queued, nothing is sent; afterwards a fork may be left without a handle.
    pub fn thread_fork(&self, thread_id: impl Into<String>) -> ForkThread {
        ForkThread::new(Arc::clone(&self.client), thread_id.into())
    }

    /// Lists stored threads, a page at a time (`thread/list`). [`ListThreads`] has its options and errors.
    ///
    /// # Cancel safety
    /// Dropping it is harmless: the reply is ignored.
    pub fn thread_list(&self) -> ListThreads {
        ListThreads::new(Arc::clone(&self.client))
    }

    /// Archives a thread (`thread/archive`), which also unloads it.
    ///
    /// # Errors
    /// [`Error::Rpc`](crate::Error::Rpc), [`Error::Timeout`](crate::Error::Timeout),
    /// [`Error::Closed`](crate::Error::Closed).
    ///
    /// # Cancel safety
    /// Dropped before it was queued, nothing is sent; afterwards the thread is archived.
    pub fn thread_archive(&self, thread_id: impl Into<String>) -> Call<()> {
        let client = Arc::clone(&self.client);
        let params = types::ThreadArchiveParams {
            thread_id: thread_id.into(),
        };
        Call::new(async move { client.request(&params, None).await.map(drop) })
    }

    /// Takes a thread out of the archive (`thread/unarchive`) and resumes it (`thread/resume`), since
    /// the runtime alone would leave it unusable.
    ///
    /// # Errors
    /// As for [`Self::thread_archive`].
    ///
    /// # Cancel safety
    /// Dropped before it was queued, nothing is sent; between the two requests, the thread is unarchived
    /// and not loaded; afterwards it may be loaded without a handle.
    pub fn thread_unarchive(&self, thread_id: impl Into<String>) -> Call<Thread> {
        let codex = self.clone();
        let thread_id = thread_id.into();
        Call::new(async move {
            let params = types::ThreadUnarchiveParams {
                thread_id: thread_id.clone(),
            };
            codex.client.request(&params, None).await?;
            let resume = codex.thread_resume(thread_id);
            if codex.metadata().knows_options {
                resume.include_turns(false).await
            } else {
                resume.await
            }
        })
    }

    /// Lists the models, a page at a time (`model/list`). [`ListModels`] has its options and errors.
    ///
    /// # Cancel safety
    /// Dropping it is harmless: the reply is ignored.
    pub fn models(&self) -> ListModels {
        ListModels::new(Arc::clone(&self.client))
    }

    /// Lists the MCP servers with their tools, a page at a time (`mcpServerStatus/list`).
    /// [`ListMcpServers`] has its options and errors.
    ///
    /// # Cancel safety
    /// Dropping it is harmless: the reply is ignored.
    pub fn mcp_servers(&self) -> ListMcpServers {
        ListMcpServers::new(Arc::clone(&self.client))
    }

    /// Reads the account that is logged in, if any (`account/read`). [`ReadAccount`] has its options and
    /// errors.
    ///
    /// # Cancel safety
    /// Dropping it is harmless: the reply is ignored.
    pub fn account(&self) -> ReadAccount {
        ReadAccount::new(Arc::clone(&self.client))
    }

    /// Sends any request of the protocol, typed: `ThreadLoadedListParams` for `thread/loaded/list`
    /// brings a `ThreadLoadedListResponse`.
    ///
    /// At most 64 requests are in flight; further ones wait, within their deadline. `command/exec` and
    /// `mcpServer/tool/call`, which last until something else ends, have 16 places of their own;
    /// `turn/steer` and `turn/interrupt` take none. [`SendRequest`] has the errors.
    ///
    /// # Cancel safety
    /// Dropped before it was queued, nothing is sent; afterwards it takes effect, and the reply is ignored.
    pub fn request<M: ClientMethod>(&self, params: M) -> SendRequest<M> {
        SendRequest::new(Arc::clone(&self.client), params)
    }

    /// Sends any request at all, untyped: a method, its parameters, and the `result` of the reply.
    /// [`SendRawRequest`] has the errors.
    ///
    /// # Cancel safety
    /// Dropped before it was queued, nothing is sent; afterwards it takes effect, and the reply is ignored.
    pub fn request_raw(&self, method: impl Into<String>, params: Value) -> SendRawRequest {
        SendRawRequest::new(Arc::clone(&self.client), method.into(), params)
    }

    /// Subscribes to every notification that no live turn handle takes, from now on. Nothing is sent for
    /// it. Once the connection is over, the stream yields [`Error::Closed`](crate::Error::Closed).
    ///
    /// After [`CodexBuilder::notifications`] the first call returns the stream that began before the
    /// handshake.
    pub fn notifications(&self) -> NotificationStream {
        let early = self.client.early.lock();
        let early = early
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .take();
        early.unwrap_or_else(|| self.client.subscribe(Topic::Everything))
    }

    /// What goes on in this client right now.
    pub fn stats(&self) -> Stats {
        self.client.connection.stats()
    }
}

impl fmt::Debug for Codex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Codex")
            .field("metadata", &self.client.metadata)
            .finish_non_exhaustive()
    }
}

/// Counters of a client, from [`Codex::stats`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Requests that were sent, and neither answered nor past their deadline.
    pub requests_in_flight: usize,
    /// Turns and goals that this client has started or seen begin, and that have not ended.
    pub live_turns: usize,
    /// Bytes of notifications that lie unread in turn handles and notification streams.
    pub queued_bytes: usize,
    /// Notifications that have come so far.
    pub notifications: u64,
    /// Those of them that this version can't type, because it doesn't know the method, or because the
    /// parameters don't have the shape that it knows. They were delivered as `Unrecognized`.
    pub unrecognized: u64,
    /// Requests of the runtime that wait for the answer of this program.
    pub server_requests_pending: usize,
}

/// What the runtime said of itself in the handshake (`initialize`).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Metadata {
    /// What the runtime presents itself as to its provider.
    pub user_agent: String,
    /// The first part of the user agent: the name that this client gave.
    pub server_name: String,
    /// The runtime's version, for example `0.163.0`.
    pub server_version: String,
    /// The folder with the configuration, the login and the threads.
    pub codex_home: String,
    /// For example `unix`.
    pub platform_family: String,
    /// For example `linux`.
    pub platform_os: String,
    /// Whether it knows the options that older versions ignore in silence.
    pub(crate) knows_options: bool,
}

impl Metadata {
    pub(crate) fn new(response: types::InitializeResponse) -> Self {
        let (name, rest) = response
            .user_agent
            .split_once('/')
            .or_else(|| version_after_space(&response.user_agent))
            .unwrap_or((&response.user_agent, ""));
        let version = rest.split(char::is_whitespace).next().unwrap_or_default();
        Self {
            server_name: name.to_owned(),
            server_version: version.to_owned(),
            knows_options: gate::knows_options(version),
            codex_home: response.codex_home.to_string(),
            platform_family: response.platform_family,
            platform_os: response.platform_os,
            user_agent: response.user_agent,
        }
    }
}

/// For `codex-cli 0.153.0`, which some versions called themselves.
fn version_after_space(user_agent: &str) -> Option<(&str, &str)> {
    let (name, rest) = user_agent.split_once(' ')?;
    rest.starts_with(|c: char| c.is_ascii_digit())
        .then_some((name, rest))
}
