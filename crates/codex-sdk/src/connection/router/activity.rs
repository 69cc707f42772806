//! What the runtime says that a thread does.

use codex_types::{ThreadActiveFlag, ThreadStatus};
use tokio::time::Instant;

/// What the runtime says that a thread does.
#[derive(Debug, Default)]
pub(crate) struct Activity {
    /// It runs nothing.
    idle: bool,
    /// Its turn waits for an answer of this program, as the runtime says.
    waits: bool,
    /// When an answer was last waited for.
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

    /// Notes that this program has answered a request of the runtime.
    pub(crate) fn answered(&mut self) {
        self.waited = Some(Instant::now());
    }

    pub(crate) fn begin(&mut self) {
        self.idle = false;
    }

    pub(crate) fn is_idle(&self) -> bool {
        self.idle
    }

    /// When it last waited for an answer: now, if it does.
    pub(crate) fn last_wait(&self) -> Option<Instant> {
        self.waits.then(Instant::now).or(self.waited)
    }
}
