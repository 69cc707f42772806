//! The child process: its group and its end.

use std::io;
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::thread;
use std::time::{Duration, Instant};

use tokio::process::{ChildStderr, ChildStdin, ChildStdout, Command};
use tokio::sync::Notify;
use tokio::time::timeout;

use crate::connection::descendants::Descendants;
use crate::connection::stderr::StderrTail;
use crate::connection::tree::Tree;

/// How long the runtime may take to exit after its input has ended; it takes about 30 ms.
const GRACE: Duration = Duration::from_secs(1);
/// How long it may take after it was asked to terminate.
const TERMINATE: Duration = Duration::from_millis(500);
/// How long it may take to terminate after the last handle was dropped.
const DISMISS: Duration = Duration::from_secs(1);
/// How long a killed process may take to be reaped; it takes milliseconds.
const REAP: Duration = Duration::from_secs(1);
/// How often to check for its exit where no async runtime reports it.
const POLL: Duration = Duration::from_millis(2);

/// The pipes of a process that was just spawned.
#[derive(Debug)]
pub(crate) struct Pipes {
    pub(crate) stdin: ChildStdin,
    pub(crate) stdout: ChildStdout,
    pub(crate) stderr: ChildStderr,
}

/// The runtime and everything that it spawns: its own process group, or a job object on Windows.
#[derive(Debug, Clone)]
pub(crate) struct Process {
    /// `None` once the child was reaped: its process id may then be another process's.
    child: Arc<Mutex<Option<Tree>>>,
    /// Wakes whoever waits for a child that another task has reaped.
    reaped: Arc<Notify>,
    descendants: Descendants,
    pub(crate) stderr: StderrTail,
}

impl Process {
    pub(crate) fn spawn(mut command: Command) -> io::Result<(Self, Pipes)> {
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let descendants = Descendants::of(&mut command);
        let stderr_tail = StderrTail::of(&command);
        let mut child = Tree::spawn(command)?;
        let pipes = child.pipes();
        let process = Self {
            child: Arc::new(Mutex::new(Some(child))),
            reaped: Arc::default(),
            descendants,
            stderr: stderr_tail,
        };
        let (Some(stdin), Some(stdout), Some(stderr)) = pipes else {
            process.kill();
            return Err(io::Error::other("the child has no pipes"));
        };
        let pipes = Pipes {
            stdin,
            stdout,
            stderr,
        };
        Ok((process, pipes))
    }

    /// The id of the child itself, until it was reaped.
    #[cfg(feature = "remote")]
    pub(crate) fn id(&self) -> Option<u32> {
        self.lock().as_mut()?.id()
    }

    /// Kills it at once, with everything that it has started. Works on any thread, inside and outside
    /// an async runtime.
    pub(crate) fn kill(&self) {
        if let Some(child) = self.lock().as_mut() {
            child.kill();
        }
        self.descendants.kill();
    }

    /// How much it and everything that it has started have worked: a number that grows with processor time and with
    /// what is read and written. `None` where the system doesn't report it.
    pub(crate) fn work(&self) -> Option<u64> {
        self.descendants.work()
    }

    /// Asks it to exit, which ends its commands, too; what is left a little later is killed. Nobody needs to wait: the
    /// program may no longer have an async runtime.
    pub(crate) fn dismiss(&self) {
        if !self.ask_to_leave() {
            return;
        }
        let process = self.clone();
        // If no thread can be started, it is killed here and now.
        let guard = thread::Builder::new().name("codex-sdk-end".to_owned());
        if guard.spawn(move || process.end_blocking(DISMISS)).is_err() {
            self.end_blocking(Duration::ZERO);
        }
    }

    /// Ends it from outside an async runtime, and reaps it.
    pub(crate) fn end_blocking(&self, grace: Duration) {
        if self.ask_to_leave() && !self.exits_within(grace) {
            self.kill();
            self.exits_within(REAP);
        }
        self.lock().take();
        self.reaped.notify_waiters();
        self.descendants.kill();
    }

    /// Asks only the runtime to exit, and nothing that it has started.
    #[cfg(feature = "remote")]
    pub(crate) fn ask_leader(&self) {
        if let Some(child) = self.lock().as_ref() {
            child.ask_leader();
        }
    }

    /// Returns `false` if it is gone.
    fn ask_to_leave(&self) -> bool {
        let guard = self.lock();
        let Some(child) = guard.as_ref() else {
            return false;
        };
        child.ask_to_leave();
        true
    }

    fn exits_within(&self, grace: Duration) -> bool {
        let begun = Instant::now();
        loop {
            let mut guard = self.lock();
            let exited = guard.as_mut().map(Tree::try_wait);
            drop(guard);
            match exited {
                Some(Ok(None)) if begun.elapsed() < grace => thread::sleep(POLL),
                Some(Ok(None)) => return false,
                _ => return true,
            }
        }
    }

    /// Waits until the process has exited, and reaps it; `None` if another task has. Any number of tasks can wait.
    ///
    /// The lock is held only during each poll, so [`Self::kill`] works in the meantime.
    pub(crate) async fn wait(&self) -> Option<ExitStatus> {
        let exited = std::future::poll_fn(|context| {
            let mut guard = self.lock();
            let Some(child) = guard.as_mut() else {
                return Poll::Ready(None);
            };
            // The rest of its group is killed below.
            child.poll_wait(context).map(Result::ok)
        });
        // Created before the first poll of the child, to miss nothing.
        let reaped = self.reaped.notified();
        let status = tokio::select! {
            status = exited => status,
            () = reaped => None,
        };
        if let Some(mut child) = self.lock().take() {
            child.kill();
            self.reaped.notify_waiters();
        }
        status
    }

    /// Ends a process whose input has just been closed: waits, then asks, then kills. What it has started and left
    /// behind is killed in any case.
    pub(crate) async fn end(&self) -> Option<ExitStatus> {
        let mut status = timeout(GRACE, self.wait()).await;
        if status.is_err() && self.ask_to_leave() {
            status = timeout(TERMINATE, self.wait()).await;
        }
        if status.is_err() {
            self.kill();
            status = timeout(TERMINATE, self.wait()).await;
        }
        self.descendants.kill();
        status.ok().flatten()
    }

    fn lock(&self) -> MutexGuard<'_, Option<Tree>> {
        self.child.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
