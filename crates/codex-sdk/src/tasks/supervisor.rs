//! Waits for the first sign of the end, and ends the rest.

use std::process::ExitStatus;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::{JoinError, JoinHandle};
use tokio::time::timeout;

use crate::connection::Connection;
use crate::connection::process::{Process, StderrTail};
use crate::error::closed::{CloseReason, Closed};
use crate::tasks::input::Reading;

/// How long the last output of a process that has exited may take to arrive.
const DRAIN: Duration = Duration::from_millis(500);
/// How long the process may take to leave when the async runtime is shut down, which waits for it.
const ABANDONED: Duration = Duration::from_millis(500);

/// The tasks and the process of a connection. Whatever becomes of it, all of them are ended, and all
/// waiters are told.
#[derive(Debug)]
pub(crate) struct Supervised {
    pub(crate) connection: Arc<Connection>,
    pub(crate) reader: Reading,
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
        reason = &mut tasks.reader.ended => (reason.unwrap_or(CloseReason::Abandoned), false),
        reason = &mut tasks.writer => (reason.unwrap_or_else(|error| lost(&error)), true),
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
        if let Ok(Ok(reason)) = timeout(DRAIN, &mut tasks.reader.ended).await {
            tasks.reason = reason;
        }
    }
}

/// Why a task ended that gave no reason.
fn lost(error: &JoinError) -> CloseReason {
    if error.is_panic() {
        CloseReason::Panicked
    } else {
        CloseReason::Abandoned
    }
}

impl Drop for Supervised {
    /// After [`supervise`], or instead of it when the async runtime is shut down.
    fn drop(&mut self) {
        self.writer.abort();
        if let Some((process, stderr)) = &self.process {
            process.end_blocking(ABANDONED);
            stderr.abort();
        }
        let closed = Closed {
            reason: self.reason.clone(),
            exit_status: self.exit_status,
            stderr_tail: self.stderr.text(),
        };
        let (reason, status) = (closed.reason.clone(), closed.exit_status);
        // First the end, and then the log: who listens to that is foreign code, and may panic.
        self.connection.set_closed(closed);
        self.connection
            .span
            .in_scope(|| tracing::info!(?reason, ?status, "the connection has ended"));
    }
}
