//! Steers and interrupts a goal.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use codex_types::{
    ClientMethod, TurnInterruptParams, TurnSteerParams, TurnSteerParamsRequired, TurnSteerResponse,
    UserInput,
};
use tokio::sync::{oneshot, watch};
use tokio::time::timeout;

use crate::codex::inner::CodexInner;
use crate::connection::router::goal_route::{GoalState, pause};
use crate::error::condition::Condition;
use crate::error::words::actual_turn;
use crate::error::{Error, Result};
use crate::turn::interrupt::interrupt;

/// Steers and interrupts whichever turn of a goal is running.
#[derive(Debug, Clone)]
pub(crate) struct GoalControl {
    pub(super) state: watch::Receiver<GoalState>,
    /// Whether the caller requested the end; the last turn alone may not show it.
    pub(super) interrupted: Arc<AtomicBool>,
}

impl GoalControl {
    /// Adds input to the running turn; between two turns, to the next.
    pub(super) async fn steer(
        &self,
        codex: &CodexInner,
        thread_id: &str,
        turn_id: &str,
        input: Vec<UserInput>,
    ) -> Result<TurnSteerResponse> {
        let mut params = TurnSteerParams::from(TurnSteerParamsRequired {
            expected_turn_id: turn_id.to_owned(),
            input,
            thread_id: thread_id.to_owned(),
        });
        let mut tried = None;
        loop {
            let running = self.running(tried.as_deref(), codex).await?;
            if let Some(running) = &running {
                params.expected_turn_id = running.to_string();
            }
            let Err(error) = codex.request(&params, None).await else {
                return Ok(TurnSteerResponse::new(turn_id));
            };
            if let Some(other) = error.rpc().and_then(|rpc| actual_turn(&rpc.message)) {
                // The turn had changed meanwhile.
                params.expected_turn_id = other;
                codex.request(&params, None).await?;
                return Ok(TurnSteerResponse::new(turn_id));
            }
            let between = error.condition() == Some(Condition::NoActiveTurn);
            if !between || running.is_none() {
                return Err(error);
            }
            tried = running;
        }
    }

    /// Pauses the goal and interrupts its running turn, if any. A task does it, so both requests are sent even
    /// if the caller drops this.
    pub(super) async fn interrupt(self, codex: Arc<CodexInner>, thread_id: Arc<str>) -> Result<()> {
        let (done, outcome) = oneshot::channel();
        let connection = Arc::clone(&codex.connection);
        connection.spawn(async move {
            // The caller may no longer be waiting.
            let _ = done.send(self.end(&codex, &thread_id).await);
        });
        match outcome.await {
            Ok(outcome) => outcome,
            Err(_) => Err(connection.ended().await),
        }
    }

    async fn end(&self, codex: &CodexInner, thread_id: &str) -> Result<()> {
        if self.state.borrow().over {
            return Ok(());
        }
        let before = self.interrupted.swap(true, Ordering::Relaxed);
        if let Err(error) = codex.request(&pause(thread_id), None).await {
            self.interrupted.store(before, Ordering::Relaxed);
            return Err(error);
        }
        let Some(running) = self.state.borrow().running.clone() else {
            codex.connection.router().reject_turns(thread_id);
            return Ok(());
        };
        let mut params = TurnInterruptParams {
            thread_id: thread_id.to_owned(),
            turn_id: running.to_string(),
        };
        let mut state = self.state.clone();
        let over = async {
            let over = |state: &GoalState| state.running.as_ref() != Some(&running);
            let _ = state.wait_for(over).await;
            true
        };
        let mut outcome = interrupt(codex, &params, over).await;
        if let Err(error) = &outcome
            && let Some(other) = error.rpc().and_then(|rpc| actual_turn(&rpc.message))
        {
            params.turn_id = other;
            outcome = codex.request(&params, None).await.map(drop);
        }
        match outcome {
            Err(error) if error.condition() != Some(Condition::NoActiveTurn) => Err(error),
            _ => Ok(()),
        }
    }

    /// The running turn, if it isn't `tried`; waits between two turns. `None` after the goal.
    async fn running(&self, tried: Option<&str>, codex: &CodexInner) -> Result<Option<Arc<str>>> {
        let mut state = self.state.clone();
        let other = |state: &GoalState| {
            state.over || (state.running.is_some() && state.running.as_deref() != tried)
        };
        let after = codex.connection.limits.request_timeout;
        match timeout(after, state.wait_for(other)).await {
            Ok(Ok(state)) => Ok(state.running.clone().filter(|_| !state.over)),
            Ok(Err(_)) => Ok(None),
            Err(_) => Err(Error::Timeout {
                method: TurnSteerParams::METHOD.to_owned(),
                after,
            }),
        }
    }

    pub(super) fn is_over(&self) -> bool {
        self.state.borrow().over
    }
}
