//! Refusals of the runtime.

use std::fmt;

use codex_types as types;

use crate::error::condition::Condition;
use crate::error::words;

/// The runtime's refusal of a request.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct RpcError {
    /// The protocol method that was refused.
    pub method: String,
    /// The JSON-RPC error code. The runtime answers nearly every refusal with -32600.
    pub code: i64,
    /// The runtime's full message; `Display` leaves long lists out. The wording changes between
    /// versions: decide by [`Error::condition`](crate::Error::condition), `code` and `data`.
    pub message: String,
    /// Details from the runtime, for programs.
    pub data: Option<serde_json::Value>,
}

/// The kinds of [`RpcError`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RpcErrorKind {
    /// -32700: the runtime could not parse the request.
    ParseError,
    /// -32600: nearly every refusal.
    InvalidRequest,
    /// -32601: no such method.
    MethodNotFound,
    /// -32602: the parameters were refused.
    InvalidParams,
    /// -32603: an error inside the runtime.
    Internal,
    /// -32001, or an overload named in `data`: try again a little later.
    ServerBusy,
    /// The runtime itself has given up retrying.
    RetryLimitExceeded,
    /// Any other code.
    Other,
}

impl RpcError {
    pub(crate) fn new(method: &str, error: types::JsonRpcError) -> Self {
        Self {
            method: method.to_owned(),
            code: error.code,
            message: error.message,
            data: error.data,
        }
    }

    pub(super) fn condition(&self) -> Option<Condition> {
        if self.kind() == RpcErrorKind::ServerBusy {
            return Some(Condition::RuntimeOverloaded);
        }
        let data = self.data.as_ref();
        words::of_refusal(&self.method, self.code, &self.message, data)
    }

    /// The kind, from the code and the data.
    pub fn kind(&self) -> RpcErrorKind {
        match self.code {
            -32700 => RpcErrorKind::ParseError,
            -32600 => RpcErrorKind::InvalidRequest,
            -32601 => RpcErrorKind::MethodNotFound,
            -32602 => RpcErrorKind::InvalidParams,
            -32603 => RpcErrorKind::Internal,
            -32099..=-32000 => self.busy_kind(),
            _ => RpcErrorKind::Other,
        }
    }

    /// Classifies the server-defined codes. The real runtime reports overload as -32001, without data;
    /// for any other code, the data may say so.
    fn busy_kind(&self) -> RpcErrorKind {
        let text = self.message.to_lowercase();
        if text.contains("retry limit") || text.contains("too many failed attempts") {
            RpcErrorKind::RetryLimitExceeded
        } else if self.code == -32001 || self.data.as_ref().is_some_and(says_overloaded) {
            RpcErrorKind::ServerBusy
        } else {
            RpcErrorKind::Other
        }
    }
}

/// Whether `data` names an overload anywhere, in either spelling.
fn says_overloaded(data: &serde_json::Value) -> bool {
    use serde_json::Value;
    match data {
        Value::String(text) => matches!(&**text, "server_overloaded" | "serverOverloaded"),
        Value::Array(values) => values.iter().any(says_overloaded),
        Value::Object(fields) => fields.values().any(says_overloaded),
        _ => false,
    }
}

impl fmt::Display for RpcError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { method, code, .. } = self;
        let message = words::shown(&self.message);
        write!(f, "the runtime refused `{method}`: {message} (code {code})")?;
        match self.condition() {
            Some(condition) => write!(f, ": {}", condition.advice()),
            None => Ok(()),
        }
    }
}

impl std::error::Error for RpcError {}
