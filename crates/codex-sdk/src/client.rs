//! What all handles of one client share, and what ends with the last of them.

use std::{
    borrow::Cow,
    sync::{Arc, Mutex},
    time::Duration,
};

use serde::Serialize;

use crate::{
    Error, Metadata, NotificationStream, Result,
    connection::{Connection, Outgoing},
    gate,
    process::{Process, StderrTail},
    subscriptions::Topic,
    types::{self, ClientMethod},
};

/// Keeps the runtime alive; dropping it kills the runtime.
#[derive(Debug)]
pub(crate) struct Client {
    pub(crate) connection: Arc<Connection>,
    pub(crate) process: Option<Process>,
    pub(crate) stderr: StderrTail,
    pub(crate) metadata: Metadata,
    /// The subscription that began before the first byte, until somebody takes it.
    pub(crate) early: Mutex<Option<NotificationStream>>,
    /// Whether this program answers what the runtime asks.
    pub(crate) has_handler: bool,
}

impl Client {
    /// The handshake: `initialize`, then `initialized`.
    pub(crate) async fn initialize(
        &mut self,
        params: &types::InitializeParams,
        timeout: Duration,
    ) -> Result<()> {
        let response = self.request(params, Some(timeout)).await?;
        self.metadata = Metadata::new(response);
        let version = &self.metadata.server_version;
        self.connection.span.record("version", version);
        self.connection
            .span
            .in_scope(|| tracing::info!(version, "the runtime has started"));
        let initialized = types::encode_notification::<()>("initialized", None, None);
        let encode = |source| Error::Encode {
            method: "initialized".to_owned(),
            source: Arc::new(source),
        };
        self.connection.send(initialized.map_err(encode)?).await
    }

    pub(crate) async fn request<M: ClientMethod>(
        &self,
        params: &M,
        timeout: Option<Duration>,
    ) -> Result<M::Response> {
        let request = self.outgoing(Cow::Borrowed(M::METHOD), params, timeout)?;
        let reply = self.connection.request(request, None).await?;
        // On the task of the caller: the reader doesn't decode replies.
        Ok(types::decode_response::<M>(&reply.result)?)
    }

    /// Prepares a request, unless it has an option that this runtime would ignore.
    pub(crate) fn outgoing<P: Serialize>(
        &self,
        method: Cow<'static, str>,
        params: &P,
        timeout: Option<Duration>,
    ) -> Result<Outgoing> {
        let request = self.connection.outgoing(method, params, timeout)?;
        if !self.metadata.knows_options {
            gate::check(
                &self.metadata.server_version,
                &request.method,
                &request.line,
            )?;
        }
        Ok(request)
    }

    /// Subscribes to what no turn handle takes.
    pub(crate) fn subscribe(&self, topic: Topic) -> NotificationStream {
        let budget = self.connection.limits.subscription_budget;
        NotificationStream::new(self.connection.subscribe(topic, budget))
    }

    /// Ends the connection in order and waits for the end of the process.
    pub(crate) async fn close(&self) {
        self.connection.begin_close();
        self.connection.closed().await;
    }

    /// Ends the connection at once and waits until the process was reaped.
    pub(crate) async fn kill(&self) {
        if let Some(process) = &self.process {
            process.kill();
        }
        self.close().await;
    }
}

impl Drop for Client {
    /// The supervisor does the rest; if the async runtime is gone, it already has.
    fn drop(&mut self) {
        self.connection.begin_close();
        if let Some(process) = &self.process {
            process.kill();
        }
    }
}
