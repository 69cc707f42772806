//! A turn that runs.

use std::{
    borrow::Cow,
    fmt,
    future::poll_fn,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use futures_core::Stream;
use tokio::{
    sync::watch,
    time::{Instant, timeout},
};
use tracing::Span;

use crate::{
    Call, Error, Input, Notification, Result, TurnResult,
    client::Client,
    deadline::{Deadlines, Watch},
    entry::Phase,
    feed::Inbox,
    goal::GoalControl,
    lease::Lease,
    merge::Merge,
    result::Collector,
    spans,
    types::{
        ClientMethod, TokenUsageBreakdown, TurnInterruptParams, TurnStartParams, TurnSteerParams,
        TurnSteerResponse, decode_response,
    },
};

/// How long [`TurnControl::interrupt`] waits for the turn to begin before it tries all the same.
const BEGIN: Duration = Duration::from_secs(5);
/// How long a refused interrupt waits for the `turn/completed` that may have crossed it.
const CROSSED: Duration = Duration::from_secs(1);

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
    // Dropped before the inbox: the route goes first.
    lease: Lease,
    inbox: Inbox,
    control: TurnControl,
    /// For a goal: what makes one turn of its turns.
    merge: Option<Merge>,
    /// Its deadlines, if it has any.
    watch: Option<Watch>,
    span: Span,
    collector: Collector,
}

impl TurnHandle {
    pub(crate) async fn start(
        client: Arc<Client>,
        thread_id: Arc<str>,
        params: &TurnStartParams,
        interrupt: bool,
        deadlines: Deadlines,
    ) -> Result<Self> {
        let begun = Instant::now();
        let connection = Arc::clone(&client.connection);
        let method = Cow::Borrowed(TurnStartParams::METHOD);
        let request = client.outgoing(method, params, None)?;
        let (feed, inbox) = connection.feed();
        let before = connection.router().usage(&thread_id);
        let mut lease = Lease::new(connection, Arc::clone(&thread_id), request.id);
        lease.interrupt = interrupt;
        let turn = Some((Arc::clone(&thread_id), feed));
        let reply = lease.connection.request(request, turn);
        let reply = deadlines.bound(begun, reply).await;
        // The turn may begin all the same.
        lease.interrupt |= matches!(reply, Err(Error::TurnTimeout(_)));
        let reply = reply?;
        let response = decode_response::<TurnStartParams>(&reply.result)?;
        let phase = reply
            .phase
            .unwrap_or_else(|| watch::channel(Phase::Completed).1);
        let control = TurnControl {
            client,
            thread_id,
            turn_id: response.turn.id.into(),
            target: Target::Turn(phase),
        };
        Ok(Self {
            lease,
            inbox,
            collector: Collector::new(&control.turn_id, before),
            control,
            merge: None,
            watch: Watch::start(deadlines, begun),
            span: Span::current(),
        }
        .named())
    }

    /// A handle on all turns of a goal, as one.
    pub(crate) fn of_goal(
        client: Arc<Client>,
        thread_id: Arc<str>,
        turn_id: Arc<str>,
        (lease, inbox): (Lease, Inbox),
        before: Option<TokenUsageBreakdown>,
        goal: GoalControl,
        watch: Option<Watch>,
    ) -> Self {
        Self {
            lease,
            inbox,
            collector: Collector::new(&turn_id, before),
            merge: Some(Merge::new(goal.clone(), Arc::clone(&turn_id))),
            watch,
            span: Span::current(),
            control: TurnControl {
                client,
                thread_id,
                turn_id,
                target: Target::Goal(goal),
            },
        }
        .named()
    }

    fn named(self) -> Self {
        self.span.record("turn_id", self.id());
        self
    }

    pub(crate) fn interrupt_when_dropped(&mut self, interrupt: bool) {
        self.lease.interrupt = interrupt;
    }

    /// The turn's id. It is unique within its thread only: forks keep the ids of their source.
    pub fn id(&self) -> &str {
        &self.control.turn_id
    }

