//! The `tracing` spans: their names and their fields. Never a text, a parameter or a value.

use std::sync::atomic::{AtomicU64, Ordering};

use codex_types::Turn;
use tracing::Span;
use tracing::field::Empty;

use crate::error::{Error, Result};

/// One per connection, from the start of the runtime to its end.
pub(crate) fn connection() -> Span {
    static NUMBER: AtomicU64 = AtomicU64::new(1);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    // It outlives the caller's span.
    tracing::info_span!(parent: None, "codex.connection", number, version = Empty)
}

/// One per handle on a thread.
pub(crate) fn thread(connection: &Span, id: &str) -> Span {
    tracing::info_span!(parent: connection, "codex.thread", thread_id = id)
}

/// One per turn or goal and handle. It is a child of the caller's span if there is one, so everything a program does
/// for one of its own requests is one trace.
pub(crate) fn turn(thread: &Span, thread_id: &str) -> Span {
    let caller = Span::current();
    let parent = if caller.is_none() { thread } else { &caller };
    tracing::info_span!(
        parent: parent,
        "codex.turn",
        thread_id,
        turn_id = Empty,
        status = Empty,
        duration_ms = Empty
    )
}

/// Records how a turn ended.
pub(crate) fn turn_ended(span: &Span, turn: &Turn) {
    span.record("status", turn.status.as_str());
    if let Some(duration) = turn.duration_ms {
        span.record("duration_ms", duration);
    }
}

/// One per request, from the wait for a place in flight to the answer.
pub(crate) fn request(method: &str, id: i64) -> Span {
    tracing::debug_span!(
        "codex.request",
        method,
        id,
        outcome = Empty,
        duration_ms = Empty
    )
}

/// Records how a request ended.
pub(crate) fn request_ended<T>(span: &Span, result: &Result<T>, began: std::time::Instant) {
    let outcome = match result {
        Ok(_) => "answered",
        Err(Error::Rpc(_)) => "refused",
        Err(Error::Timeout { .. }) => "timeout",
        Err(_) => "failed",
    };
    let duration = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    span.record("outcome", outcome);
    span.record("duration_ms", duration);
}

/// One per server request, on its own task.
pub(crate) fn server_request(connection: &Span, method: &str, thread_id: Option<&str>) -> Span {
    tracing::debug_span!(parent: connection, "codex.server_request", method, thread_id)
}
