//! Steers and interrupts a turn, or a goal.

use std::sync::Arc;
use std::time::Duration;

use codex_types::{
    TurnInterruptParams, TurnSettingsUpdateParams, TurnSettingsUpdateParamsRequired,
    TurnSteerParams, TurnSteerParamsRequired, TurnSteerResponse,
};
use tokio::sync::watch;
use tokio::time::timeout;

use crate::call::Call;
use crate::codex::inner::CodexInner;
use crate::connection::router::entry::Phase;
use crate::error::{Error, Result};
use crate::setters::debug_shows;
use crate::turn::goal_control::GoalControl;
use crate::turn::input::Input;
use crate::turn::interrupt::interrupt;
use crate::turn::settings::UpdateTurn;

/// How long [`TurnControl::interrupt`] waits for the turn to begin before it tries anyway.
const BEGIN: Duration = Duration::from_secs(5);
/// How long a refused interrupt waits for the `turn/completed` that may have crossed it.
const CROSSED: Duration = Duration::from_secs(1);

/// Steers and interrupts a turn, from [`TurnHandle::control`](crate::TurnHandle::control). Keeps the runtime
/// alive.
#[derive(Clone)]
pub struct TurnControl {
    pub(super) codex: Arc<CodexInner>,
    pub(super) thread_id: Arc<str>,
    pub(super) turn_id: Arc<str>,
    pub(super) target: Target,
}

/// What is steered and interrupted.
#[derive(Clone)]
pub(super) enum Target {
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

    /// Adds input to the running turn (`turn/steer`). Between two turns of a goal, it waits for the next one,
    /// for as long as a request may take.
    ///
    /// # Errors
    /// [`Error::Rpc`] if the turn has already ended, [`Error::Timeout`], [`Error::Closed`],
    /// [`Error::InvalidInput`].
    ///
    /// # Cancel safety
    /// Once sent, the input is added.
    pub fn steer(&self, input: impl Into<Input>) -> Call<TurnSteerResponse> {
        let (control, input) = (self.clone(), input.into());
        Call::new(async move {
            let (turn_id, thread_id) = (&*control.turn_id, &*control.thread_id);
            let input = input.into_wire()?;
            if let Target::Goal(goal) = &control.target {
                return goal.steer(&control.codex, thread_id, turn_id, input).await;
            }
            let params = TurnSteerParams::from(TurnSteerParamsRequired {
                expected_turn_id: turn_id.to_owned(),
                input,
                thread_id: thread_id.to_owned(),
            });
            control.codex.request(&params, None).await
        })
    }

    /// Interrupts the turn (`turn/interrupt`) and returns once the runtime has accepted that or the turn has
    /// ended. Interrupting a turn whose end this client has seen is not an error.
    ///
    /// The runtime refuses to interrupt a turn that it has accepted but not begun, so this first waits for
    /// `turn/started`, for at most 5 s. A goal is paused first (`thread/goal/set`).
    ///
    /// # Errors
    /// [`Error::Rpc`], [`Error::Timeout`], [`Error::Closed`].
    ///
    /// # Cancel safety
    /// Once sent, the turn is interrupted. For a goal, the interrupt continues by itself once this has been
    /// polled.
    pub fn interrupt(&self) -> Call<()> {
        let control = self.clone();
        Call::new(async move {
            match &control.target {
                Target::Turn(phase) => control.interrupt_turn(phase).await,
                Target::Goal(goal) => {
                    let codex = Arc::clone(&control.codex);
                    goal.clone().interrupt(codex, control.thread_id).await
                }
            }
        })
    }

    /// Changes settings for the rest of the turn (`turn/settings/update`): the model, how hard it thinks, who
    /// approves. [`UpdateTurn`] lists them and the errors. For a goal, this changes the turn that the handle
    /// began with.
    ///
    /// # Cancel safety
    /// Once sent, the settings change.
    pub fn update(&self) -> UpdateTurn {
        let params = TurnSettingsUpdateParams::from(TurnSettingsUpdateParamsRequired {
            thread_id: self.thread_id.to_string(),
            turn_id: self.turn_id.to_string(),
        });
        UpdateTurn::new(Arc::clone(&self.codex), params)
    }

    async fn interrupt_turn(&self, phase: &watch::Receiver<Phase>) -> Result<()> {
        // Try in either case: this client may have missed the beginning.
        let _ = timeout(BEGIN, reached(phase, Phase::Started)).await;
        if *phase.borrow() == Phase::Completed {
            return Ok(());
        }
        let connection = &self.codex.connection;
        let params = TurnInterruptParams {
            thread_id: self.thread_id.to_string(),
            turn_id: connection
                .router()
                .innermost(&self.thread_id, &self.turn_id),
        };
        let completed = || reached(phase, Phase::Completed);
        let outcome = interrupt(&self.codex, &params, completed()).await;
        if let Err(Error::Rpc(_)) = outcome
            && let Ok(true) = timeout(CROSSED, completed()).await
        {
            return Ok(());
        }
        outcome
    }
}

/// Resolves once a turn has got that far, or to `false` once that can no longer be known.
async fn reached(phase: &watch::Receiver<Phase>, least: Phase) -> bool {
    let mut phase = phase.clone();
    phase.wait_for(|now| *now >= least).await.is_ok()
}

debug_shows!(TurnControl {
    thread_id: thread_id,
    id: turn_id
});
