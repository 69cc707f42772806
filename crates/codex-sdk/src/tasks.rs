//! The tasks of a connection: reader, writer, supervisor.

use std::{sync::Arc, time::Duration};

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
    refuse, types,
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
    output: impl AsyncRead + Unpin + Send,
) -> CloseReason {
    let limit = connection.limits.max_line_bytes;
    let mut lines = Lines::new(output, limit);
    loop {
        match lines.next().await {
            Ok(Ok(Line::Whole(line))) => receive(&connection, line),
            Ok(Ok(Line::Overlong(head, tail))) => skip_overlong(&connection, head, tail, limit),
            Ok(Err(end)) if end.unfinished == 0 => return CloseReason::Ended,
            Ok(Err(end)) => {
                return CloseReason::EndedInLine {
                    bytes: end.unfinished,
                };
            }
            Err(error) => return CloseReason::Io(error.to_string()),
        }
    }
}

/// Routes one line.
fn receive(connection: &Arc<Connection>, line: &[u8]) {
    match types::Message::parse(line) {
        Ok(types::Message::Notification { method, params, .. }) => {
            let notification = decode(&method, params);
            let orphan = connection.router().deliver(notification, line.len());
            connection.interrupt(orphan);
        }
        Ok(types::Message::Response { id, result }) => resolve(connection, Some(id), Ok(result)),
        Ok(types::Message::Error { id, error }) => resolve(connection, id, Err(error)),
        Ok(types::Message::Request { id, method, params }) => {
            // Values made of strings and numbers can always be written.
            let Ok(answer) = refuse::answer(&id, &method, params) else {
                return;
            };
            let sender = Arc::clone(connection);
            connection.spawn(async move {
                // Only a connection that has ended fails to take it.
                let _ = sender.send(answer).await;
            });
        }
        Err(error) => {
            let shown = String::from_utf8_lossy(&line[..line.len().min(SHOWN_OF_MALFORMED)]);
            let reason = format!("{error}, in the line that begins with {shown:?}");
            tracing::warn!(reason, "skipped a malformed line");
            let error = Error::MalformedLine { reason };
            connection.router().report(&error);
        }
    }
}

/// A known method with an unexpected body stays readable, and ends no stream.
fn decode(method: &str, params: Option<&RawValue>) -> Notification {
    Notification::decode(method, params).unwrap_or_else(|error| {
        tracing::warn!(method, error = %error, "could not decode a notification");
        let params = params.map(|params| serde_json::from_str(params.get()));
        Notification::Unrecognized {
            method: method.to_owned(),
            params: params.and_then(Result::ok).unwrap_or_default(),
        }
    })
}

fn resolve(
    connection: &Arc<Connection>,
    id: Option<types::RequestId>,
    reply: Result<&RawValue, types::RpcError>,
) {
    let Some(types::RequestId::Integer(id)) = id else {
        tracing::warn!(?id, "a reply to a request that was never sent");
        return;
    };
    let orphan = connection
        .router()
        .resolve(id, reply.map(ToOwned::to_owned));
    connection.interrupt(orphan);
}

/// Tells whoever a line over the cap was for: a request, a turn, or else all subscriptions.
fn skip_overlong(connection: &Arc<Connection>, head: &[u8], tail: &[u8], limit: usize) {
    let (head, tail) = (String::from_utf8_lossy(head), String::from_utf8_lossy(tail));
    let find = |key| string_after(&head, key).or_else(|| string_after(&tail, key));
    let thread_id = find("\"threadId\":\"");
    let turn_id = find("\"turnId\":\"").or_else(|| find("\"turn\":{\"id\":\""));
    let request = head.strip_prefix("{\"id\":").and_then(leading_integer);

    let error = Error::LineTooLong { limit };
    tracing::warn!(limit, thread_id, turn_id, request, "skipped a line over the limit");
    let mut router = connection.router();
    let (known, orphan) = match (request, thread_id, turn_id) {
        (Some(id), ..) => router.fail_request(id, &error),
        (None, Some(thread_id), Some(turn_id)) => {
            (router.fail_turn(thread_id, turn_id, &error), None)
        }
        _ => (false, None),
    };
    if !known {
        router.report(&error);
    }
    drop(router);
    connection.interrupt(orphan);
}

/// The string that follows `key`. Within a JSON string the quotes of `key` would be escaped, so that
/// it is only found where it is a key.
fn string_after<'a>(text: &'a str, key: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(key)?;
    rest.split('"').next()
}

fn leading_integer(text: &str) -> Option<i64> {
    text.split(',').next()?.trim().parse().ok()
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

/// The tasks and the process that a supervisor looks after.
pub(crate) struct Supervised {
    pub(crate) reader: JoinHandle<CloseReason>,
    pub(crate) writer: JoinHandle<CloseReason>,
    /// The process and the task that drains its stderr, if there is one.
    pub(crate) process: Option<(Process, JoinHandle<()>)>,
    pub(crate) stderr: StderrTail,
}

/// Waits for the first sign of the end, ends the rest, and tells all waiters.
pub(crate) async fn supervise(connection: Arc<Connection>, mut tasks: Supervised) {
    let mut end = EndGuard {
        connection: Arc::clone(&connection),
        closed: Closed {
            reason: CloseReason::Abandoned,
            exit_status: None,
            stderr_tail: String::new(),
        },
    };
    let exited = async {
        match &tasks.process {
            Some((process, _)) => process.wait().await,
            None => std::future::pending().await,
        }
    };
    let reason = tokio::select! {
        biased;
        () = connection.closing() => CloseReason::Requested,
        reason = &mut tasks.reader => reason.unwrap_or(CloseReason::Abandoned),
        reason = &mut tasks.writer => reason.unwrap_or(CloseReason::Abandoned),
        status = exited => {
            end.closed.exit_status = status;
            CloseReason::Ended
        }
    };
    tasks.writer.abort();
    if let Some((process, stderr)) = &mut tasks.process {
        let status = process.end().await;
        end.closed.exit_status = status.or(end.closed.exit_status);
        let _ = timeout(DRAIN, stderr).await;
    }
    if reason != CloseReason::Requested && !tasks.reader.is_finished() {
        // Deliver what the runtime had written before it left.
        let _ = timeout(DRAIN, &mut tasks.reader).await;
    }
    end.closed.reason = reason;
    end.closed.stderr_tail = tasks.stderr.text();
}

impl Drop for Supervised {
    fn drop(&mut self) {
        self.reader.abort();
        self.writer.abort();
        if let Some((process, stderr)) = &self.process {
            process.kill();
            stderr.abort();
        }
    }
}

/// Tells all waiters that the connection is over, also when the supervisor itself is dropped.
struct EndGuard {
    connection: Arc<Connection>,
    closed: Closed,
}

impl Drop for EndGuard {
    fn drop(&mut self) {
        self.connection.set_closed(self.closed.clone());
    }
}
