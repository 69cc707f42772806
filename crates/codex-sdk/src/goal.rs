//! A goal: many turns of the runtime, as one turn of the caller.

use std::{
    fmt,
    future::IntoFuture,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::{
    sync::{oneshot, watch},
    time::{Instant, timeout},
};
use tracing::{Instrument, Span};

use crate::{
    Call, Error, Result, TurnHandle, TurnResult,
    client::Client,
    condition::{self, Condition},
    connection::Connection,
    deadline::{Deadlines, Watch, deadline_setters},
    goals::{GoalState, pause},
    lease::Lease,
    options::setters,
    spans,
    types::{
        ClientMethod, ThreadGoalClearParams, ThreadGoalMutationOrigin, ThreadGoalSetParams,
        ThreadGoalStatus, ThreadReadParams, ThreadStatus, TurnInterruptParams, TurnSteerParams,
        TurnSteerResponse, UserInput,
    },
};

/// How long the runtime may take to begin the first turn of a goal; it takes well below a second.
const BEGIN: Duration = Duration::from_secs(30);
/// The runtime refuses a longer objective.
const MOST_CHARACTERS: usize = 4000;

/// Options for a goal (`thread/goal/set`), from [`Thread::goal`](crate::Thread::goal).
///
/// The runtime starts turn after turn until the model says that the goal is reached or blocked, its
/// budget is spent, or it is paused. Awaiting this brings one [`TurnHandle`] over all of them: one
/// `turn/started`, everything in between under the id of the first turn, one `turn/completed`.
///
/// A goal replaces the one that the thread had.
///
/// # Errors
/// [`Error::InvalidInput`] for an objective that is blank or has more than 4000 characters, and for a goal
/// that ends before its first turn; [`Error::ThreadBusy`] on a thread that isn't idle; [`Error::Rpc`], for
/// example on an ephemeral thread or where the feature `goals` is off; [`Error::Timeout`] if no turn begins
/// within 30 s; [`Error::TurnTimeout`] if none begins within [`timeout`](Self::timeout);
/// [`Error::Closed`].
///
/// # Cancel safety
/// Dropping the call pauses the goal if it was already set, and interrupts its turn. Dropping the handle
/// that it brought doesn't: the runtime pursues the goal further. A goal that this one replaces may be gone
/// in any case.
#[must_use = "a goal is set when this is awaited"]
pub struct StartGoal {
    client: Arc<Client>,
    thread_id: Arc<str>,
    /// The thread's.
    span: Span,
    params: ThreadGoalSetParams,
    deadlines: Deadlines,
}

impl StartGoal {
    pub(crate) fn new(
        client: Arc<Client>,
        thread_id: Arc<str>,
        span: Span,
        objective: String,
    ) -> Self {
        let mut params = ThreadGoalSetParams::new(&*thread_id);
        params.objective = Some(objective);
        params.status = Some(ThreadGoalStatus::Active);
        Self {
            client,
            thread_id,
            span,
            params,
            deadlines: Deadlines::default(),
        }
    }

    deadline_setters!();

    setters! {
        /// The tokens that may be spent on the goal. Default: no limit.
        token_budget = i64 => token_budget;
        /// Who set the goal. By default nobody is named, and the goal authorises nothing in the user's
        /// name.
        origin: ThreadGoalMutationOrigin => origin;
    }

    /// Pursues the goal to its end and returns all that its turns brought.
    ///
    /// # Errors
    /// As for awaiting this, and [`Error::TurnFailed`], [`Error::TurnTimeout`],
    /// [`Error::TurnIncomplete`]. A goal that was interrupted is no error: the status of the result
    /// tells.
    ///
    /// # Cancel safety
    /// Dropping the call pauses the goal, if it was already set, and interrupts its turn.
    pub fn run(self) -> Call<TurnResult> {
        Call::new(async move {
            let span = spans::turn(&self.span);
            let mut handle = self.start().instrument(span).await?;
            handle.interrupt_when_dropped(true);
            handle.collect().await
        })
    }

    async fn start(self) -> Result<TurnHandle> {
        let begun = Instant::now();
        self.deadlines.bound(begun, self.set(begun)).await
    }

    /// The goal is abandoned if this is dropped before it returns.
    async fn set(mut self, begun: Instant) -> Result<TurnHandle> {
        let objective = self.params.objective.take().unwrap_or_default();
        self.params.objective = Some(checked(&objective)?);
        let connection = Arc::clone(&self.client.connection);
        let (feed, inbox) = connection.feed();
        let before = connection.router().usage(&self.thread_id);
        let handle = connection.next_id();
        let mut state = connection
            .router()
            .register_goal(&self.thread_id, handle, feed)?;
        let mut lease = Lease::new(connection, Arc::clone(&self.thread_id), handle);

        let read = ThreadReadParams::new(&*self.thread_id);
        let thread = self.client.request(&read, None).await?.thread;
        if let ThreadStatus::Active(_) = thread.status {
            let thread_id = self.thread_id.to_string();
            return Err(Error::ThreadBusy { thread_id });
        }
        let clear = ThreadGoalClearParams::new(&*self.thread_id);
        self.client.request(&clear, None).await?;
        lease.connection.router().open_goal(&self.thread_id, handle);
        lease.interrupt = true;
        if let Err(error) = self.client.request(&self.params, None).await {
            // What was refused needs no interrupt.
            lease.interrupt = error.rpc().is_none();
            return Err(error);
        }
        let first = first_turn(&mut state, &lease.connection).await?;
        lease.interrupt = false;
        let control = GoalControl {
            state,
            interrupted: Arc::default(),
        };
        Ok(TurnHandle::of_goal(
            self.client,
            self.thread_id,
            first,
            (lease, inbox),
            before,
            control,
            Watch::start(self.deadlines, begun),
        ))
    }
}

impl IntoFuture for StartGoal {
    type Output = Result<TurnHandle>;
    type IntoFuture = Call<TurnHandle>;

    fn into_future(self) -> Self::IntoFuture {
        let span = spans::turn(&self.span);
        Call::new(self.start().instrument(span))
    }
}

impl fmt::Debug for StartGoal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StartGoal")
            .field("thread_id", &self.thread_id)
            .field("token_budget", &self.params.token_budget)
            .finish_non_exhaustive()
    }
}

