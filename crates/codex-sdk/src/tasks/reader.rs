//! Routes what the runtime writes.

use std::sync::Arc;

use codex_types as types;
use codex_types::{NotificationEnvelope, lenient};
use serde::de;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use crate::connection::Connection;
use crate::connection::event_queue::Notification;
use crate::connection::held::held;
use crate::connection::lines::{Line, Lines};
use crate::connection::lost::Lost;
use crate::error::Error;
use crate::error::closed::CloseReason;
use crate::error::rpc::RpcError;
use crate::server_requests::dispatch;
use crate::server_requests::dispatch::Responder;

/// Takes what the runtime writes, as it is read, and routes it.
pub(crate) struct Intake {
    connection: Arc<Connection>,
    responder: Arc<Responder>,
    lines: Lines,
}

impl Intake {
    pub(crate) fn new(connection: Arc<Connection>, responder: Arc<Responder>) -> Self {
        let lines = Lines::new(connection.limits.max_line_bytes);
        Self {
            connection,
            responder,
            lines,
        }
    }

    /// Where the next read goes.
    pub(crate) fn space(&mut self) -> &mut [u8] {
        self.lines.space()
    }

    pub(crate) fn connection(&self) -> &Arc<Connection> {
        &self.connection
    }

    /// Whether the next input can be read a little later.
    #[cfg(unix)]
    pub(crate) fn may_wait(&self) -> bool {
        self.connection.router().only_streams()
    }

    /// Routes the lines that a read has completed. Returns how many there were, or why reading ends. The caller then
    /// wakes their recipients, each once, however many lines there are.
    pub(crate) fn take(&mut self, read: std::io::Result<usize>) -> Result<u32, CloseReason> {
        let bytes = read.map_err(|error| CloseReason::Io(error.to_string()))?;
        if bytes == 0 {
            return Err(match self.lines.unfinished() {
                0 => CloseReason::Ended,
                bytes => CloseReason::EndedInLine { bytes },
            });
        }
        self.lines.filled(bytes);
        let mut count = 0;
        while let Some(line) = self.lines.next() {
            if self.connection.is_ignored() {
                return Err(CloseReason::Ignored);
            }
            let (connection, responder) = (&self.connection, &self.responder);
            match line {
                Line::Whole(line) => receive(connection, responder, line),
                Line::Overlong(head, tail) => {
                    let limit = connection.limits.max_line_bytes;
                    lose(connection, head, tail, &Error::LineTooLong { limit });
                }
            }
            count += 1;
        }
        Ok(count)
    }
}

/// Routes one line.
fn receive(connection: &Arc<Connection>, responder: &Arc<Responder>, line: &[u8]) {
    if let Some(read) = NotificationEnvelope::decode_line(line) {
        return deliver(connection, read.notification, line);
    }
    let problem = match types::Message::parse(line) {
        Ok(message) => return route(connection, responder, message, line),
        Err(problem) => problem,
    };
    let readable = lenient::line(line);
    let message = readable.as_deref().map(types::Message::parse);
    let Some(Ok(message)) = message else {
        let reason = describe(line, &problem);
        return lose(connection, line, &[], &Error::MalformedLine { reason });
    };
    tracing::warn!(%problem, "read a line as far as it can be read");
    connection.count_unreadable(1);
    match message {
        // What could be read may differ from what is asked.
        types::Message::Request { id, .. } => refuse(connection, &id, &problem.to_string()),
        message => route(connection, responder, message, line),
    }
}

fn route(
    connection: &Arc<Connection>,
    responder: &Arc<Responder>,
    message: types::Message<'_>,
    line: &[u8],
) {
    match message {
        types::Message::Notification { method, params, .. } => {
            let notification = decode(connection, &method, params);
            deliver(connection, notification, line);
        }
        types::Message::Response { id, result } => resolve(connection, Some(&id), Ok(result)),
        types::Message::Error { id, error } => resolve(connection, id.as_ref(), Err(error)),
        types::Message::Request { id, method, params } => {
            dispatch::receive(connection, responder, id, &method, params);
        }
    }
}

fn deliver(connection: &Connection, notification: Notification, line: &[u8]) {
    tracing::trace!(method = notification.method(), "notification");
    let bytes = held(&notification, line);
    connection.deliver(notification, bytes);
}

