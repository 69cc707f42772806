//! Reads a pipe: on a task while lines come one by one, on a thread while they come fast.
//!
//! A pipe that is registered with the poller wakes it with each write, whether or not anybody reads. So
//! under load it is taken off, and a thread sleeps between its reads: one read and one wake-up take all
//! that has gathered.

use std::fs::File;
use std::io::{self, PipeReader, PipeWriter, Read, pipe};
use std::os::fd::{AsFd, OwnedFd};
use std::thread;
use std::time::Instant;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use tokio::io::AsyncReadExt;
use tokio::process::ChildStdout;
use tokio::sync::oneshot;
use tracing::{Span, dispatcher};

use crate::error::closed::CloseReason;
use crate::tasks::pace::Pace;
use crate::tasks::reader::Intake;

type Ended<T> = Result<T, CloseReason>;

pub(super) async fn read(mut intake: Intake, mut output: ChildStdout) -> CloseReason {
    let mut pace = Pace::new(Instant::now());
    loop {
        let read = output.read(intake.space()).await;
        let lines = match intake.take(read) {
            Ok(lines) => lines,
            Err(reason) => return reason,
        };
        pace.note(lines, Instant::now());
        if !pace.is_busy() {
            continue;
        }
        (intake, output, pace) = match gather(intake, output, pace).await {
            Ok(calm) => calm,
            Err(reason) => return reason,
        };
    }
}

/// Reads on a thread while lines come fast. The thread ends when this is dropped.
async fn gather(
    intake: Intake,
    output: ChildStdout,
    pace: Pace,
) -> Ended<(Intake, ChildStdout, Pace)> {
    let (end, ended) = oneshot::channel();
    let _open = begin(intake, output, pace, end).map_err(|error| failed(&error))?;
    let (intake, output, pace) = ended.await.unwrap_or(Err(CloseReason::Abandoned))?;
    let output = std::process::ChildStdout::from(OwnedFd::from(output));
    let output = ChildStdout::from_std(output).map_err(|error| failed(&error))?;
    Ok((intake, output, pace))
}

/// Starts the thread. It waits for what is returned to be closed, too.
fn begin(
    intake: Intake,
    output: ChildStdout,
    pace: Pace,
    end: oneshot::Sender<Ended<(Intake, File, Pace)>>,
) -> io::Result<PipeWriter> {
    let output = File::from(output.into_owned_fd()?);
    let (stop, open) = pipe()?;
    let (span, log) = (Span::current(), dispatcher::get_default(Clone::clone));
    let thread = thread::Builder::new().name("codex-sdk-reader".to_owned());
    thread.spawn(move || {
        let read = || span.in_scope(|| while_busy(intake, output, pace, &stop));
        // Who is gone needs nothing back.
        let _ = end.send(dispatcher::with_default(&log, read));
    })?;
    Ok(open)
}

fn while_busy(
    mut intake: Intake,
    mut output: File,
    mut pace: Pace,
    stop: &PipeReader,
) -> Ended<(Intake, File, Pace)> {
    while pace.is_busy() {
        if let Some(pause) = pace.pause()
            && intake.may_wait()
        {
            thread::sleep(pause);
        }
        if is_stopped(&output, stop).map_err(|error| failed(&error))? {
            return Err(CloseReason::Requested);
        }
        let read = output.read(intake.space());
        let lines = intake.take(read)?;
        pace.note(lines, Instant::now());
    }
    Ok((intake, output, pace))
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

fn failed(error: &io::Error) -> CloseReason {
    CloseReason::Io(error.to_string())
}
