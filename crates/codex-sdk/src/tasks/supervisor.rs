//! Waits for the first sign of the end, and ends the rest.

use std::process::ExitStatus;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::task::{JoinError, JoinHandle};
use tokio::time::timeout;

use crate::connection::Connection;
use crate::connection::process::Process;
use crate::connection::stderr::StderrTail;
use crate::error::closed::{CloseReason, Closed};
use crate::tasks::input::Reading;

/// How long the last output of a process that has exited may take to arrive.
const DRAIN: Duration = Duration::from_millis(500);
/// How long sending what was asked for may take before a server is left.
const LEAVE: Duration = Duration::from_secs(2);
/// How long the process may take to exit when the async runtime is shut down, which waits for it.
const ABANDONED: Duration = Duration::from_millis(500);

/// The tasks and the process of a connection. However it ends, all of them are ended, and all waiters notified.
#[derive(Debug)]
pub(crate) struct Supervised {
    pub(crate) connection: Arc<Connection>,
    pub(crate) reader: Reading,
    pub(crate) writer: JoinHandle<CloseReason>,
    /// The process and the task that drains its stderr, if there is one.
    pub(crate) process: Option<(Process, JoinHandle<()>)>,
    /// Ends the writer once it has written what is queued; for a runtime that this connection doesn't own.
    pub(crate) leave: Option<oneshot::Sender<()>>,
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
    let remote = tasks.leave.is_some();
    if let Some(leave) = tasks.leave.take() {
        if tasks.reason == CloseReason::Requested {
            let _ = timeout(
                LEAVE,
                leave_server(&tasks.connection, &mut tasks.writer, leave),
            )
            .await;
        }
        tasks.reason = tasks.reason.clone().of_server();
    }
    tasks.writer.abort();
    if let Some((process, stderr)) = &mut tasks.process {
        let status = process.end().await;
        tasks.exit_status = status.or(tasks.exit_status);
        let _ = timeout(DRAIN, stderr).await;
    }
    if read_on {
        // Deliver what the runtime wrote before it exited. The end of its output says more than a broken pipe.
        if let Ok(Ok(reason)) = timeout(DRAIN, &mut tasks.reader.ended).await {
            tasks.reason = if remote { reason.of_server() } else { reason };
        }
    }
}

/// Leaves a server, which keeps running: earlier requests to it, such as an interrupt, are sent first.
async fn leave_server(
    connection: &Connection,
    writer: &mut JoinHandle<CloseReason>,
    leave: oneshot::Sender<()>,
) {
    connection.cleaned_up().await;
    let _ = leave.send(());
    let _ = writer.await;
}

/// Why a task ended without giving a reason.
fn lost(error: &JoinError) -> CloseReason {
    if error.is_panic() {
        CloseReason::Panicked
    } else {
        CloseReason::Abandoned
    }
}

impl Drop for Supervised {
    /// Runs after [`supervise`], or instead of it when the async runtime is shut down.
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
        // First the end, then the log: a subscriber is foreign code, and may panic.
        self.connection.set_closed(closed);
        self.connection
            .span
            .in_scope(|| tracing::info!(?reason, ?status, "the connection has ended"));
    }
}
