//! A running turn, whatever its answer is.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use codex_types::{ClientMethod, ReviewStartResponse, Turn, TurnStartResponse};
use tokio::sync::watch;
use tokio::time::Instant;
use tracing::Span;

use crate::call::Call;
use crate::codex::inner::CodexInner;
use crate::connection::event_queue::{EventReceiver, Notification};
use crate::connection::registration::{Registration, Route};
use crate::connection::router::entry::Phase;
use crate::connection::spans;
use crate::error::{Error, Result};
use crate::results::TurnResult;
use crate::turn::collector::Collector;
use crate::turn::control::{Target, TurnControl};
use crate::turn::goal_control::GoalControl;
use crate::turn::goal_merge::GoalMerge;
use crate::turn::limits::{Clock, Limits};
use crate::turn::replay::Replay;
use crate::turn::ticket::TurnTicket;

/// The part of a handle that doesn't depend on the type of its answer.
///
/// It is separate so that it is compiled here: generic code is compiled in each program that uses it, with all
/// the messages that it reads.
pub(super) struct RunningTurn {
    // Dropped before the events: the registration goes first.
    registration: Registration,
    events: EventReceiver,
    pub(super) control: TurnControl,
    /// Merges a goal's turns into one.
    merge: GoalMerge,
    /// What came before, for a turn that was attached to.
    replay: Option<Box<Replay>>,
    /// Its deadlines, if it has any.
    clock: Option<Clock>,
    span: Span,
    collector: Collector,
}

impl RunningTurn {
    /// Starts a turn with this request (`turn/start`, `review/start`).
    pub(super) async fn start<M>(
        codex: Arc<CodexInner>,
        thread_id: Arc<str>,
        params: &M,
        interrupt: bool,
        limits: Limits,
    ) -> Result<Self>
    where
        M: ClientMethod<Response: StartedTurn>,
    {
        limits.check()?;
        let begun = Instant::now();
        let (mut route, reply) = codex.start_turn(Arc::clone(&thread_id), params)?;
        route.registration.interrupt = interrupt;
        let reply = limits.bound(begun, reply).await;
        // The turn may begin anyway.
        route.registration.interrupt |= matches!(reply, Err(Error::TurnTimeout(_)));
        let reply = reply?;
        let response = codex.connection.decode::<M>(&reply.result)?.value;
        let phase = reply
            .phase
            .unwrap_or_else(|| watch::channel(Phase::Completed).1);
        let control = TurnControl {
            codex,
            thread_id,
            turn_id: response.turn().id.into(),
            target: Target::Turn(phase),
        };
        Ok(Self::new(route, control, Clock::start(limits, begun)))
    }

    /// A handle for all turns of a goal, as one.
    pub(super) fn of_goal(
        codex: Arc<CodexInner>,
        thread_id: Arc<str>,
        turn_id: Arc<str>,
        route: Route,
        goal: GoalControl,
        clock: Option<Clock>,
    ) -> Self {
        let control = TurnControl {
            codex,
            thread_id,
            turn_id,
            target: Target::Goal(goal),
        };
        Self::new(route, control, clock)
    }

    /// A handle for a turn that began earlier, with what it has produced so far.
    pub(super) fn of_ticket(
        codex: Arc<CodexInner>,
        ticket: &TurnTicket,
        route: Route,
        phase: watch::Receiver<Phase>,
        replay: Replay,
        clock: Option<Clock>,
    ) -> Self {
        let control = TurnControl {
            codex,
            thread_id: Arc::from(&*ticket.thread_id),
            turn_id: Arc::from(&*ticket.turn_id),
            target: Target::Turn(phase),
        };
        let mut handle = Self::new(route, control, clock);
        handle.collector.joins();
        handle.replay = Some(Box::new(replay));
        handle
    }

    fn new(route: Route, control: TurnControl, clock: Option<Clock>) -> Self {
        let span = Span::current();
        span.record("turn_id", control.id());
        Self {
            registration: route.registration,
            events: route.events,
            collector: Collector::new(control.id(), route.used),
            control,
            merge: GoalMerge::default(),
            replay: None,
            clock,
            span,
        }
    }

    pub(super) fn interrupt_when_dropped(&mut self, interrupt: bool) {
        self.registration.interrupt = interrupt;
    }

    pub(super) fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Notification>>> {
        loop {
            if let Some(next) = self.replay.as_mut().and_then(|replay| replay.next()) {
                let next = Ok(next);
                self.observe(Some(&next));
                return Poll::Ready(Some(next));
            }
            let next = match &mut self.clock {
                Some(clock) => clock.poll(&mut self.events, &mut self.registration, context),
                None => self.events.poll_next(context),
            };
            if let Poll::Ready(Some(Ok(it))) = &next
                && it
                    .thread_id()
                    .is_some_and(|id| id != self.control.thread_id())
            {
                self.collector.observe_agent(it);
                self.charge();
                continue;
            }
            if let (Some(replay), Poll::Ready(Some(Ok(it)))) = (&mut self.replay, &next)
                && replay.has_told(it)
            {
                continue;
            }
            let next = match &self.control.target {
                Target::Turn(_) => Some(ready!(next)),
                Target::Goal(goal) => {
                    let given_up = self.clock.as_ref().is_some_and(Clock::has_passed);
                    let next = ready!(next);
                    self.merge.next(goal, &self.control.turn_id, next, given_up)
                }
            };
            let Some(next) = next else { continue };
            self.observe(next.as_ref());
            self.charge();
            return Poll::Ready(match &mut self.clock {
                Some(clock) => clock.conclude(next, &mut self.collector),
                None => next,
            });
        }
    }

    /// Interrupts the turn if it has spent its budget.
    fn charge(&mut self) {
        if let Some(clock) = &mut self.clock {
            clock.charge(self.collector.spent(), &mut self.registration);
        }
    }

    /// Waits for the end and returns everything that the turn produced.
    pub(super) fn collect(mut self) -> Call<TurnResult> {
        Call::new(async move {
            while poll_fn(|context| self.poll(context)).await.is_some() {}
            // The turn is over, or its events broke off: dropping this no longer interrupts it.
            self.registration.interrupt = false;
            self.collector.finish()
        })
    }

    fn observe(&mut self, next: Option<&Result<Notification>>) {
        match next {
            Some(Ok(notification)) => {
                if let Notification::TurnCompleted(completed) = notification {
                    spans::turn_ended(&self.span, &completed.turn);
                }
                self.collector.observe(notification);
            }
            Some(Err(error)) => self.collector.broke(error),
            None => {}
        }
    }
}

/// A response that identifies the turn that was started or joined.
pub(super) trait StartedTurn {
    fn turn(self) -> Turn;
}

impl StartedTurn for TurnStartResponse {
    fn turn(self) -> Turn {
        self.turn
    }
}

impl StartedTurn for ReviewStartResponse {
    fn turn(self) -> Turn {
        self.turn
    }
}
