//! Reads what the runtime writes, until it ends.
//!
//! The runtime writes each line separately, so under load each line costs a read and the wake-ups of its reader and
//! its consumer. The pipe is then taken off the poller and read on a thread that lets lines gather: see `gather`.

use std::future::Future;
use std::pin::Pin;

use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::ChildStdout;
use tokio::sync::oneshot;
use tokio::task::AbortHandle;
use tracing::Instrument;

use crate::catch::caught;
use crate::error::closed::CloseReason;
use crate::tasks::reader::Intake;

/// What to read from.
pub(crate) enum Output {
    Pipe(ChildStdout),
    Stream(Box<dyn AsyncRead + Unpin + Send>),
}

/// A reader that runs until its input ends, or until this is dropped.
#[derive(Debug)]
pub(crate) struct Reading {
    /// Why it ended. Closed without a value if the async runtime was shut down.
    pub(crate) ended: oneshot::Receiver<CloseReason>,
    task: AbortHandle,
}

impl Drop for Reading {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Starts to read. Must be called within an async runtime.
pub(crate) fn read(intake: Intake, output: Output, span: tracing::Span) -> Reading {
    let (end, ended) = oneshot::channel();
    let read: Pin<Box<dyn Future<Output = CloseReason> + Send>> = match output {
        #[cfg(unix)]
        Output::Pipe(pipe) => Box::pin(super::gather::read(intake, pipe)),
        #[cfg(not(unix))]
        Output::Pipe(pipe) => Box::pin(read_stream(intake, Box::new(pipe))),
        Output::Stream(stream) => Box::pin(read_stream(intake, stream)),
    };
    let read = async move {
        let reason = caught(read).await.unwrap_or(CloseReason::Panicked);
        let _ = end.send(reason);
    };
    let task = tokio::spawn(read.instrument(span)).abort_handle();
    Reading { ended, task }
}

async fn read_stream(
    mut intake: Intake,
    mut input: Box<dyn AsyncRead + Unpin + Send>,
) -> CloseReason {
    loop {
        let read = input.read(intake.space()).await;
        let taken = intake.take(read);
        intake.connection().wake();
        if let Err(reason) = taken {
            return reason;
        }
    }
}