/// The objective as the runtime takes it. It is checked here because the stored goal is cleared before
/// the runtime could refuse the new one.
fn checked(objective: &str) -> Result<String> {
    let objective = objective.trim();
    let characters = objective.chars().count();
    let problem = if objective.is_empty() {
        "the objective of a goal must not be blank".to_owned()
    } else if characters > MOST_CHARACTERS {
        format!(
            "the objective of a goal has {characters} characters, and may have {MOST_CHARACTERS}: put the rest into a file"
        )
    } else {
        return Ok(objective.to_owned());
    };
    Err(Error::InvalidInput(problem))
}

async fn first_turn(
    state: &mut watch::Receiver<GoalState>,
    connection: &Connection,
) -> Result<Arc<str>> {
    let begun = state.wait_for(|state| state.first.is_some() || state.ended_early());
    let first = match timeout(BEGIN, begun).await {
        Ok(Ok(state)) => state.first.clone(),
        // The thread or the connection was closed.
        Ok(Err(_)) => None,
        Err(_) => {
            return Err(Error::Timeout {
                method: ThreadGoalSetParams::METHOD.to_owned(),
                after: BEGIN,
            });
        }
    };
    match first {
        Some(first) => Ok(first),
        None if connection.is_closed() => Err(connection.ended().await),
        None => Err(Error::InvalidInput(
            "the goal ended before its first turn".to_owned(),
        )),
    }
}

