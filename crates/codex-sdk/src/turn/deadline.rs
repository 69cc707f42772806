//! Deadlines of turns: how long one may take, and how long it may be silent.
//!
//! Whoever reads a handle looks at the clock, so that no task is needed. The router says what becomes
//! of a turn whose deadline has passed, because only it knows whether the turn has ended in the
//! meantime and who else is on it.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use codex_types::TurnStatus;
use tokio::time::{Instant, Sleep, sleep_until, timeout_at};

use crate::connection::event_queue::{EventReceiver, Notification};
use crate::connection::registration::Registration;
use crate::connection::router::entry::Expiry;
use crate::error::turn::{Deadline, TurnTimeout};
use crate::error::{Error, Result};
use crate::results::TurnResult;
use crate::turn::collector::Collector;

/// How long the end of a turn that is being interrupted is waited for. It takes milliseconds.
const GRACE: Duration = Duration::from_secs(5);

/// Writes the setters of a builder that has a field `deadlines`.
macro_rules! deadline_setters {
    () => {
        $crate::setters::setters! {
        /// How long all of it may take, from the moment that this is awaited. Default: no limit.
        ///
        /// Beyond it the turn is interrupted, unless another handle of this client is on it. Its end
        /// is waited for, for at most 5 s; then
        /// [`Error::TurnTimeout`](crate::Error::TurnTimeout) has what came. A turn that ends by itself
        /// in that time is no error.
        ///
        /// The clock is looked at by whoever reads the handle: one that isn't read has no deadlines.
        timeout = std::time::Duration => deadlines.total;

        /// How long no notification may come, other than that the runtime tries to reach the model
        /// again. Default: no limit. Beyond it the same happens as with [`Self::timeout`].
        ///
        /// Without a network the runtime tries for ever, and says so every now and then: in the stream
        /// as an `error` with `will_retry`, and in the log as a warning.
        ///
        /// It has to be longer than the longest silence of a turn that is well: the model thinking, or
        /// a command that prints nothing. Minutes are a sensible length. The time in which the runtime
        /// waits for an answer of this program doesn't count: to an approval or a question, or of a tool.
        stall_timeout = std::time::Duration => deadlines.stall;
        }
    };
}

pub(crate) use deadline_setters;

/// The deadlines that a turn is started with.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Deadlines {
    pub(crate) total: Option<Duration>,
    pub(crate) stall: Option<Duration>,
}

impl Deadlines {
    /// Waits for the start of a turn: no longer than all of it may take.
    pub(crate) async fn bound<T>(
        self,
        begun: Instant,
        start: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        let Some((after, due)) = self.total.zip(after(begun, self.total)) else {
            return start.await;
        };
        timeout_at(due, start).await.unwrap_or_else(|_| {
            Err(Error::TurnTimeout(Box::new(TurnTimeout {
                deadline: Deadline::Total,
                after,
                interrupted: false,
                result: TurnResult::new(""),
            })))
        })
    }
}

/// One too far away to be told is none.
fn after(begun: Instant, length: Option<Duration>) -> Option<Instant> {
    begun.checked_add(length?)
}

/// The clock of one handle.
#[derive(Debug)]
pub(crate) struct Clock {
    lengths: Deadlines,
    total: Option<Instant>,
    stall: Option<Instant>,
    /// The deadline that has passed: the turn is being ended.
    passed: Option<Deadline>,
    /// Until when its end is waited for.
    grace: Option<Instant>,
    /// Never later than what is due next. It isn't moved with each notification: that it was too early
    /// shows when it fires.
    sleep: Pin<Box<Sleep>>,
}

/// How soon a turn that waits for this program is looked at again.
const SOONEST: Duration = Duration::from_millis(1);

/// What is due.
enum Due {
    Deadline(Deadline),
    Grace,
}

impl Clock {
    /// Starts the clock of a turn, if it has a deadline.
    pub(crate) fn start(lengths: Deadlines, begun: Instant) -> Option<Self> {
        let total = after(begun, lengths.total);
        let stall = after(Instant::now(), lengths.stall);
        let first = total.into_iter().chain(stall).min()?;
        Some(Self {
            lengths,
            total,
            stall,
            passed: None,
            grace: None,
            sleep: Box::pin(sleep_until(first)),
        })
    }