/// What is wrong with a line that isn't a message. It isn't quoted: it may be the rest of a message, or the output of
/// a script, and hold a secret.
fn describe(line: &[u8], problem: &types::MessageError) -> String {
    let length = line.len();
    if !matches!(line.trim_ascii_start().first(), Some(b'{' | b'[' | b'"')) {
        return format!(
            "{length} bytes that don't begin like JSON: something else may write to the runtime's output"
        );
    }
    match problem {
        types::MessageError::Json(reason) => format!("{length} bytes: {reason}"),
        other => format!("{length} bytes: {other}"),
    }
}

/// Decodes a notification. What can't be decoded stays readable as `Unrecognized`, and ends no stream.
fn decode(connection: &Connection, method: &str, params: Option<&RawValue>) -> Notification {
    let read = lenient::notification(method, params);
    if let Some(error) = read.problems.first() {
        tracing::warn!(method, %error, "could not decode all of a notification");
        // The router counts one that is unrecognized as a whole.
        if !matches!(read.value, Notification::Unrecognized { .. }) {
            connection.count_unreadable(1);
        }
    }
    read.value
}

fn resolve(
    connection: &Connection,
    id: Option<&types::RequestId>,
    reply: Result<&RawValue, types::JsonRpcError>,
) {
    let outcome = |method: &str| match reply {
        Ok(result) => Ok(result.to_owned()),
        Err(error) => Err(Error::Rpc(Box::new(RpcError::new(method, error)))),
    };
    let resolved = match id {
        Some(types::RequestId::Integer(id)) => connection.router().resolve(*id, outcome),
        _ => false,
    };
    if !resolved {
        // A text isn't one of this client's, and could be anything.
        let id = id.and_then(|id| match id {
            types::RequestId::Integer(id) => Some(*id),
            types::RequestId::String(_) => None,
        });
        tracing::debug!(id, "a reply to no request, or after its deadline");
    }
}

/// Whether this is a method, and not just what stands in its place in a broken line.
fn is_method(text: &str) -> bool {
    types::ServerNotification::METHODS.contains(&text)
        || types::ServerRequest::METHODS.contains(&text)
}

/// An id if it looks like one of the runtime's: what stands in its place in a broken line may be a secret.
fn shown(id: Option<&str>) -> Option<&str> {
    let is_of_id = |byte: u8| byte.is_ascii_hexdigit() || byte == b'-';
    id.filter(|id| id.len() == 36 && id.bytes().all(is_of_id))
}

/// Reports an unreadable line, of which only these ends are known, to whom it was for: a request in
/// either direction; a turn; else the subscriptions.
fn lose(connection: &Arc<Connection>, head: &[u8], tail: &[u8], error: &Error) {
    let (head, tail) = (String::from_utf8_lossy(head), String::from_utf8_lossy(tail));
    let lost = Lost::between(&head, &tail);
    let (method, id) = (lost.method, lost.id);
    let (thread_id, turn_id) = (shown(lost.thread_id), shown(lost.turn_id));
    let known = method.filter(|method| is_method(method));
    tracing::warn!(%error, method = known, id, thread_id, turn_id, "skipped a line");
    if let (Some(_), Some(id)) = (method, id) {
        refuse(
            connection,
            &types::RequestId::Integer(id),
            &error.to_string(),
        );
    }
    let unread = |method: &str| match error {
        Error::MalformedLine { .. } => {
            let problem = serde_json::from_str::<IgnoredAny>(&head).err();
            let problem = problem.unwrap_or_else(|| de::Error::custom("no reply"));
            Error::from(types::DecodeError::new(method, &problem).within(&head))
        }
        other => other.clone(),
    };
    let mut router = connection.router();
    let of_request = match (method, id) {
        (None, Some(id)) => router.resolve(id, |method| Err(unread(method))),
        _ => false,
    };
    if !of_request {
        router.lose(&lost, error);
    }
}

/// Answers a server request that could not be read.
fn refuse(connection: &Arc<Connection>, id: &types::RequestId, problem: &str) {
    let message = format!("the request could not be read: {problem}");
    let refusal = types::JsonRpcError::new(dispatch::INTERNAL_ERROR, message);
    dispatch::answer(connection, types::encode_error(Some(id), &refusal));
}
