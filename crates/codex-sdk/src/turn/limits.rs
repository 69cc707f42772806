//! Limits of turns: how long one may take, how long it may be silent, what it may spend.
//!
//! Limits are checked as a handle is read, so no task is needed. The router decides what happens to a turn that
//! exceeds a limit, because only it knows whether the turn has ended in the meantime and who else is on it.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use codex_types::TurnStatus;
use tokio::time::{Instant, Sleep, sleep_until, timeout_at};

use crate::connection::event_queue::{EventReceiver, Notification};
use crate::connection::registration::Registration;
use crate::connection::router::entry::Expiry;
use crate::error::turn::{Budget, BudgetSpent, Deadline, TurnTimeout};
use crate::error::{Error, Result};
use crate::results::TurnResult;
use crate::turn::collector::Collector;
use crate::turn::spending::Spent;

/// How long to wait for an interrupted turn to end, which normally takes milliseconds.
const GRACE: Duration = Duration::from_secs(5);

/// Writes the setters of a builder that has a field `deadlines`.
macro_rules! limit_setters {
    () => {
        $crate::setters::setters! {
        /// How long all of it may take, from when this is awaited. Default: no limit.
        ///
        /// After that, the turn and its sub-agents are interrupted, unless another handle of this client is on
        /// the turn. The SDK waits at most 5 s for it to end; then
        /// [`Error::TurnTimeout`](crate::Error::TurnTimeout) has the partial result. A turn that ends by itself
        /// in that time is not an error.
        ///
        /// Deadlines are checked as the handle is read: an unread handle has none.
        timeout = std::time::Duration => limits.total;

        /// How long the turn may be silent: no notification, other than that the runtime retries the model.
        /// Default: no limit. After that, the same happens as with [`Self::timeout`].
        ///
        /// Offline, the runtime retries forever, and says so every now and then: in the stream as an `error`
        /// with `will_retry`, and in the log as a warning.
        ///
        /// Make it longer than the longest silence of a healthy turn: the model thinking, or a command that
        /// prints nothing. A few minutes are sensible. The time in which the runtime waits for this program
        /// doesn't count: for an approval, the answer to a question, or a tool, requested by the turn or one of
        /// its sub-agents.
        stall_timeout = std::time::Duration => limits.stall;
        }
    };
}

/// Writes the setter for the model calls that a turn or a goal may spend.
macro_rules! call_setter {
    () => {
        $crate::setters::setters! {
        /// How many model calls may be made, at least one. Default: no limit. Calls of sub-agents count too.
        ///
        /// A turn that goes on after that many calls is interrupted, unless another handle of this client is on
        /// it, and ends with [`Error::BudgetSpent`](crate::Error::BudgetSpent), which has the partial result. A
        /// turn whose last call produced its answer is not an error. As with deadlines, calls are counted as
        /// the handle is read.
        ///
        /// The runtime reports a call only after the tools it asked for have ended. So an approval may still be
        /// requested on a spent budget, and another call may be on its way. After a call that makes no item, a
        /// plan or an unknown tool for instance, only one more call shows that the turn goes on. Calls that a
        /// steer cuts off aren't reported, and a sub-agent that outlives its parent's turn has no budget.
        max_model_calls = u32 => limits.model_calls;
        }
    };
}

/// Writes the setter for the tokens that a turn may spend. A goal has the protocol's own.
macro_rules! token_setter {
    () => {
        $crate::setters::setters! {
        /// How many tokens may be spent, at least one. Cached input and the tokens of sub-agents count.
        /// Default: no limit.
        ///
        /// Usage is known after each model call, so the last call may exceed the budget. Then the same happens
        /// as with [`Self::max_model_calls`].
        token_budget = i64 => limits.tokens;
        }
    };
}

pub(crate) use {call_setter, limit_setters, token_setter};

/// The limits that a turn is started with.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Limits {
    pub(crate) total: Option<Duration>,
    pub(crate) stall: Option<Duration>,
    pub(crate) model_calls: Option<u32>,
    pub(crate) tokens: Option<i64>,
}

impl Limits {
    /// Refuses a budget that allows nothing.
    pub(crate) fn check(&self) -> Result<()> {
        check_budget("max_model_calls", self.model_calls.map(i64::from))?;
        check_budget("token_budget", self.tokens)
    }

    /// The budget that was used up by a turn that goes on. The turn also went on if the budget was used up
    /// before the last model call.
    fn exceeded(&self, spent: Spent) -> Option<Budget> {
        let earlier = spent.model_calls.saturating_sub(1);
        let (calls, tokens) = if spent.goes_on {
            (spent.model_calls, spent.tokens)
        } else {
            (earlier, spent.earlier_tokens)
        };
        let model_calls = self.model_calls.filter(|most| calls >= *most);
        let tokens = self.tokens.filter(|most| tokens >= *most);
        let model_calls = model_calls.map(Budget::ModelCalls);
        model_calls.or(tokens.map(Budget::Tokens))
    }

