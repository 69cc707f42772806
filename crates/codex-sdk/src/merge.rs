//! From the turns of a goal to the one turn that its handle shows.

use std::sync::{Arc, atomic::Ordering};

use crate::{
    Notification, Result,
    goal::GoalControl,
    types::{Turn, TurnStatus},
};

/// Makes one turn of the notifications of a goal's turns.
#[derive(Debug)]
pub(crate) struct Merge {
    control: GoalControl,
    turn_id: Arc<str>,
    begun: bool,
    started_at: Option<i64>,
    /// The end of the last turn: the end of all, if nothing follows.
    end: Option<Notification>,
}

impl Merge {
    pub(crate) fn new(control: GoalControl, turn_id: Arc<str>) -> Self {
        Self {
            control,
            turn_id,
            begun: false,
            started_at: None,
            end: None,
        }
    }

    /// What comes of this for the reader; the outer `None` if nothing does. With `given_up`, a deadline
    /// of the goal has passed, and it is being interrupted.
    #[expect(clippy::option_option, reason = "the inner one is the end of a stream")]
    pub(crate) fn next(
        &mut self,
        next: Option<Result<Notification>>,
        given_up: bool,
    ) -> Option<Option<Result<Notification>>> {
        if given_up {
            self.control.interrupted.store(true, Ordering::Relaxed);
        }
        let mut notification = match next {
            Some(Ok(notification)) => notification,
            Some(Err(error)) => {
                self.end = None;
                return Some(Some(Err(error)));
            }
            None => {
                let mut end = self.end.take().filter(|_| self.control.is_over());
                // Between two turns, none of them tells.
                if let Some(Notification::TurnCompleted(completed)) = &mut end
                    && self.control.interrupted.load(Ordering::Relaxed)
                {
                    completed.turn.status = TurnStatus::Interrupted;
                }
                return Some(end.map(Ok));
            }
        };
        if let Some(turn_id) = notification.turn_id_mut() {
            turn_id.replace_range(.., &self.turn_id);
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
