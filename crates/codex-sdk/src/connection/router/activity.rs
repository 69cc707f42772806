//! A thread's activity, as reported by the runtime.

use codex_types::{ThreadActiveFlag, ThreadStatus};
use tokio::time::Instant;

/// A thread's activity, as reported by the runtime.
#[derive(Debug, Default)]
pub(crate) struct Activity {
    /// It runs nothing.
    idle: bool,
    /// Whether its turn waits for an answer from this program.
    waits: bool,
    /// When it last waited for an answer.
    waited: Option<Instant>,
}

impl Activity {
    pub(crate) fn note(&mut self, status: &ThreadStatus) {
        self.idle = matches!(
            status,
            ThreadStatus::Idle | ThreadStatus::SystemError | ThreadStatus::NotLoaded
        );
        let waits = match status {
            ThreadStatus::Active(active) => active.active_flags.iter().any(|flag| {
                use ThreadActiveFlag::{WaitingOnApproval, WaitingOnUserInput};
                matches!(flag, WaitingOnApproval | WaitingOnUserInput)
            }),
            _ => false,
        };
        if self.waits && !waits {
            self.answered();
        }
        self.waits = waits;
    }

    /// Records that this program has answered a server request.
    pub(crate) fn answered(&mut self) {
        self.waited = Some(Instant::now());
    }

    pub(crate) fn begin(&mut self) {
        self.idle = false;
    }

    pub(crate) fn is_idle(&self) -> bool {
        self.idle
    }

    /// When it last waited for an answer: now, if it still waits.
    pub(crate) fn last_wait(&self) -> Option<Instant> {
        self.waits.then(Instant::now).or(self.waited)
    }
}
