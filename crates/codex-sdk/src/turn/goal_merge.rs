//! Merges a goal's turns into the one turn that its handle shows.

use std::sync::atomic::Ordering;

use codex_types::{Turn, TurnStatus};

use crate::connection::event_queue::Notification;
use crate::error::Result;
use crate::turn::goal_control::GoalControl;

/// Makes one turn out of the notifications of a goal's turns.
#[derive(Debug, Default)]
pub(crate) struct GoalMerge {
    begun: bool,
    started_at: Option<i64>,
    /// The end of the last turn, and of the goal if nothing follows.
    end: Option<Notification>,
}

impl GoalMerge {
    /// What the reader gets for this; the outer `None` if nothing. With `given_up`, a deadline of the goal has
    /// passed, and the goal is being interrupted.
    #[expect(clippy::option_option, reason = "the inner one is the end of a stream")]
    pub(super) fn next(
        &mut self,
        goal: &GoalControl,
        turn_id: &str,
        next: Option<Result<Notification>>,
        given_up: bool,
    ) -> Option<Option<Result<Notification>>> {
        if given_up {
            goal.interrupted.store(true, Ordering::Relaxed);
        }
        let mut notification = match next {
            Some(Ok(notification)) => notification,
            Some(Err(error)) => {
                self.end = None;
                return Some(Some(Err(error)));
            }
            None => {
                let mut end = self.end.take().filter(|_| goal.is_over());
                // Between two turns, no turn reports the interrupt.
                if let Some(Notification::TurnCompleted(completed)) = &mut end
                    && goal.interrupted.load(Ordering::Relaxed)
                {
                    completed.turn.status = TurnStatus::Interrupted;
                }
                return Some(end.map(Ok));
            }
        };
        if let Some(own) = notification.turn_id_mut() {
            own.replace_range(.., turn_id);
        }
        match &mut notification {
            Notification::TurnStarted(started) if !self.begun => {
                self.begun = true;
                self.started_at = started.turn.started_at;
            }
            Notification::TurnStarted(_) => return None,
            Notification::TurnCompleted(completed) => {
                self.complete(&mut completed.turn);
                self.end = Some(notification);
                return None;
            }
            _ => {}
        }
        Some(Some(Ok(notification)))
    }

    fn complete(&self, turn: &mut Turn) {
        turn.started_at = self.started_at.or(turn.started_at);
        if let (Some(from), Some(to)) = (turn.started_at, turn.completed_at) {
            turn.duration_ms = Some((to - from).max(0) * 1000);
        }
    }
}
