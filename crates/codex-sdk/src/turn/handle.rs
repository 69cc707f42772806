//! A turn that runs.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use codex_types::{TurnStartParams, TurnSteerResponse};
use futures_core::Stream;
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
use crate::setters::debug_shows;
use crate::turn::collector::Collector;
use crate::turn::control::{Target, TurnControl};
use crate::turn::deadline::{Clock, Deadlines};
use crate::turn::goal_control::GoalControl;
use crate::turn::goal_merge::GoalMerge;
use crate::turn::input::Input;

/// A turn that was started or joined: the stream of its notifications, and its controls.
///
/// The stream has every notification of this turn since `turn/start` was sent, in the runtime's order,
/// and ends after `turn/completed`, whatever the turn's status. When it breaks off it yields one error,
/// then `None`.
///
/// Dropping a handle doesn't interrupt its turn, unless one of its deadlines has passed.
///
/// ```no_run
/// # async fn example(thread: codex_sdk::Thread) -> codex_sdk::Result<()> {
/// let mut turn = thread.turn("Write a haiku.").await?;
/// while let Some(event) = turn.next().await {
///     print!("{}", event?.text_delta().unwrap_or_default());
/// }
/// let result = turn.run().await?;
/// println!("\n{} items, {}", result.items.len(), result.status);
/// # Ok(())
/// # }
/// ```
#[must_use = "what comes for a turn lies in memory until it is read"]
pub struct TurnHandle {
    // Dropped before the events: the place goes first.
    registration: Registration,
    events: EventReceiver,
    control: TurnControl,
    /// Makes one turn of the turns of a goal.
    merge: GoalMerge,
    /// Its deadlines, if it has any.
    clock: Option<Clock>,
    span: Span,
    collector: Collector,
}

impl TurnHandle {
    pub(super) async fn start(
        codex: Arc<CodexInner>,
        thread_id: Arc<str>,
        params: &TurnStartParams,
        interrupt: bool,
        deadlines: Deadlines,
    ) -> Result<Self> {
        let begun = Instant::now();
        let (mut route, reply) = codex.start_turn(Arc::clone(&thread_id), params)?;
        route.registration.interrupt = interrupt;
        let reply = deadlines.bound(begun, reply).await;
        // The turn may begin all the same.
        route.registration.interrupt |= matches!(reply, Err(Error::TurnTimeout(_)));
        let reply = reply?;
        let (response, _) = codex.connection.decode::<TurnStartParams>(&reply.result)?;
        let phase = reply
            .phase
            .unwrap_or_else(|| watch::channel(Phase::Completed).1);
        let control = TurnControl {
            codex,
            thread_id,
            turn_id: response.turn.id.into(),
            target: Target::Turn(phase),
        };
        Ok(Self::new(route, control, Clock::start(deadlines, begun)))
    }

    /// A handle on all turns of a goal, as one.
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

    fn new(route: Route, control: TurnControl, clock: Option<Clock>) -> Self {
        let span = Span::current();
        span.record("turn_id", control.id());
        Self {
            registration: route.registration,
            events: route.events,
            collector: Collector::new(control.id(), route.used),
            control,
            merge: GoalMerge::default(),
            clock,
            span,
        }
    }

    pub(super) fn interrupt_when_dropped(&mut self, interrupt: bool) {
        self.registration.interrupt = interrupt;
    }

    /// The turn's id. It is unique within its thread only: forks keep the ids of their source.
    pub fn id(&self) -> &str {
        self.control.id()
    }

    /// The id of the turn's thread.
    pub fn thread_id(&self) -> &str {
        self.control.thread_id()
    }

    /// The next notification of this turn, or `None` after the end.
    ///
    /// # Errors
    /// [`Error::Closed`], [`Error::Lagged`], [`Error::LineTooLong`], [`Error::MalformedLine`],
    /// [`Error::TurnTimeout`], [`Error::TurnLost`]; each ends the stream.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing.
    pub async fn next(&mut self) -> Option<Result<Notification>> {
        poll_fn(|context| self.poll(context)).await
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Notification>>> {
        loop {
            let next = match &mut self.clock {
                Some(clock) => clock.poll(&mut self.events, &mut self.registration, context),
                None => self.events.poll_next(context),
            };
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
            return Poll::Ready(match &mut self.clock {
                Some(clock) => clock.conclude(next, &mut self.collector),
                None => next,
            });
        }
    }

    /// Waits for the end of the turn and returns all that it brought, what [`Self::next`] has already
    /// yielded included.
    ///
    /// # Errors
    /// [`Error::TurnFailed`], [`Error::TurnTimeout`], and [`Error::TurnIncomplete`] for whatever else broke
    /// the notifications off. An interrupted turn is no error.
    ///
    /// # Cancel safety
    /// Dropping the call gives up this handle; it doesn't interrupt the turn.
    pub fn run(self) -> Call<TurnResult> {
        Call::new(self.collect())
    }

    /// Adds to the input of the running turn (`turn/steer`); see [`TurnControl::steer`], for errors too.
    ///
    /// # Cancel safety
    /// Once it is sent, the input is added.
    pub fn steer(&self, input: impl Into<Input>) -> Call<TurnSteerResponse> {
        self.control.steer(input)
    }

    /// Interrupts the turn (`turn/interrupt`); see [`TurnControl::interrupt`], for errors too.
    ///
    /// # Cancel safety
    /// Once it is sent, the turn is interrupted.
    pub fn interrupt(&self) -> Call<()> {
        self.control.interrupt()
    }

    /// The controls of this turn, to be used from elsewhere.
    pub fn control(&self) -> TurnControl {
        self.control.clone()
    }

    pub(super) async fn collect(mut self) -> Result<TurnResult> {
        while self.next().await.is_some() {}
        // The turn is over, or its events broke off: it is no longer this call that is dropped.
        self.registration.interrupt = false;
        self.collector.finish()
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

impl Stream for TurnHandle {
    type Item = Result<Notification>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll(context)
    }
}

debug_shows!(TurnHandle {
    thread_id: control.thread_id,
    id: control.turn_id
});
