//! How long to wait for a start: as long as the runtime works.
//!
//! A runtime that indexes its home, once after an update or a restore, takes a minute to answer. Killing it
//! midway leaves its home locked for a quarter of an hour.

use std::future::pending;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::connection::process::Process;

/// The longest a start may take, however busy the runtime is.
pub(crate) const MOST: Duration = Duration::from_secs(15 * 60);
/// How long a runtime may do nothing before it answers the handshake.
const IDLE: Duration = Duration::from_secs(8);
/// The same where the system doesn't show what a process does.
const IDLE_UNSEEN: Duration = Duration::from_secs(120);
const LOOK: Duration = Duration::from_millis(200);
/// How often the log reports that a start is still going on.
const TELL: Duration = Duration::from_secs(8);

/// What a starting process has been seen to do.
#[derive(Debug)]
pub(crate) struct Patience {
    process: Option<Process>,
    work: Option<u64>,
    begun: Instant,
    /// When it was last seen working, or else when it was started.
    worked: Instant,
    works: bool,
}

impl Patience {
    pub(crate) fn new(process: Option<Process>) -> Self {
        let now = Instant::now();
        Self {
            process,
            work: None,
            begun: now,
            worked: now,
            works: false,
        }
    }

    fn look(&mut self) {
        let work = self.process.as_ref().and_then(Process::work);
        if work != self.work {
            self.worked = Instant::now();
            self.works |= self.work.is_some();
        }
        self.work = work;
    }

    /// Whether it has been seen working, up to now.
    pub(crate) fn works(&mut self) -> bool {
        self.look();
        self.works && self.worked.elapsed() < 2 * LOOK
    }

    /// Resolves once the process has done nothing for too long; never if the program set a deadline.
    pub(crate) async fn runs_out(&mut self, has_deadline: bool) -> Duration {
        let mut told = self.begun;
        loop {
            sleep(LOOK).await;
            self.look();
            if told.elapsed() >= TELL {
                told = Instant::now();
                let seconds = self.begun.elapsed().as_secs();
                tracing::warn!(
                    seconds,
                    works = self.works,
                    "the runtime is still starting: after an update or a restore it indexes its home once"
                );
            }
            let unseen = self.process.is_some() && self.work.is_none();
            let patience = if unseen { IDLE_UNSEEN } else { IDLE };
            if self.worked.elapsed() >= patience {
                if has_deadline {
                    pending::<()>().await;
                }
                return patience;
            }
        }
    }
}
