//! Turns of a thread whose end was missed, or whose deadline has passed.

use tokio::sync::watch;

use crate::{
    Error,
    entry::{Expiry, Phase},
    turns::{ActiveTurn, ThreadTurns},
    types::ThreadStatus,
};

/// A turn that runs although its thread doesn't.
#[derive(Debug)]
pub(crate) struct Doubt {
    pub(crate) thread_id: String,
    pub(crate) turn_id: String,
    pub(crate) phase: watch::Receiver<Phase>,
}

impl ThreadTurns {
    /// Notes what the thread does. Returns a turn that seems to run although the thread doesn't, once.
    pub(crate) fn note_status(&mut self, thread_id: &str, status: &ThreadStatus) -> Option<Doubt> {
        self.activity.note(status);
        if !self.activity.is_idle() {
            return None;
        }
        let turn = self.active.iter_mut().find(|turn| !turn.doubted)?;
        turn.doubted = true;
        Some(Doubt {
            thread_id: thread_id.to_owned(),
            turn_id: turn.id.clone(),
            phase: turn.phase.subscribe(),
        })
    }

    /// Whether the end of a turn still seems to have been missed; if not, it is trusted again.
    pub(crate) fn doubts(&mut self, turn_id: &str) -> bool {
        let idle = self.activity.is_idle();
        let turn = self.active.iter_mut().find(|turn| turn.id == turn_id);
        turn.is_some_and(|turn| {
            turn.doubted &= idle;
            turn.doubted
        })
    }

    pub(crate) fn trust(&mut self, turn_id: &str) {
        if let Some(turn) = self.active.iter_mut().find(|turn| turn.id == turn_id) {
            turn.doubted = false;
        }
    }

    /// Ends a turn of which nothing tells how it ended.
    pub(crate) fn give_up(&mut self, turn_id: &str, error: &Error) {
        if let Some(goal) = &mut self.goal {
            goal.fail(turn_id, error);
        }
        for turn in self.active.iter_mut().filter(|turn| turn.id == turn_id) {
            for handle in &mut turn.handles {
                handle.fail(error);
            }
        }
        self.complete(turn_id, false);
    }
}

impl ThreadTurns {
    /// Makes an orphan of the turn of a handle whose deadline has passed, or takes the handle off it.
    pub(crate) fn expire(&mut self, handle: i64) -> Expiry {
        if self.goal(handle).is_some() {
            for turn in &mut self.active {
                turn.orphaned = true;
            }
            return Expiry::Interrupting;
        }
        let is_on = |turn: &&mut ActiveTurn| turn.handles.iter().any(|it| it.id == handle);
        let Some(turn) = self.active.iter_mut().find(is_on) else {
            return Expiry::Ended;
        };
        if turn.handles.len() > 1 {
            turn.handles.retain(|other| other.id != handle);
            return Expiry::Left;
        }
        turn.orphaned = true;
        Expiry::Interrupting
    }
}
