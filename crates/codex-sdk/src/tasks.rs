//! The tasks of a connection: reader, writer, supervisor.

use std::{process::ExitStatus, sync::Arc, time::Duration};

use serde_json::value::RawValue;
use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt},
    sync::mpsc,
    task::JoinHandle,
    time::timeout,
};

use crate::{
    CloseReason, Closed, Error, Notification,
    connection::Connection,
    lines::{Line, Lines},
    process::{Process, StderrTail},
    router::Lost,
    server_requests::{self, Responder},
    types,
};

/// How long the last output of a process that has exited may take to arrive.
const DRAIN: Duration = Duration::from_millis(500);
/// Short lines are written together up to about this size.
const WRITE_BATCH: usize = 64 * 1024;
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
            return server_requests::receive(connection, responder, id, &method, params);
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
    connection: &Arc<Connection>,
    id: Option<&types::RequestId>,
    reply: Result<&RawValue, types::RpcError>,
) {
    let resolved = match id {
        Some(types::RequestId::Integer(id)) => {
            let reply = reply.map(ToOwned::to_owned);
            connection.router().resolve(*id, reply)
        }
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
    let is_body = |key: &&str| head.contains(*key);
    let body = ["\"params\":", "\"result\":", "\"error\":"]
        .into_iter()
        .find(is_body);
    let envelope = body
        .and_then(|body| head.split(body).next())
        .unwrap_or_default();
    let method = string_after(envelope, "\"method\":\"");
    let find = |key| string_after(&head, key).or_else(|| string_after(&tail, key));
    let lost = Lost {
        thread_id: find("\"threadId\":\""),
        turn_id: find("\"turnId\":\"").or_else(|| find("\"turn\":{\"id\":\"")),
        completed: method == Some("turn/completed"),
        bytes: head.len(),
    };
    let id = integer_after(envelope, "\"id\":");
    tracing::warn!(%error, method, id, ?lost.thread_id, ?lost.turn_id, "skipped a line");
    if let (Some(_), Some(id)) = (method, id) {
        let refusal = types::RpcError::new(
            server_requests::INTERNAL_ERROR,
            "the request was too long to read",
        );
        let id = types::RequestId::Integer(id);
        server_requests::answer(connection, types::encode_error(Some(&id), &refusal));
    }
    let mut router = connection.router();
    let of_request = match (method, id) {
        (None, Some(id)) => router.fail_request(id, error),
        _ => false,
    };
    if !of_request {
        router.lose(&lost, error);
    }
}

/// The string that follows `key`. Within a JSON string the quotes of `key` would be escaped, so that
/// it is only found where it is a key.
fn string_after<'a>(text: &'a str, key: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(key)?;
    rest.split('"').next()
}

fn integer_after(text: &str, key: &str) -> Option<i64> {
    let (_, rest) = text.split_once(key)?;
    rest.split(',').next()?.trim().parse().ok()
}

/// Writes queued lines until the connection ends. Dropping its input is the runtime's signal to go.
pub(crate) async fn write(
    mut lines: mpsc::Receiver<String>,
    mut input: impl AsyncWrite + Unpin + Send,
) -> CloseReason {
    while let Some(mut batch) = lines.recv().await {
        batch.push('\n');
        while batch.len() < WRITE_BATCH
            && let Ok(line) = lines.try_recv()
        {
            batch.push_str(&line);
            batch.push('\n');
        }
        let written = async {
            input.write_all(batch.as_bytes()).await?;
            input.flush().await
        };
        if let Err(error) = written.await {
            return CloseReason::Io(error.to_string());
        }
    }
    CloseReason::Requested
}

/// The tasks and the process of a connection. Whatever becomes of it, all of them are ended, and all
/// waiters are told.
#[derive(Debug)]
pub(crate) struct Supervised {
    pub(crate) connection: Arc<Connection>,
    pub(crate) reader: JoinHandle<CloseReason>,
    pub(crate) writer: JoinHandle<CloseReason>,
    /// The process and the task that drains its stderr, if there is one.
    pub(crate) process: Option<(Process, JoinHandle<()>)>,
    pub(crate) stderr: StderrTail,
    pub(crate) reason: CloseReason,
    pub(crate) exit_status: Option<ExitStatus>,
}

/// Waits for the first sign of the end and then ends the rest.
pub(crate) async fn supervise(mut tasks: Supervised) {
    let exited = async {
        match &tasks.process {
            Some((process, _)) => process.wait().await,
            None => std::future::pending().await,
        }
    };
    let (reason, read_on) = tokio::select! {
        biased;
        () = tasks.connection.closing() => (CloseReason::Requested, false),
        reason = &mut tasks.reader => (reason.unwrap_or(CloseReason::Abandoned), false),
        reason = &mut tasks.writer => (reason.unwrap_or(CloseReason::Abandoned), true),
        status = exited => {
            tasks.exit_status = status;
            (CloseReason::Ended, true)
        }
    };
    tasks.reason = reason;
    tasks.writer.abort();
    if let Some((process, stderr)) = &mut tasks.process {
        let status = process.end().await;
        tasks.exit_status = status.or(tasks.exit_status);
        let _ = timeout(DRAIN, stderr).await;
    }
    if read_on {
        // Deliver what the runtime had written before it left. Its end tells more than a broken pipe.
        if let Ok(Ok(reason)) = timeout(DRAIN, &mut tasks.reader).await {
            tasks.reason = reason;
        }
    }
}

impl Drop for Supervised {
    /// After [`supervise`], or instead of it when the async runtime is shut down.
    fn drop(&mut self) {
        self.reader.abort();
        self.writer.abort();
        if let Some((process, stderr)) = &self.process {
            process.kill();
            process.reap_blocking();
            stderr.abort();
        }
        let closed = Closed {
            reason: self.reason.clone(),
            exit_status: self.exit_status,
            stderr_tail: self.stderr.text(),
        };
        self.connection.span.in_scope(
            || tracing::info!(reason = ?closed.reason, status = ?closed.exit_status, "the connection has ended"),
        );
        self.connection.set_closed(closed);
    }
}
