//! Requests of any method.

use std::fmt;
use std::future::IntoFuture;
use std::sync::Arc;
use std::time::Duration;

use codex_types::{ClientMethod, DecodeError};
use serde_json::Value;

use crate::call::Call;
use crate::codex::Codex;
use crate::codex::inner::CodexInner;
use crate::setters::debug_shows;

impl Codex {
    /// Sends any request of the protocol, typed: `ThreadLoadedListParams` for `thread/loaded/list`
    /// returns a `ThreadLoadedListResponse`.
    ///
    /// At most 64 requests are in flight; others wait, within their deadline. `command/exec` and
    /// `mcpServer/tool/call`, which last until something else ends, have a separate limit of 16; `turn/steer`
    /// and `turn/interrupt` have no limit. See [`SendRequest`] for the errors.
    ///
    /// # Cancel safety
    /// Once sent, it takes effect, and the reply is ignored.
    pub fn request<M: ClientMethod>(&self, params: M) -> SendRequest<M> {
        SendRequest::new(Arc::clone(self.inner()), params)
    }

    /// Sends any request, untyped: takes a method and its parameters, and returns the `result` of the reply.
    /// See [`SendRawRequest`] for the errors.
    ///
    /// # Cancel safety
    /// Once sent, it takes effect, and the reply is ignored.
    pub fn request_raw(&self, method: impl Into<String>, params: Value) -> SendRawRequest {
        SendRawRequest::new(Arc::clone(self.inner()), method.into(), params)
    }
}

/// A typed request, from [`Codex::request`](crate::Codex::request).
///
/// # Errors
/// [`Error::Rpc`](crate::Error::Rpc), [`Error::Timeout`](crate::Error::Timeout),
/// [`Error::Closed`](crate::Error::Closed), [`Error::Decode`](crate::Error::Decode),
/// [`Error::Encode`](crate::Error::Encode); [`Error::RuntimeTooOld`](crate::Error::RuntimeTooOld) for an
/// option that the runtime would ignore.
///
/// # Cancel safety
/// Once sent, the request takes effect, and its reply is ignored.
#[must_use = "a request is sent when it is awaited"]
pub struct SendRequest<M> {
    codex: Arc<CodexInner>,
    params: M,
    timeout: Option<Duration>,
}

impl<M> SendRequest<M> {
    pub(crate) fn new(codex: Arc<CodexInner>, params: M) -> Self {
        Self {
            codex,
            params,
            timeout: None,
        }
    }

    /// How long the reply may take, including the wait for a place in flight. Default: the client's
    /// `request_timeout`, but at most 10 s for `turn/interrupt`; none for `command/exec` and
    /// `mcpServer/tool/call`, which last until something ends. With zero, nothing is sent.
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
    type Output = crate::error::Result<M::Response>;
    type IntoFuture = Call<M::Response>;

    fn into_future(self) -> Self::IntoFuture {
        Call::new(async move { self.codex.request(&self.params, self.timeout).await })
    }
}

impl<M: ClientMethod> fmt::Debug for SendRequest<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The parameters may hold values that must not be logged.
        f.debug_struct("SendRequest")
            .field("method", &M::METHOD)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

/// An untyped request, from [`Codex::request_raw`](crate::Codex::request_raw). It returns the reply's `result`
/// unchanged.
///
/// # Errors
/// As for [`SendRequest`]; [`Error::Decode`](crate::Error::Decode) only for JSON that is nested too deeply.
///
/// # Cancel safety
/// As for [`SendRequest`].
#[must_use = "a request is sent when it is awaited"]
pub struct SendRawRequest {
    codex: Arc<CodexInner>,
    method: String,
    params: Value,
    timeout: Option<Duration>,
}

impl SendRawRequest {
    pub(crate) fn new(codex: Arc<CodexInner>, method: String, params: Value) -> Self {
        Self {
            codex,
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
    type Output = crate::error::Result<Value>;
    type IntoFuture = Call<Value>;

    fn into_future(self) -> Self::IntoFuture {
        Call::new(async move {
            let method = self.method.clone();
            let result = self.codex.request_raw(method, &self.params, self.timeout);
            let result = result.await?;
            // Any JSON is a `Value`, unless it is nested too deeply.
            serde_json::from_str(result.get()).map_err(|error| {
                DecodeError::new(&self.method, &error)
                    .within(result.get())
                    .into()
            })
        })
    }
}

// The parameters may hold values that must not be logged.
debug_shows!(SendRawRequest {
    method: method,
    timeout: timeout
});
