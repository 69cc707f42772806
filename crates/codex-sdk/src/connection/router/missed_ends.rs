//! Turns of a thread whose end may have been missed.

use codex_types::ThreadStatus;
use tokio::sync::watch;

use crate::connection::router::active_turn::ActiveTurn;
use crate::connection::router::entry::Phase;
use crate::connection::router::thread_turns::ThreadTurns;
use crate::error::Error;

/// A turn that seems to run although its thread doesn't.
#[derive(Debug)]
pub(crate) struct Doubt {
    pub(crate) thread_id: String,
    pub(crate) turn_id: String,
    pub(crate) phase: watch::Receiver<Phase>,
}

impl ThreadTurns {
    /// Records the thread's status. Returns a turn that seems to run although the thread doesn't, once.
    pub(crate) fn note_status(&mut self, thread_id: &str, status: &ThreadStatus) -> Option<Doubt> {
        self.activity.note(status);
        if !self.activity.is_idle() {
            return None;
        }
        // An accepted turn that hasn't begun may still begin late.
        let begun = |turn: &&mut ActiveTurn| *turn.phase.borrow() == Phase::Started;
        let turn = self.active.iter_mut().find(|it| !it.doubted && begun(it))?;
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

    /// Ends a turn when nothing says how it ended.
    pub(crate) fn give_up(&mut self, turn_id: &str, error: &Error) {
        if let Some(goal) = &mut self.goal {
            goal.fail(turn_id, error);
        }
        for turn in self.active.iter_mut().filter(|turn| turn.id == turn_id) {
            for entry in &mut turn.entries {
                entry.fail(error);
            }
        }
        self.complete(turn_id, false);
    }
}
