//! Reads a pipe: on a task while lines come one by one, on a thread while they come fast.
//!
//! A pipe that is registered with the poller wakes it on each write, whether or not anybody reads. So
//! under load the pipe is taken off, and a thread sleeps between its reads: one read and one wake-up
//! then cover everything that has gathered.

use std::fs::File;
use std::io::{self, PipeReader, PipeWriter, Read, pipe};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Instant;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use tokio::io::AsyncReadExt;
use tokio::process::ChildStdout;
use tokio::runtime::Handle;
use tokio::sync::{Notify, oneshot};
use tracing::{Span, dispatcher};

use crate::error::closed::CloseReason;
use crate::tasks::pace::Pace;
use crate::tasks::reader::Intake;

/// What the task and the thread hand to each other.
type Work = (Intake, File, Pace);
type Ended<T> = Result<T, CloseReason>;

/// How many milliseconds of silence end the thread's reading.
const QUIET: u16 = 64;

pub(super) async fn read(mut intake: Intake, mut output: ChildStdout) -> CloseReason {
    let mut pace = Pace::new(Instant::now());
    loop {
        let read = output.read(intake.space()).await;
        let taken = intake.take(read);
        intake.connection().wake();
        let lines = match taken {
            Ok(lines) => lines,
            Err(reason) => return reason,
        };
        pace.note(lines, Instant::now());
        if !pace.is_busy() {
            continue;
        }
        let (end, ended) = oneshot::channel();
        let news = Arc::new(Notify::new());
        let Ok((thread, _open)) = begin(end, Arc::clone(&news)) else {
            // Without a thread or a file descriptor, the task reads on.
            pace = Pace::new(Instant::now());
            continue;
        };
        (intake, output) = match gather(intake, output, pace, &thread, ended, &news).await {
            Ok(calm) => calm,
            Err(reason) => return reason,
        };
        pace = Pace::new(Instant::now());
    }
}

/// Has the thread read while lines come fast.
async fn gather(
    intake: Intake,
    output: ChildStdout,
    pace: Pace,
    thread: &mpsc::Sender<Work>,
    mut ended: oneshot::Receiver<Ended<(Intake, File)>>,
    news: &Notify,
) -> Ended<(Intake, ChildStdout)> {
    let connection = Arc::clone(intake.connection());
    let output = output.into_owned_fd().map_err(|error| failed(&error))?;
    // The thread takes this, unless it has panicked.
    let _ = thread.send((intake, File::from(output), pace));
    let ended = loop {
        tokio::select! {
            ended = &mut ended => break ended,
            () = news.notified() => connection.wake(),
        }
    };
    connection.wake();
    let (intake, output) = ended.unwrap_or(Err(CloseReason::Panicked))?;
    let output = std::process::ChildStdout::from(OwnedFd::from(output));
    let output = ChildStdout::from_std(output).map_err(|error| failed(&error))?;
    Ok((intake, output))
}

/// Starts a thread that waits for its work. It ends when the returned values are dropped.
fn begin(
    end: oneshot::Sender<Ended<(Intake, File)>>,
    news: Arc<Notify>,
) -> io::Result<(mpsc::Sender<Work>, PipeWriter)> {
    let (stop, open) = pipe()?;
    let (hand_over, work) = mpsc::channel();
    // Gives log subscribers and wakers the same context as on the task.
    let (span, log) = (Span::current(), dispatcher::get_default(Clone::clone));
    let runtime = Handle::current();
    let thread = thread::Builder::new().name("codex-sdk-reader".to_owned());
    thread.spawn(move || {
        let Ok(work) = work.recv() else { return };
        let _context = runtime.enter();
        let read = || span.in_scope(|| while_busy(work, &stop, &news));
        // If the receiver is gone, nobody needs the result.
        let _ = end.send(dispatcher::with_default(&log, read));
    })?;
    Ok((hand_over, open))
}

fn while_busy(
    (mut intake, mut output, mut pace): Work,
    stop: &PipeReader,
    news: &Notify,
) -> Ended<(Intake, File)> {
    while pace.is_busy() {
        if let Some(pause) = pace.pause()
            && intake.may_wait()
        {
            thread::sleep(pause);
        }
        match wait(&output, stop).map_err(|error| failed(&error))? {
            Found::Lines => {}
            Found::Nothing => break,
            Found::Stop => return Err(CloseReason::Requested),
        }
        let read = output.read(intake.space());
        let taken = intake.take(read);
        // Waking a task from outside its runtime costs a system call. So only one task is woken, which
        // wakes the others.
        match intake.connection().waiting() {
            0 => {}
            1 => intake.connection().wake(),
            _ => news.notify_one(),
        }
        let lines = taken?;
        pace.note(lines, Instant::now());
    }
    Ok((intake, output))
}

enum Found {
    Lines,
    Nothing,
    /// Nobody wants the output any more.
    Stop,
}

/// Waits a while for something to read.
fn wait(output: &File, stop: &PipeReader) -> io::Result<Found> {
    let wanted = |file| PollFd::new(file, PollFlags::POLLIN);
    let mut files = [wanted(output.as_fd()), wanted(stop.as_fd())];
    loop {
        match poll(&mut files, PollTimeout::from(QUIET)) {
            Ok(0) => return Ok(Found::Nothing),
            Ok(_) if files[1].any().unwrap_or(true) => return Ok(Found::Stop),
            Ok(_) => return Ok(Found::Lines),
            Err(Errno::EINTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

fn failed(error: &io::Error) -> CloseReason {
    CloseReason::Io(error.to_string())
}