    /// Whether the turn is being ended because a deadline has passed.
    pub(crate) fn has_passed(&self) -> bool {
        self.passed.is_some()
    }

    /// The next of the events. It comes first: what lies there came in time.
    pub(crate) fn poll(
        &mut self,
        events: &mut EventReceiver,
        registration: &mut Registration,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Notification>>> {
        loop {
            let next = events.poll_next(context);
            if next.is_pending() && events.has_unread() {
                // It is only others' turn to run.
                return next;
            }
            let now = Instant::now();
            if self.stall.is_some() && is_progress(&next) {
                self.stall = after(now, self.lengths.stall);
            }
            let due = self.next().filter(|(at, _)| *at <= now);
            let Some((_, due)) = due else {
                if next.is_pending() {
                    ready!(self.sleep(context));
                    continue;
                }
                return next;
            };
            self.expire(&due, now, registration);
            // Otherwise it is looked at again: the router may just have ended it.
            if next.is_ready() {
                return next;
            }
        }
    }

    fn sleep(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let Some((at, _)) = self.next() else {
            return Poll::Pending;
        };
        if self.sleep.is_elapsed() || self.sleep.deadline() > at {
            self.sleep.as_mut().reset(at);
        }
        self.sleep.as_mut().poll(context)
    }

    fn next(&self) -> Option<(Instant, Due)> {
        let total = self.total.map(|at| (at, Due::Deadline(Deadline::Total)));
        let stall = self.stall.map(|at| (at, Due::Deadline(Deadline::Stall)));
        let grace = self.grace.map(|at| (at, Due::Grace));
        let all = [total, stall, grace].into_iter().flatten();
        all.min_by_key(|(at, _)| *at)
    }

    fn expire(&mut self, due: &Due, now: Instant, registration: &mut Registration) {
        let deadline = match due {
            Due::Deadline(deadline) => *deadline,
            Due::Grace => {
                self.grace = None;
                // The end of the events follows, after what lies there.
                return registration.leave();
            }
        };
        if deadline == Deadline::Stall
            && let Some(waited) = registration.last_wait()
            && let Some(due) = after(waited, self.lengths.stall)
            && due > now
        {
            // However short it is, whoever is to answer can run.
            self.stall = Some(due.max(now + SOONEST));
            return;
        }
        (self.total, self.stall) = (None, None);
        match registration.expire() {
            // Its end lies in the events.
            Expiry::Ended => {}
            Expiry::Left => self.passed = Some(deadline),
            Expiry::Interrupting => {
                self.passed = Some(deadline);
                self.grace = Some(now + GRACE);
            }
        }
    }

    /// Puts the error of a deadline that has passed in the place of the end that it led to.
    pub(crate) fn conclude(
        &mut self,
        next: Option<Result<Notification>>,
        collector: &mut Collector,
    ) -> Option<Result<Notification>> {
        let interrupted = match &next {
            None => false,
            Some(Ok(Notification::TurnCompleted(completed))) => {
                completed.turn.status == TurnStatus::Interrupted
            }
            Some(Ok(_)) => return next,
            // This says more.
            Some(Err(_)) => {
                self.passed = None;
                return next;
            }
        };
        // One that ended by itself meanwhile is whole.
        let by_itself = next.is_some() && !interrupted;
        let Some(deadline) = self.passed.take().filter(|_| !by_itself) else {
            return next;
        };
        let length = match deadline {
            Deadline::Total => self.lengths.total,
            Deadline::Stall => self.lengths.stall,
        };
        let error = Error::TurnTimeout(Box::new(TurnTimeout {
            deadline,
            after: length.unwrap_or_default(),
            interrupted,
            result: collector.partial(),
        }));
        collector.broke(&error);
        Some(Err(error))
    }
}

/// Whether something came, other than that the model is to be asked once more.
fn is_progress(next: &Poll<Option<Result<Notification>>>) -> bool {
    match next {
        Poll::Ready(Some(Ok(Notification::Error(it)))) => !it.will_retry,
        other => other.is_ready(),
    }
}
