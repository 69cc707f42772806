//! How long a start is waited for: as long as the runtime works.
//!
//! A runtime that indexes its home, once after an update or a restore, answers after a minute. One that is
//! killed in the middle leaves its home locked for a quarter of an hour.

use std::future::pending;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::connection::process::Process;

/// The most that a start may take, however busy the runtime is.
pub(crate) const MOST: Duration = Duration::from_secs(15 * 60);
/// How long a runtime may do nothing before it answers the handshake.
const IDLE: Duration = Duration::from_secs(8);
/// The same where the system doesn't tell what a process does.
const IDLE_UNSEEN: Duration = Duration::from_secs(120);
const LOOK: Duration = Duration::from_millis(200);
/// How often the log says that a start goes on.
const TELL: Duration = Duration::from_secs(8);

/// What a process that starts has been seen to do.
#[derive(Debug)]
pub(crate) struct Patience {
    process: Option<Process>,
    work: Option<u64>,
    begun: Instant,
    /// When it was last seen to work; when it was started, if never.
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

    /// Whether it was seen to work, and until now.
    pub(crate) fn works(&mut self) -> bool {
        self.look();
        self.works && self.worked.elapsed() < 2 * LOOK
    }

    /// Resolves once the process has done nothing for too long; never with a deadline of the program's own.
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
