//! A child and everything that it spawns: a process group on Unix, a job object on Windows.

use std::io;
use std::process::ExitStatus;
use std::task::{Context, Poll};

use tokio::process::{ChildStderr, ChildStdin, ChildStdout, Command};

#[cfg(unix)]
type Leader = tokio::process::Child;
#[cfg(not(unix))]
type Leader = Box<dyn process_wrap::tokio::ChildWrapper>;

type Pipes = (Option<ChildStdin>, Option<ChildStdout>, Option<ChildStderr>);

#[derive(Debug)]
pub(super) struct Tree {
    leader: Leader,
    #[cfg(unix)]
    group: nix::unistd::Pid,
}

#[cfg(unix)]
impl Tree {
    pub(super) fn spawn(mut command: Command) -> io::Result<Self> {
        let leader = command.process_group(0).kill_on_drop(true).spawn()?;
        let id = leader.id().and_then(|id| i32::try_from(id).ok());
        let id = id.ok_or_else(|| io::Error::other("the child has no process id"))?;
        let group = nix::unistd::Pid::from_raw(id);
        Ok(Self { leader, group })
    }

    pub(super) fn pipes(&mut self) -> Pipes {
        let child = &mut self.leader;
        (child.stdin.take(), child.stdout.take(), child.stderr.take())
    }

    pub(super) fn kill(&mut self) {
        self.signal(nix::sys::signal::Signal::SIGKILL);
    }

    pub(super) fn ask_to_leave(&self) {
        self.signal(nix::sys::signal::Signal::SIGTERM);
    }

    /// Asks only the child, and nothing that it has started.
    #[cfg(feature = "remote")]
    pub(super) fn ask_leader(&self) {
        let _ = nix::sys::signal::kill(self.group, nix::sys::signal::Signal::SIGTERM);
    }

    /// Fails only when nothing is left.
    fn signal(&self, signal: nix::sys::signal::Signal) {
        let _ = nix::sys::signal::killpg(self.group, signal);
    }
}

#[cfg(not(unix))]
impl Tree {
    pub(super) fn spawn(command: Command) -> io::Result<Self> {
        use process_wrap::tokio::{CommandWrap, JobObject, KillOnDrop};
        let mut wrapped = CommandWrap::from(command);
        let leader = wrapped.wrap(JobObject).wrap(KillOnDrop).spawn()?;
        Ok(Self { leader })
    }

    pub(super) fn pipes(&mut self) -> Pipes {
        let child = &mut self.leader;
        (
            child.stdin().take(),
            child.stdout().take(),
            child.stderr().take(),
        )
    }

    /// Fails only when nothing is left.
    pub(super) fn kill(&mut self) {
        let _ = self.leader.start_kill();
    }

    /// There is no way to ask a process here.
    pub(super) fn ask_to_leave(&self) {}

    #[cfg(feature = "remote")]
    pub(super) fn ask_leader(&self) {}
}

impl Tree {
    #[cfg(feature = "remote")]
    pub(super) fn id(&mut self) -> Option<u32> {
        self.child().id()
    }

    /// Whether the child itself has exited; others may be left.
    pub(super) fn try_wait(&mut self) -> io::Result<Option<ExitStatus>> {
        self.child().try_wait()
    }

    /// The child keeps the waker itself: a new future for each poll loses nothing.
    pub(super) fn poll_wait(&mut self, context: &mut Context<'_>) -> Poll<io::Result<ExitStatus>> {
        std::pin::pin!(self.child().wait()).poll(context)
    }

    #[cfg(unix)]
    fn child(&mut self) -> &mut Leader {
        &mut self.leader
    }

    #[cfg(not(unix))]
    fn child(&mut self) -> &mut dyn process_wrap::tokio::ChildWrapper {
        self.leader.inner_mut()
    }
}
