//! Reads what the runtime writes, and routes it. It awaits nothing but its input.

use std::sync::Arc;

use codex_types as types;
use serde_json::value::RawValue;
use tokio::io::AsyncRead;

use crate::connection::Connection;
use crate::connection::event_queue::Notification;
use crate::connection::lines::{Line, Lines};
use crate::connection::lost::Lost;
use crate::error::Error;
use crate::error::closed::CloseReason;
use crate::error::rpc::RpcError;
use crate::server_requests::dispatch;
use crate::server_requests::dispatch::Responder;

/// How much of a malformed line an error shows.
const SHOWN_OF_MALFORMED: usize = 80;

/// Reads the runtime's output and routes it, until it ends.
pub(crate) async fn read(
    connection: Arc<Connection>,
    responder: Arc<Responder>,
    output: impl AsyncRead + Unpin + Send,
) -> CloseReason {
    let limit = connection.limits.max_line_bytes;
    let mut lines = Lines::new(output, limit);
    loop {
        if connection.is_ignored() {
            return CloseReason::Ignored;
        }
        match lines.next().await {
            Ok(Line::Whole(line)) => receive(&connection, &responder, line),
            Ok(Line::Overlong(head, tail)) => {
                lose(&connection, head, tail, &Error::LineTooLong { limit });
            }
            Ok(Line::End { unfinished: 0 }) => return CloseReason::Ended,
            Ok(Line::End { unfinished }) => return CloseReason::EndedInLine { bytes: unfinished },
            Err(error) => return CloseReason::Io(error.to_string()),
        }
    }
}

/// Routes one line.
fn receive(connection: &Arc<Connection>, responder: &Arc<Responder>, line: &[u8]) {
    let malformed = match types::Message::parse(line) {
        Ok(types::Message::Notification { method, params, .. }) => match decode(&method, params) {
            Some(notification) => {
                tracing::trace!(method = &*method, "notification");
                return connection.router().deliver(notification, line.len());
            }
            None => format!("the parameters of `{method}` nest too deeply"),
        },
        Ok(types::Message::Response { id, result }) => {
            return resolve(connection, Some(&id), Ok(result));
        }
        Ok(types::Message::Error { id, error }) => {
            return resolve(connection, id.as_ref(), Err(error));
        }
        Ok(types::Message::Request { id, method, params }) => {
            return dispatch::receive(connection, responder, id, &method, params);
        }
        Err(_) => describe(line),
    };
    lose(
        connection,
        line,
        &[],
        &Error::MalformedLine { reason: malformed },
    );
}

/// What is wrong with a line that is no message. A message that is merely damaged may hold a secret,
/// so that only what doesn't even begin like one is quoted.
fn describe(line: &[u8]) -> String {
    if line.trim_ascii_start().starts_with(b"{") {
        return format!("{} bytes that begin like one", line.len());
    }
    let shown = String::from_utf8_lossy(&line[..line.len().min(SHOWN_OF_MALFORMED)]);
    format!("it begins with {shown:?}")
}

/// A known method with an unexpected body stays readable, and ends no stream. `None` if it can't.
fn decode(method: &str, params: Option<&RawValue>) -> Option<Notification> {
    let error = match Notification::decode(method, params) {
        Ok(notification) => return Some(notification),
        Err(error) => error,
    };
    tracing::warn!(method, %error, "could not decode a notification");
    let params = params.map_or("null", RawValue::get);
    Some(Notification::Unrecognized {
        method: method.to_owned(),
        params: serde_json::from_str(params).ok()?,
    })
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
        tracing::debug!(?id, "a reply to no request, or after its deadline");
    }
}

/// Tells whoever a line was for, of which only these ends are known, that it could not be read: a
/// request, either way; a turn; else the subscriptions.
fn lose(connection: &Arc<Connection>, head: &[u8], tail: &[u8], error: &Error) {
    let (head, tail) = (String::from_utf8_lossy(head), String::from_utf8_lossy(tail));
    let lost = Lost::between(&head, &tail);
    let (method, id) = (lost.method, lost.id);
    tracing::warn!(%error, method, id, ?lost.thread_id, ?lost.turn_id, "skipped a line");
    if let (Some(_), Some(id)) = (method, id) {
        let refusal =
            types::JsonRpcError::new(dispatch::INTERNAL_ERROR, "the request was too long to read");
        let id = types::RequestId::Integer(id);
        dispatch::answer(connection, types::encode_error(Some(&id), &refusal));
    }
    let mut router = connection.router();
    let of_request = match (method, id) {
        (None, Some(id)) => router.resolve(id, |_| Err(error.clone())),
        _ => false,
    };
    if !of_request {
        router.lose(&lost, error);
    }
}
