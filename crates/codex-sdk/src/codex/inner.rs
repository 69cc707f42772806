//! What all handles of a client share, and what ends with the last of them.

use std::borrow::Cow;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use codex_types as types;
use codex_types::{ClientMethod, decode_response};
use serde::Serialize;
use serde_json::Value;
use serde_json::value::RawValue;
use tokio::time::{Instant, sleep};

use crate::codex::compat;
use crate::codex::metadata::{Metadata, name_and_version};
use crate::codex::notifications::NotificationStream;
use crate::connection::Connection;
use crate::connection::outgoing::Outgoing;
use crate::connection::process::Process;
use crate::connection::registration::Route;
use crate::connection::router::pending_calls::Reply;
use crate::connection::router::subscriptions::{Joined, Topic};
use crate::connection::stderr::StderrTail;
use crate::error::Result;

/// How long a thread may take to be unloaded, which normally takes milliseconds.
const UNLOADING: Duration = Duration::from_secs(10);
/// How often to retry.
const LOOK: Duration = Duration::from_millis(20);

/// Keeps the runtime alive; dropping it ends the runtime.
#[derive(Debug)]
pub(crate) struct CodexInner {
    pub(crate) connection: Arc<Connection>,
    pub(crate) process: Option<Process>,
    pub(crate) stderr: StderrTail,
    pub(crate) metadata: Metadata,
    /// The subscription that began before the first byte, until somebody takes it.
    pub(crate) early: Mutex<Option<NotificationStream>>,
    /// Whether this program answers the runtime's requests.
    pub(crate) has_handler: bool,
    /// Whether the runtime accepts the experimental part of the protocol.
    pub(crate) experimental_api: bool,
}

impl CodexInner {
    /// The handshake: `initialize`, then `initialized`.
    pub(crate) async fn initialize(
        &mut self,
        params: &types::InitializeParams,
        timeout: Duration,
    ) -> Result<()> {
        let method = types::InitializeParams::METHOD;
        let request = self
            .connection
            .outgoing(Cow::Borrowed(method), params, Some(timeout))?;
        let reply = self.connection.request(request, None).await?;
        // An old runtime responds in a different shape.
        compat::check_runtime(told_version(&reply.result).as_deref().unwrap_or_default())?;
        self.metadata = Metadata::new(decode_response::<types::InitializeParams>(&reply.result)?);
        self.check(method, &params.capabilities)?;
        let capabilities = params.capabilities.as_ref();
        self.experimental_api = capabilities.is_some_and(|it| it.experimental_api);
        let version = &self.metadata.server_version;
        self.connection
            .span
            .in_scope(|| compat::warn_unless_pinned(version));
        self.connection.span.record("version", version);
        self.connection
            .span
            .in_scope(|| tracing::info!(version, "the runtime has started"));
        let initialized = r#"{"method":"initialized"}"#;
        self.connection.send(initialized.to_owned()).await
    }

    pub(crate) async fn request<M: ClientMethod>(
        &self,
        params: &M,
        timeout: Option<Duration>,
    ) -> Result<M::Response> {
        let request = self.outgoing(Cow::Borrowed(M::METHOD), params, timeout);
        let reply = self.connection.request(request?, None).await?;
        Ok(self.connection.decode::<M>(&reply.result)?.value)
    }

    /// Prepares a request, unless this runtime would ignore one of its options.
    fn outgoing<P: Serialize>(
        &self,
        method: Cow<'static, str>,
        params: &P,
        timeout: Option<Duration>,
    ) -> Result<Outgoing> {
        let request = self.connection.outgoing(method, params, timeout)?;
        let version = &self.metadata.server_version;
        compat::check_line(version, &request.method, &request.line)?;
        Ok(request)
    }

    /// Opens a thread. If the runtime is still unloading it, because its last client has just left, this waits.
    pub(crate) async fn open_thread<M: ClientMethod>(&self, params: &M) -> Result<M::Response> {
        let given_up = Instant::now() + UNLOADING;
        loop {
            match self.request(params, None).await {
                Err(error) if error.is_of_closing_thread() && Instant::now() < given_up => {
                    sleep(LOOK).await;
                }
                outcome => return outcome,
            }
        }
    }

    pub(crate) async fn request_raw(
        &self,
        method: String,
        params: &Value,
        timeout: Option<Duration>,
    ) -> Result<Box<RawValue>> {
        let request = self.outgoing(Cow::Owned(method), params, timeout)?;
        let reply = self.connection.request(request, None).await?;
        Ok(reply.result)
    }

    /// Returns the route of the turn that these parameters start, and the request, which is sent when awaited.
    pub(crate) fn start_turn<M: ClientMethod>(
        &self,
        thread_id: Arc<str>,
        params: &M,
    ) -> Result<(Route, impl Future<Output = Result<Reply>> + Send + use<M>)> {
        let request = self.outgoing(Cow::Borrowed(M::METHOD), params, None)?;
        Ok(Route::of_turn(&self.connection, thread_id, request))
    }

    /// Refuses an option that this runtime would ignore.
    pub(crate) fn check<P: Serialize>(&self, method: &str, params: &P) -> Result<()> {
        compat::check(&self.metadata.server_version, method, params)
    }

    /// Subscribes to what no turn handle receives.
    pub(crate) fn subscribe(&self, topic: Topic) -> NotificationStream {
        let budget = self.connection.limits.subscription_budget;
        NotificationStream::new(self.connection.subscribe(topic, budget))
    }

    /// Subscribes to everything on a thread.
    pub(crate) fn watch(&self, thread_id: &Arc<str>) -> (NotificationStream, Joined) {
        let (events, joined) = self.connection.watch(thread_id);
        (NotificationStream::new(events), joined)
    }

    /// Ends the connection in order and waits for the process to end.
    pub(crate) async fn close(&self) {
        self.connection.begin_close();
        self.connection.closed().await;
    }

    /// Ends the connection at once and waits until the process is reaped.
    pub(crate) async fn kill(&self) {
        if let Some(process) = &self.process {
            process.kill();
        }
        self.close().await;
    }
}

/// The version in the handshake's response, whatever else the response holds.
fn told_version(answer: &RawValue) -> Option<String> {
    let answer: Value = serde_json::from_str(answer.get()).ok()?;
    let (_, version) = name_and_version(answer.get("userAgent")?.as_str()?);
    Some(version.to_owned())
}

impl Drop for CodexInner {
    /// The supervisor does the rest; if the async runtime is gone, it already has.
    fn drop(&mut self) {
        self.connection.begin_close();
        if let Some(process) = &self.process {
            process.dismiss();
        }
    }
}