    /// The id of the turn's thread.
    pub fn thread_id(&self) -> &str {
        &self.control.thread_id
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
            let next = match &mut self.watch {
                Some(watch) => watch.poll(&mut self.inbox, &mut self.lease, context),
                None => self.inbox.poll_next(context),
            };
            let next = match &mut self.merge {
                Some(merge) => {
                    let given_up = self.watch.as_ref().is_some_and(Watch::has_passed);
                    merge.next(ready!(next), given_up)
                }
                None => Some(ready!(next)),
            };
            let Some(next) = next else { continue };
            self.observe(next.as_ref());
            return Poll::Ready(match &mut self.watch {
                Some(watch) => watch.conclude(next, &mut self.collector),
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
    /// Dropped before it was queued, nothing is sent; afterwards the input is added.
    pub fn steer(&self, input: impl Into<Input>) -> Call<TurnSteerResponse> {
        self.control.steer(input)
    }

    /// Interrupts the turn (`turn/interrupt`); see [`TurnControl::interrupt`], for errors too.
    ///
    /// # Cancel safety
    /// Dropped before it was queued, nothing is sent; afterwards the turn is interrupted.
    pub fn interrupt(&self) -> Call<()> {
        self.control.interrupt()
    }

    /// The controls of this turn, to be used from elsewhere.
    pub fn control(&self) -> TurnControl {
        self.control.clone()
    }

    pub(crate) async fn collect(mut self) -> Result<TurnResult> {
        while self.next().await.is_some() {}
        // The turn is over, or its events broke off: it is no longer this call that is dropped.
        self.lease.interrupt = false;
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

impl fmt::Debug for TurnHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TurnHandle")
            .field("thread_id", &self.control.thread_id)
            .field("id", &self.control.turn_id)
            .finish_non_exhaustive()
    }
}

/// Steers and interrupts a turn, from [`TurnHandle::control`]. It keeps the runtime alive.
#[derive(Clone)]
pub struct TurnControl {
    client: Arc<Client>,
    thread_id: Arc<str>,
    turn_id: Arc<str>,
    target: Target,
}

/// What is steered and interrupted.
#[derive(Clone)]
enum Target {
    Turn(watch::Receiver<Phase>),
    Goal(GoalControl),
}

impl TurnControl {
    /// The turn's id.
    pub fn id(&self) -> &str {
        &self.turn_id
    }

    /// The id of the turn's thread.
    pub fn thread_id(&self) -> &str {
        &self.thread_id
    }

    /// Adds to the input of the running turn (`turn/steer`). Between two turns of a goal it waits for the
    /// next, for as long as a request may take.
    ///
    /// # Errors
    /// [`Error::Rpc`] if the turn has already ended, [`Error::Timeout`], [`Error::Closed`],
    /// [`Error::InvalidInput`].
    ///
    /// # Cancel safety
    /// Dropped before it was queued, nothing is sent; afterwards the input is added.
    pub fn steer(&self, input: impl Into<Input>) -> Call<TurnSteerResponse> {
        let (control, input) = (self.clone(), input.into());
        Call::new(async move {
            let (turn_id, thread_id) = (&*control.turn_id, &*control.thread_id);
            let input = input.into_wire()?;
            if let Target::Goal(goal) = &control.target {
                return goal.steer(&control.client, thread_id, turn_id, input).await;
            }
            let params = TurnSteerParams::new(turn_id, input, thread_id);
            control.client.request(&params, None).await
        })
    }

    /// Interrupts the turn (`turn/interrupt`) and returns once the runtime has taken it, or once the
    /// turn has ended. A turn whose end this client has seen is no error.
    ///
    /// The runtime refuses to interrupt a turn that it has accepted but not begun, so this waits for
    /// `turn/started` first, for 5 s at most. A goal is paused first (`thread/goal/set`).
    ///
    /// # Errors
    /// [`Error::Rpc`], [`Error::Timeout`], [`Error::Closed`].
    ///
    /// # Cancel safety
    /// Dropped before it was queued, nothing is sent; afterwards the turn is interrupted. For a goal it
    /// takes its course from the moment that it was first polled.
    pub fn interrupt(&self) -> Call<()> {
        let control = self.clone();
        Call::new(async move {
            match &control.target {
                Target::Turn(phase) => control.interrupt_turn(phase).await,
                Target::Goal(goal) => {
                    goal.clone()
                        .interrupt(Arc::clone(&control.client), control.thread_id)
                        .await
                }
            }
        })
    }

    async fn interrupt_turn(&self, phase: &watch::Receiver<Phase>) -> Result<()> {
        // Either outcome is followed by the attempt: this client may have missed the beginning.
        let _ = timeout(BEGIN, reached(phase, Phase::Started)).await;
        if *phase.borrow() == Phase::Completed {
            return Ok(());
        }
        let params = TurnInterruptParams::new(&*self.thread_id, &*self.turn_id);
        let refused = tokio::select! {
            biased;
            reply = self.client.request(&params, None) => match reply {
                Ok(_) => return Ok(()),
                Err(error) => error,
            },
            // For a turn that was already interrupted the reply comes only with the next turn.
            true = reached(phase, Phase::Completed) => return Ok(()),
        };
        if let Error::Rpc(_) = refused {
            let crossed = timeout(CROSSED, reached(phase, Phase::Completed));
            if let Ok(true) = crossed.await {
                return Ok(());
            }
        }
        Err(refused)
    }
}

/// Resolves once a turn has got that far, or once that can't be known any more: `false`.
async fn reached(phase: &watch::Receiver<Phase>, least: Phase) -> bool {
    let mut phase = phase.clone();
    phase.wait_for(|now| *now >= least).await.is_ok()
}

impl fmt::Debug for TurnControl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TurnControl")
            .field("thread_id", &self.thread_id)
            .field("id", &self.turn_id)
            .finish_non_exhaustive()
    }
}
