//! A turn that runs.

use std::future::poll_fn;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use codex_types::{ClientMethod, ReviewStartResponse, Turn, TurnStartResponse, TurnSteerResponse};
use futures_core::Stream;
use tokio::sync::watch;
use tokio::time::Instant;
use tracing::Span;

use crate::call::Call;
use crate::codex::inner::CodexInner;
use crate::codex::notifications::NotificationStream;
use crate::connection::event_queue::{EventReceiver, Notification};
use crate::connection::registration::{Registration, Route};
use crate::connection::router::entry::Phase;
use crate::connection::router::subscriptions::Topic;
use crate::connection::spans;
use crate::error::{Error, Result};
use crate::results::TurnResult;
use crate::setters::debug_shows;
use crate::turn::collector::Collector;
use crate::turn::control::{Target, TurnControl};
use crate::turn::goal_control::GoalControl;
use crate::turn::goal_merge::GoalMerge;
use crate::turn::input::Input;
use crate::turn::limits::{Clock, Limits};
use crate::turn::output::TurnOutput;
use crate::turn::replay::Replay;
use crate::turn::settings::UpdateTurn;
use crate::turn::ticket::TurnTicket;

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
pub struct TurnHandle<O = TurnResult> {
    // Dropped before the events: the place goes first.
    registration: Registration,
    events: EventReceiver,
    control: TurnControl,
    /// Makes one turn of the turns of a goal.
    merge: GoalMerge,
    /// What came before this, of a turn that was attached to.
    replay: Option<Box<Replay>>,
    /// Its deadlines, if it has any.
    clock: Option<Clock>,
    span: Span,
    collector: Collector,
    output: PhantomData<fn() -> O>,
}

impl<O> TurnHandle<O> {
    /// Starts a turn by this request (`turn/start`, `review/start`).
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
        // The turn may begin all the same.
        route.registration.interrupt |= matches!(reply, Err(Error::TurnTimeout(_)));
        let reply = reply?;
        let (response, _) = codex.connection.decode::<M>(&reply.result)?;
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

    /// A handle on a turn that began before, and what it has brought until now.
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
            output: PhantomData,
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
                && it.thread_id().is_some_and(|id| id != self.thread_id())
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

    /// Has the turn interrupted if it has spent what it may.
    fn charge(&mut self) {
        if let Some(clock) = &mut self.clock {
            clock.charge(self.collector.spent(), &mut self.registration);
        }
    }

    /// Waits for the end of the turn and returns all that it brought, what [`Self::next`] has already
    /// yielded included; from [`Thread::turn_as`](crate::Thread::turn_as), as a value of the type.
    ///
    /// # Errors
    /// [`Error::TurnFailed`], [`Error::TurnTimeout`], [`Error::BudgetSpent`], and [`Error::TurnIncomplete`] for
    /// whatever else broke the notifications off. An interrupted turn is no error, unless an answer of a type
    /// is expected: [`Error::Answer`], as for an answer that doesn't fit.
    ///
    /// # Cancel safety
    /// Dropping the call gives up this handle; it doesn't interrupt the turn.
    pub fn run(self) -> Call<O>
    where
        O: TurnOutput,
    {
        Call::new(self.finish())
    }

    pub(super) async fn finish(self) -> Result<O>
    where
        O: TurnOutput,
    {
        O::of(self.collect().await?)
    }

    /// Subscribes to what comes of the turn's sub-agents, and of theirs, from now on:
    /// [`thread_id`](Notification::thread_id) tells them apart. What other handles take isn't among it. The
    /// stream outlives the turn, as a sub-agent may.
    ///
    /// Their requests come to this client's handlers, whose
    /// [`parent_thread_id`](crate::RequestContext::parent_thread_id) is set. What they use is in
    /// [`TurnResult::agents`].
    pub fn agents(&self) -> NotificationStream {
        let thread_id = Arc::clone(&self.control.thread_id);
        self.control.codex.subscribe(Topic::Agents(thread_id))
    }

    /// What this turn is found by again, from this or another program, over any transport:
    /// [`Codex::attach`](crate::Codex::attach).
    pub fn ticket(&self) -> TurnTicket {
        TurnTicket::new(self.thread_id(), self.id())
    }

    /// Lets go of the turn, which runs on as long as its runtime does: what it is found by again, as of
    /// [`Self::ticket`]. Of a goal that is the turn that the handle began with.
    ///
    /// A runtime that is this program's child ends with its client, and interrupts its turns; a server goes on.
    pub fn detach(mut self) -> TurnTicket {
        self.interrupt_when_dropped(false);
        self.ticket()
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

    /// Changes settings for the rest of the turn (`turn/settings/update`); see [`TurnControl::update`].
    ///
    /// # Cancel safety
    /// Once it is sent, the settings change.
    pub fn update(&self) -> UpdateTurn {
        self.control.update()
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

impl<O> Stream for TurnHandle<O> {
    type Item = Result<Notification>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll(context)
    }
}

debug_shows!(TurnHandle<O> {
    thread_id: control.thread_id,
    id: control.turn_id
});

/// A response that says which turn was started or joined.
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
