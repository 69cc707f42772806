//! A goal: many turns of the runtime, as one turn of the caller.

use std::future::IntoFuture;
use std::sync::Arc;
use std::time::Duration;

use codex_types::{
    ClientMethod, ThreadGoalClearParams, ThreadGoalMutationOrigin, ThreadGoalSetParams,
    ThreadGoalStatus, ThreadReadParams, ThreadStatus,
};
use tokio::sync::watch;
use tokio::time::{Instant, timeout};
use tracing::{Instrument, Span};

use crate::call::Call;
use crate::codex::inner::CodexInner;
use crate::connection::registration::Route;
use crate::connection::router::goal_route::GoalState;
use crate::connection::spans;
use crate::error::{Error, Result};
use crate::results::TurnResult;
use crate::setters::{debug_shows, setters};
use crate::turn::goal_control::GoalControl;
use crate::turn::handle::TurnHandle;
use crate::turn::limits::{Clock, Limits, call_setter, check_budget, limit_setters};
use crate::turn::running::RunningTurn;

/// How long the runtime may take to begin a goal's first turn; normally well below a second.
const BEGIN: Duration = Duration::from_secs(30);
/// The runtime refuses a longer objective.
const MOST_CHARACTERS: usize = 4000;

/// Options for a goal (`thread/goal/set`), from [`Thread::goal`](crate::Thread::goal).
///
/// The runtime starts turn after turn until the model says that the goal is reached or blocked, its budget is
/// spent, or it is paused. Awaiting this returns one [`TurnHandle`] for all of them: one `turn/started`,
/// everything in between under the id of the first turn, one `turn/completed`.
///
/// A goal replaces the thread's previous one.
///
/// # Errors
/// [`Error::InvalidInput`] for an objective that is blank or has more than 4000 characters, and for a budget of
/// zero or less; [`Error::GoalEnded`] if the goal ends before its first turn; [`Error::ThreadBusy`] on a thread
/// that isn't idle; [`Error::Rpc`], for example on an ephemeral thread or if the feature `goals` is off;
/// [`Error::Timeout`] if no turn begins within 30 s; [`Error::TurnTimeout`] if none begins within
/// [`timeout`](Self::timeout); [`Error::Closed`].
///
/// # Cancel safety
/// Dropping the call pauses the goal if it was already set, and interrupts its turn. Dropping the returned
/// handle doesn't: the runtime continues to pursue the goal. A goal that this one replaces may be gone in any
/// case.
#[must_use = "a goal is set when this is awaited"]
pub struct StartGoal {
    codex: Arc<CodexInner>,
    thread_id: Arc<str>,
    /// The thread's span.
    span: Span,
    params: ThreadGoalSetParams,
    limits: Limits,
}

impl StartGoal {
    pub(crate) fn new(
        codex: Arc<CodexInner>,
        thread_id: Arc<str>,
        span: Span,
        objective: String,
    ) -> Self {
        let mut params = ThreadGoalSetParams::new(&*thread_id);
        params.objective = Some(objective);
        params.status = Some(ThreadGoalStatus::Active);
        Self {
            codex,
            thread_id,
            span,
            params,
            limits: Limits::default(),
        }
    }

    limit_setters!();
    call_setter!();

    setters! {
        /// The tokens that may be spent on the goal, at least one. Default: no limit.
        token_budget = i64 => params.token_budget;
        /// Who set the goal. By default, nobody is named, and the goal authorises nothing in the user's name.
        /// Needs Codex 0.161.0.
        origin: ThreadGoalMutationOrigin => params.origin;
    }

    /// Pursues the goal to its end and returns everything that its turns produced.
    ///
    /// # Errors
    /// As for awaiting this, and [`Error::TurnFailed`], [`Error::TurnTimeout`], [`Error::TurnIncomplete`]. An
    /// interrupted goal is not an error: check the status of the result.
    ///
    /// # Cancel safety
    /// Dropping the call pauses the goal if it was already set, and interrupts its turn.
    pub fn run(self) -> Call<TurnResult> {
        Call::new(async move {
            let span = spans::turn(&self.span, &self.thread_id);
            let mut handle = self.start().instrument(span).await?;
            handle.interrupt_when_dropped(true);
            handle.collect().await
        })
    }

    async fn start(self) -> Result<RunningTurn> {
        self.limits.check()?;
        check_budget("token_budget", self.params.token_budget)?;
        let begun = Instant::now();
        self.limits.bound(begun, self.set(begun)).await
    }

    /// Dropping this before it returns abandons the goal.
    async fn set(mut self, begun: Instant) -> Result<RunningTurn> {
        let objective = self.params.objective.take().unwrap_or_default();
        self.params.objective = Some(checked(&objective)?);
        // Before the existing goal gives way to it.
        self.codex
            .check(ThreadGoalSetParams::METHOD, &self.params)?;
        let (mut route, mut state) = Route::of_goal(&self.codex.connection, &self.thread_id)?;

        let read = ThreadReadParams::new(&*self.thread_id);
        let thread = self.codex.request(&read, None).await?.thread;
        if let ThreadStatus::Active(_) = thread.status {
            return Err(Error::thread_busy(&self.thread_id));
        }
        let clear = ThreadGoalClearParams::new(&*self.thread_id);
        self.codex.request(&clear, None).await?;
        route.registration.open_goal();
        if let Err(error) = self.codex.request(&self.params, None).await {
            // A refused goal needs no interrupt.
            route.registration.interrupt = error.rpc().is_none();
            return Err(error);
        }
        let first = self.first_turn(&mut state).await?;
        route.registration.interrupt = false;
        let control = GoalControl {
            state,
            interrupted: Arc::default(),
        };
        let clock = Clock::start(self.limits, begun);
        let (codex, thread_id) = (self.codex, self.thread_id);
        Ok(RunningTurn::of_goal(
            codex, thread_id, first, route, control, clock,
        ))
    }

    async fn first_turn(&self, state: &mut watch::Receiver<GoalState>) -> Result<Arc<str>> {
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
        let connection = &self.codex.connection;
        match first {
            Some(first) => Ok(first),
            None if connection.is_closed() => Err(connection.ended().await),
            None => Err(Error::GoalEnded {
                thread_id: self.thread_id.to_string(),
            }),
        }
    }
}

impl IntoFuture for StartGoal {
    type Output = Result<TurnHandle>;
    type IntoFuture = Call<TurnHandle>;

    fn into_future(self) -> Self::IntoFuture {
        let span = spans::turn(&self.span, &self.thread_id);
        let turn = self.start().instrument(span);
        Call::new(async move { Ok(TurnHandle::new(turn.await?)) })
    }
}

debug_shows!(StartGoal {
    thread_id: thread_id,
    token_budget: params.token_budget
});

/// The objective as the runtime accepts it. Checked here because the runtime would clear the stored goal before
/// it refuses the new one.
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
