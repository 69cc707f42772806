//! What has a thread to itself: goals and compactions.

use tokio::sync::watch;

use crate::connection::event_queue::EventSender;
use crate::connection::router::Router;
use crate::connection::router::effect::Effect;
use crate::connection::router::entry::Unclaimed;
use crate::connection::router::goal_route::GoalState;
use crate::error::{Error, Result};

impl Router {
    /// Registers a goal on an idle thread, before any of its requests is sent.
    pub(crate) fn register_goal(
        &mut self,
        thread_id: &str,
        handle_id: i64,
        events: EventSender,
    ) -> Result<watch::Receiver<GoalState>> {
        self.open()?;
        let thread = self.thread_or_new(thread_id);
        if thread.count() > 0 {
            return Err(Error::thread_busy(thread_id));
        }
        Ok(thread.start_goal(handle_id, events))
    }

    /// Interrupts turns that begin on this thread without a handle, for a short while: one may have
    /// been about to begin when its goal was paused.
    pub(crate) fn reject_turns(&mut self, thread_id: &str) {
        let thread = self.thread_or_new(thread_id);
        thread.reject_turns(true);
        self.want(Effect::AcceptTurns(thread_id.to_owned()));
        self.settle(Some(thread_id), Unclaimed::new());
    }

    /// Refuses an operation that would end a turn or goal running on this thread.
    pub(crate) fn refuse_if_busy(&self, thread_id: &str) -> Result<()> {
        let thread = self.threads.get(thread_id);
        if thread.is_some_and(|thread| thread.count() > 0) {
            return Err(Error::thread_busy(thread_id));
        }
        Ok(())
    }

    /// Registers a compaction of an idle thread, before it is requested. The next turn that begins is the
    /// compaction's.
    pub(crate) fn begin_compaction(&mut self, thread_id: &str, id: i64) -> Result<()> {
        self.open()?;
        self.refuse_if_busy(thread_id)?;
        let thread = self.thread_or_new(thread_id);
        thread.expect_turn();
        thread.compacting = Some(id);
        Ok(())
    }

    /// Forgets a compaction whose turn hasn't begun.
    pub(crate) fn end_compaction(&mut self, thread_id: &str, id: i64) {
        if let Some(thread) = self.threads.get_mut(thread_id) {
            thread.compacting.take_if(|compacting| *compacting == id);
        }
        self.settle(Some(thread_id), Unclaimed::new());
    }

    /// Undoes one [`Self::reject_turns`].
    pub(crate) fn accept_turns(&mut self, thread_id: &str) {
        let thread = self.thread_or_new(thread_id);
        thread.reject_turns(false);
        self.settle(Some(thread_id), Unclaimed::new());
    }

    /// Pauses a goal that this program has given up, and interrupts the turns that begin for it all the same.
    pub(super) fn abandon_goal(&mut self, thread_id: &str) {
        self.reject_turns(thread_id);
        self.want(Effect::PauseGoal(thread_id.to_owned()));
    }
}