/// Steers and interrupts whichever turn of a goal is running.
#[derive(Debug, Clone)]
pub(crate) struct GoalControl {
    state: watch::Receiver<GoalState>,
    /// Whether the caller asked for the end, which the last turn alone may not tell.
    pub(crate) interrupted: Arc<AtomicBool>,
}

impl GoalControl {
    /// Adds input to the running turn; between two turns, to the next.
    pub(crate) async fn steer(
        &self,
        client: &Client,
        thread_id: &str,
        turn_id: &str,
        input: Vec<UserInput>,
    ) -> Result<TurnSteerResponse> {
        let mut params = TurnSteerParams::new(turn_id, input, thread_id);
        let mut tried = None;
        loop {
            let running = self.running(tried.as_deref(), client).await?;
            if let Some(running) = &running {
                params.expected_turn_id = running.to_string();
            }
            let Err(error) = client.request(&params, None).await else {
                return Ok(TurnSteerResponse::new(turn_id));
            };
            if let Some(other) = condition::actual_turn(&error) {
                // The turn had changed on the way.
                params.expected_turn_id = other;
                client.request(&params, None).await?;
                return Ok(TurnSteerResponse::new(turn_id));
            }
            let between = error.condition() == Some(Condition::NoActiveTurn);
            if !between || running.is_none() {
                return Err(error);
            }
            tried = running;
        }
    }

    /// Pauses the goal and interrupts the turn that runs, if there is one. Of the two requests neither is
    /// left out when the caller drops this: it is a task.
    pub(crate) async fn interrupt(self, client: Arc<Client>, thread_id: Arc<str>) -> Result<()> {
        let (done, outcome) = oneshot::channel();
        let connection = Arc::clone(&client.connection);
        connection.spawn(async move {
            // Nobody may be waiting any more.
            let _ = done.send(self.end(&client, &thread_id).await);
        });
        match outcome.await {
            Ok(outcome) => outcome,
            Err(_) => Err(connection.ended().await),
        }
    }

    async fn end(&self, client: &Client, thread_id: &str) -> Result<()> {
        if self.state.borrow().over {
            return Ok(());
        }
        let before = self.interrupted.swap(true, Ordering::Relaxed);
        if let Err(error) = client.request(&pause(thread_id), None).await {
            self.interrupted.store(before, Ordering::Relaxed);
            return Err(error);
        }
        let Some(running) = self.state.borrow().running.clone() else {
            client.connection.router().reject_turns(thread_id);
            return Ok(());
        };
        let mut params = TurnInterruptParams::new(thread_id, &*running);
        let mut state = self.state.clone();
        let mut refused = tokio::select! {
            biased;
            reply = client.request(&params, None) => reply.err(),
            // For a turn that was already interrupted the reply comes only with the next turn.
            _ = state.wait_for(|state| state.running.as_ref() != Some(&running)) => None,
        };
        if let Some(other) = refused.as_ref().and_then(condition::actual_turn) {
            params.turn_id = other;
            refused = client.request(&params, None).await.err();
        }
        match refused {
            Some(error) if error.condition() != Some(Condition::NoActiveTurn) => Err(error),
            _ => Ok(()),
        }
    }

    /// The turn that runs, another one than `tried`; waits between two turns. `None` after the goal.
    async fn running(&self, tried: Option<&str>, client: &Client) -> Result<Option<Arc<str>>> {
        let mut state = self.state.clone();
        let other = |state: &GoalState| {
            state.over || (state.running.is_some() && state.running.as_deref() != tried)
        };
        let after = client.connection.limits.request_timeout;
        match timeout(after, state.wait_for(other)).await {
            Ok(Ok(state)) => Ok(state.running.clone().filter(|_| !state.over)),
            Ok(Err(_)) => Ok(None),
            Err(_) => Err(Error::Timeout {
                method: TurnSteerParams::METHOD.to_owned(),
                after,
            }),
        }
    }

    pub(crate) fn is_over(&self) -> bool {
        self.state.borrow().over
    }
}
