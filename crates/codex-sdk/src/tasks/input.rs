//! Reads what the runtime writes: a pipe on a thread that paces itself, anything else on a task.
//!
//! The runtime writes each line by itself, so that under load the cost of a line is its read and the
//! wake-ups of its reader and its consumer. Here one read takes many lines: see `Pace`.

use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::ChildStdout;
use tokio::sync::oneshot;
use tokio::task::AbortHandle;
use tracing::Instrument;

use crate::error::closed::CloseReason;
use crate::tasks::reader::Intake;

/// What is read.
pub(crate) enum Output {
    Pipe(ChildStdout),
    Stream(Box<dyn AsyncRead + Unpin + Send>),
}

/// A reader that runs until its input ends, or until this is dropped.
#[derive(Debug)]
pub(crate) struct Reading {
    /// Why it ended. It is gone without a word when it panicked.
    pub(crate) ended: oneshot::Receiver<CloseReason>,
    _stop: Stop,
}

#[derive(Debug)]
enum Stop {
    Task(AbortHandle),
    #[cfg(unix)]
    Thread {
        /// The thread waits for the other end to close.
        _open: std::io::PipeWriter,
    },
    /// It has never begun.
    #[cfg(unix)]
    Nothing,
}

impl Drop for Stop {
    fn drop(&mut self) {
        match self {
            Self::Task(task) => task.abort(),
            #[cfg(unix)]
            Self::Thread { .. } | Self::Nothing => {}
        }
    }
}

/// Begins to read. Must be called within an async runtime.
pub(crate) fn read(intake: Intake, output: Output, span: tracing::Span) -> Reading {
    match output {
        #[cfg(unix)]
        Output::Pipe(pipe) => unix::read(intake, pipe, span),
        #[cfg(not(unix))]
        Output::Pipe(pipe) => on_task(intake, Box::new(pipe), span),
        Output::Stream(stream) => on_task(intake, stream, span),
    }
}

fn on_task(
    mut intake: Intake,
    mut input: Box<dyn AsyncRead + Unpin + Send>,
    span: tracing::Span,
) -> Reading {
    let (end, ended) = oneshot::channel();
    let read = async move {
        let reason = loop {
            let read = input.read(intake.space()).await;
            if let Err(reason) = intake.take(read) {
                break reason;
            }
        };
        let _ = end.send(reason);
    };
    let task = tokio::spawn(read.instrument(span)).abort_handle();
    Reading {
        ended,
        _stop: Stop::Task(task),
    }
}

#[cfg(unix)]
mod unix {
    use std::fs::File;
    use std::io::{self, PipeReader, Read, pipe};
    use std::os::fd::AsFd;
    use std::thread;
    use std::time::Instant;

    use nix::errno::Errno;
    use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
    use tokio::process::ChildStdout;
    use tokio::sync::oneshot;
    use tracing::dispatcher;

    use super::{Reading, Stop};
    use crate::error::closed::CloseReason;
    use crate::tasks::pace::Pace;
    use crate::tasks::reader::Intake;

    pub(super) fn read(intake: Intake, output: ChildStdout, span: tracing::Span) -> Reading {
        let (end, ended) = oneshot::channel();
        let log = dispatcher::get_default(Clone::clone);
        let begun = output.into_owned_fd().and_then(|output| {
            let (stop, open) = pipe()?;
            let thread = thread::Builder::new().name("codex-sdk-reader".to_owned());
            thread.spawn(move || {
                let output = File::from(output);
                let read = || span.in_scope(|| until_the_end(intake, output, &stop));
                // Who is gone needs no reason.
                let _ = end.send(dispatcher::with_default(&log, read));
            })?;
            Ok(open)
        });
        match begun {
            Ok(open) => Reading {
                ended,
                _stop: Stop::Thread { _open: open },
            },
            Err(error) => never(&error),
        }
    }

    /// A reader that has ended before it began.
    fn never(error: &io::Error) -> Reading {
        let (end, ended) = oneshot::channel();
        let _ = end.send(CloseReason::Io(error.to_string()));
        Reading {
            ended,
            _stop: Stop::Nothing,
        }
    }

    fn until_the_end(mut intake: Intake, mut output: File, stop: &PipeReader) -> CloseReason {
        let mut pace = Pace::new(Instant::now());
        loop {
            match is_stopped(&output, stop) {
                Ok(false) => {}
                Ok(true) => return CloseReason::Requested,
                Err(error) => return CloseReason::Io(error.to_string()),
            }
            let read = output.read(intake.space());
            let lines = match intake.take(read) {
                Ok(lines) => lines,
                Err(reason) => return reason,
            };
            if let Some(pause) = pace.pause(lines, Instant::now()) {
                thread::sleep(pause);
            }
        }
    }

    /// Waits until there is something to read, or nobody wants it any more.
    fn is_stopped(output: &File, stop: &PipeReader) -> io::Result<bool> {
        let wanted = |file| PollFd::new(file, PollFlags::POLLIN);
        let mut files = [wanted(output.as_fd()), wanted(stop.as_fd())];
        loop {
            match poll(&mut files, PollTimeout::NONE) {
                Ok(_) => return Ok(files[1].any().unwrap_or(true)),
                Err(Errno::EINTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}
