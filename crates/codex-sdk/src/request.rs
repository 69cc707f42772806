//! Requests of any method.

use std::{borrow::Cow, fmt, future::IntoFuture, sync::Arc, time::Duration};

use serde_json::Value;

use crate::{
    Call,
    client::Client,
    types::{ClientMethod, DecodeError},
};

/// A typed request, from [`Codex::request`](crate::Codex::request).
///
/// # Errors
/// [`Error::Rpc`](crate::Error::Rpc), [`Error::Timeout`](crate::Error::Timeout),
/// [`Error::Closed`](crate::Error::Closed), [`Error::Decode`](crate::Error::Decode),
/// [`Error::Encode`](crate::Error::Encode); [`Error::RuntimeTooOld`](crate::Error::RuntimeTooOld) for an
/// option that the runtime would ignore.
///
/// # Cancel safety
/// Dropped before it was queued, nothing is sent. Afterwards the request takes effect, and its reply is
/// ignored.
#[must_use = "a request is sent when it is awaited"]
pub struct SendRequest<M> {
    client: Arc<Client>,
    params: M,
    timeout: Option<Duration>,
}

impl<M> SendRequest<M> {
    pub(crate) fn new(client: Arc<Client>, params: M) -> Self {
        Self {
            client,
            params,
            timeout: None,
        }
    }

    /// How long the reply may take, the wait for a place in flight included. Default: the client's
    /// `request_timeout`, for `turn/interrupt` at most 10 s; none for `command/exec` and
    /// `mcpServer/tool/call`, which last until something ends.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }
}

impl<M> IntoFuture for SendRequest<M>
where
    M: ClientMethod + Send + Sync + 'static,
    M::Response: Send,
{
    type Output = crate::Result<M::Response>;
    type IntoFuture = Call<M::Response>;

    fn into_future(self) -> Self::IntoFuture {
        Call::new(async move { self.client.request(&self.params, self.timeout).await })
    }
}

impl<M: ClientMethod> fmt::Debug for SendRequest<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The parameters may hold what must not be logged.
        f.debug_struct("SendRequest")
            .field("method", &M::METHOD)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

/// An untyped request, from [`Codex::request_raw`](crate::Codex::request_raw). It brings the `result` of
/// the reply as it came.
///
/// # Errors
/// As for [`SendRequest`]; [`Error::Decode`](crate::Error::Decode) only for JSON that nests too deeply.
///
/// # Cancel safety
/// As for [`SendRequest`]: dropped before it was queued, nothing is sent; afterwards it takes effect.
#[must_use = "a request is sent when it is awaited"]
pub struct SendRawRequest {
    client: Arc<Client>,
    method: String,
    params: Value,
    timeout: Option<Duration>,
}

impl SendRawRequest {
    pub(crate) fn new(client: Arc<Client>, method: String, params: Value) -> Self {
        Self {
            client,
            method,
            params,
            timeout: None,
        }
    }

    /// How long the reply may take; see [`SendRequest::timeout`].
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }
}

impl IntoFuture for SendRawRequest {
    type Output = crate::Result<Value>;
    type IntoFuture = Call<Value>;

    fn into_future(self) -> Self::IntoFuture {
        Call::new(async move {
            let method = Cow::Owned(self.method.clone());
            let request = self.client.outgoing(method, &self.params, self.timeout)?;
            let reply = self.client.connection.request(request, None).await?;
            let result = reply.result.get();
            // Any JSON is a `Value`, unless it nests too deeply.
            serde_json::from_str(result)
                .map_err(|error| DecodeError::new(&self.method, result, error).into())
        })
    }
}

impl fmt::Debug for SendRawRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SendRawRequest")
            .field("method", &self.method)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}