    /// Waits for a turn to start, for at most its total time.
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

/// Refuses a budget of zero or less.
pub(super) fn check_budget(setter: &str, budget: Option<i64>) -> Result<()> {
    match budget {
        Some(budget) if budget <= 0 => Err(Error::InvalidInput(format!(
            "`{setter}` must be more than 0, and is {budget}"
        ))),
        _ => Ok(()),
    }
}

/// A deadline too far away to represent is none.
fn after(begun: Instant, length: Option<Duration>) -> Option<Instant> {
    begun.checked_add(length?)
}

/// The clock of one handle.
#[derive(Debug)]
pub(crate) struct Clock {
    limits: Limits,
    total: Option<Instant>,
    stall: Option<Instant>,
    /// The limit that was exceeded: the turn is being ended.
    passed: Option<Passed>,
    /// When to stop waiting for its end.
    grace: Option<Instant>,
    /// Never later than what is due next. Notifications don't move it: if it fires too early, it is set again.
    sleep: Pin<Box<Sleep>>,
}

/// How soon to check a turn that waits for this program again.
const SOONEST: Duration = Duration::from_millis(1);

/// How far ahead to set a clock that has no deadline.
const NEVER: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// A limit that was exceeded.
#[derive(Debug, Clone, Copy)]
enum Passed {
    Deadline(Deadline),
    Budget(Budget),
}

/// What is due.
enum Due {
    Deadline(Deadline),
    Grace,
}

impl Clock {
    /// Starts the clock of a turn, if it has a limit.
    pub(crate) fn start(limits: Limits, begun: Instant) -> Option<Self> {
        let total = after(begun, limits.total);
        let stall = after(Instant::now(), limits.stall);
        let budget = limits.model_calls.is_some() || limits.tokens.is_some();
        let never = budget.then(|| Instant::now() + NEVER);
        let first = total.into_iter().chain(stall).chain(never).min()?;
        Some(Self {
            limits,
            total,
            stall,
            passed: None,
            grace: None,
            sleep: Box::pin(sleep_until(first)),
        })
    }

    /// Interrupts a turn that goes on and has spent its budget.
    pub(crate) fn charge(&mut self, spent: Spent, registration: &mut Registration) {
        if self.passed.is_none()
            && let Some(budget) = self.limits.exceeded(spent)
        {
            self.give_up(Passed::Budget(budget), Instant::now(), registration);
        }
    }

    /// Whether the turn is being ended because a limit was exceeded.
    pub(crate) fn has_passed(&self) -> bool {
        self.passed.is_some()
    }

    /// The next event. Events come before deadlines: what is queued arrived in time.
    pub(crate) fn poll(
        &mut self,
        events: &mut EventReceiver,
        registration: &mut Registration,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Notification>>> {
        loop {
            let next = events.poll_next(context);
            if next.is_pending() && events.has_unread() {
                // This only lets other tasks run.
                return next;
            }
            let now = Instant::now();
            if self.stall.is_some() && is_progress(&next) {
                self.stall = after(now, self.limits.stall);
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
            // Otherwise poll again: the router may just have ended the turn.
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
                // The end of the events follows what is queued.
                return registration.leave();
            }
        };
        if deadline == Deadline::Stall
            && let Some(waited) = registration.last_wait()
            && let Some(due) = after(waited, self.limits.stall)
            && due > now
        {
            // However short the limit is, whoever must answer gets to run.
            self.stall = Some(due.max(now + SOONEST));
            return;
        }
        self.give_up(Passed::Deadline(deadline), now, registration);
    }

    fn give_up(&mut self, passed: Passed, now: Instant, registration: &mut Registration) {
        (self.total, self.stall) = (None, None);
        match registration.expire() {
            // Its end is among the queued events.
            Expiry::Ended => {}
            Expiry::Left => self.passed = Some(passed),
            Expiry::Interrupting => {
                self.passed = Some(passed);
                self.grace = Some(now + GRACE);
            }
        }
    }

    /// Replaces the end that an exceeded limit led to with the error of that limit.
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
            // This error says more.
            Some(Err(_)) => {
                self.passed = None;
                return next;
            }
        };
        // A turn that ended by itself meanwhile is complete.
        let by_itself = next.is_some() && !interrupted;
        let Some(passed) = self.passed.take().filter(|_| !by_itself) else {
            return next;
        };
        let error = self.error(passed, interrupted, collector.partial());
        collector.broke(&error);
        Some(Err(error))
    }

    fn error(&self, passed: Passed, interrupted: bool, result: TurnResult) -> Error {
        let deadline = match passed {
            Passed::Deadline(deadline) => deadline,
            Passed::Budget(budget) => {
                return Error::BudgetSpent(Box::new(BudgetSpent {
                    budget,
                    interrupted,
                    result,
                }));
            }
        };
        let length = match deadline {
            Deadline::Total => self.limits.total,
            Deadline::Stall => self.limits.stall,
        };
        Error::TurnTimeout(Box::new(TurnTimeout {
            deadline,
            after: length.unwrap_or_default(),
            interrupted,
            result,
        }))
    }
}

/// Whether something came, other than that the runtime retries the model.
fn is_progress(next: &Poll<Option<Result<Notification>>>) -> bool {
    match next {
        Poll::Ready(Some(Ok(Notification::Error(it)))) => !it.will_retry,
        other => other.is_ready(),
    }
}
