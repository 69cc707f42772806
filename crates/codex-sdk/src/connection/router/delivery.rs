//! Where notifications from the runtime go.

use crate::connection::event_queue::Notification;
use crate::connection::lost::Lost;
use crate::connection::router::Router;
use crate::connection::router::bound::{Share, is_odd};
use crate::connection::router::effect::Effect;
use crate::connection::router::entry::Unclaimed;
use crate::connection::router::lifecycle::{Change, Lifecycle};
use crate::connection::router::nested_turns::precedes;
use crate::connection::unhandled::LOGGED;
use crate::error::Error;

/// How many bytes may wait to be logged. A log subscriber may be slow.
const MOST_LOGGED: usize = 1 << 20;

impl Router {
    /// Routes one notification, which takes that many bytes while it is unread.
    pub(crate) fn deliver(&mut self, mut notification: Notification, bytes: usize) {
        if self.closed.is_some() {
            return;
        }
        let knows = |thread_id: &str, turn_id: &str| {
            let thread = self.threads.get(thread_id);
            thread.is_some_and(|thread| thread.knows(turn_id))
        };
        let ids = [notification.thread_id(), notification.turn_id()];
        if ids.into_iter().flatten().any(is_odd) {
            self.totals.observe(&notification);
            return self.settle(None, vec![(notification, bytes)]);
        }
        self.nested.observe(&notification, knows);
        self.nested.lift(&mut notification);
        let mut unclaimed = Unclaimed::new();
        self.totals.observe(&notification);
        self.threads_known.observe(&notification);
        if let Notification::ThreadTokenUsageUpdated(_) = &notification {
            self.tell_parents(&notification, bytes);
        }
        if let Notification::ServerRequestResolved(resolved) = &notification {
            let thread_id = self.requests.resolve(&resolved.request_id);
            self.note_answer(thread_id.as_deref());
        }
        let lifecycle = self.lifecycle(&notification);
        if let Some(event) = &lifecycle {
            self.withdraw(event);
            if let Change::Started { turn_id } = &event.change {
                let thread = self.thread_or_new(&event.thread_id);
                thread.begin(turn_id);
            }
        }
        // After the withdrawal: whoever has read the end of a turn finds none of its requests waiting.
        self.watchers
            .show(&notification, bytes, &self.threads_known);
        let of_turn = notification.turn_id().is_some();
        let thread_id = notification.thread_id().filter(|_| of_turn);
        match thread_id.and_then(|id| self.threads.get_mut(id)) {
            Some(thread) => thread.deliver(notification, bytes, &mut unclaimed),
            None => unclaimed.push((notification, bytes)),
        }
        if let Some(event) = &lifecycle {
            self.change(event);
        }
        self.settle(lifecycle.as_ref().map(|it| &*it.thread_id), unclaimed);
    }

    /// Reports a sub-agent's usage to the turns that it works for.
    fn tell_parents(&mut self, notification: &Notification, bytes: usize) {
        let thread_id = notification.thread_id().unwrap_or_default();
        for parent in self.threads_known.parents(thread_id) {
            if let Some(thread) = self.threads.get_mut(parent) {
                thread.tell(notification, bytes);
            }
        }
    }

    /// Updates what is known about a thread, once its notification was delivered.
    fn change(&mut self, event: &Lifecycle) {
        self.nested.end(event);
        match &event.change {
            Change::Completed { turn_id, .. } => {
                self.threads_known.end_turn(&event.thread_id, turn_id);
            }
            Change::Closed => {
                if let Some(tools) = self.threads_known.forget(&event.thread_id) {
                    self.want(Effect::Drop(tools));
                }
            }
            _ => {}
        }
        let Some(thread) = self.threads.get_mut(&event.thread_id) else {
            return;
        };
        match &event.change {
            Change::Started { .. } => {}
            Change::Completed {
                turn_id,
                interrupted,
            } => thread.complete(turn_id, *interrupted),
            Change::Goal(status) => thread.update_goal(status.as_ref()),
            Change::Status(status) => {
                if let Some(doubt) = thread.note_status(&event.thread_id, status) {
                    self.want(Effect::LookUp(doubt));
                }
            }
            // No `turn/completed` can follow: the handles learn it from the end of their events.
            Change::Closed => thread.close(),
        }
    }

    /// Reports something unreadable to whom it was for: the handles of its turn, else the
    /// subscriptions. An unreadable `turn/completed` still ends its turn.
    pub(crate) fn lose(&mut self, lost: &Lost<'_>, error: &Error) {
        let mut unclaimed = Unclaimed::new();
        let mut heard = false;
        if let (Some("turn/completed"), Some(thread_id), Some(turn_id)) =
            (lost.method, lost.thread_id, lost.turn_id)
        {
            self.end_unread(thread_id, turn_id);
        }
        let thread = lost.thread_id.and_then(|id| self.threads.get_mut(id));
        if let (Some(thread), Some(turn_id)) = (thread, lost.turn_id) {
            heard = thread.fail(turn_id, error, &mut unclaimed);
            if lost.method == Some("turn/completed") {
                thread.complete(turn_id, false);
            }
        }
        if !heard {
            self.subscriptions.lose(lost.thread_id, error, lost.bytes);
        }
        self.watchers.lose(lost.thread_id, error, lost.bytes);
        self.settle(lost.thread_id, unclaimed);
    }

    /// Records the end of a turn that can't be read, or that was missed.
    pub(crate) fn end_unread(&mut self, thread_id: &str, turn_id: &str) {
        let end = Lifecycle::completed(thread_id, turn_id);
        self.withdraw(&end);
        self.nested.end(&end);
        self.threads_known.end_turn(thread_id, turn_id);
    }

    /// Publishes what no handle took. In a changed thread, interrupts an orphaned turn, and drops the
    /// entry when nothing is left in it.
    pub(crate) fn settle(&mut self, thread_id: Option<&str>, unclaimed: Unclaimed) {
        for (notification, bytes) in unclaimed {
            if let Some(unheard) =
                self.subscriptions
                    .publish(notification, bytes, &self.threads_known)
                && LOGGED.contains(&unheard.method())
            {
                self.log(unheard, bytes);
            }
        }
        let Some(thread_id) = thread_id else {
            return;
        };
        if let Some(thread) = self.threads.get_mut(thread_id) {
            if let Some(mut orphan) = thread.orphan(thread_id) {
                if let Some(inner) = self.nested.innermost(thread_id, &orphan.turn_id) {
                    inner.clone_into(&mut orphan.turn_id);
                }
                let _ = self.effects.send(Effect::Interrupt(orphan));
            }
            if thread.is_empty() {
                self.threads.remove(thread_id);
            }
        }
    }

    fn log(&mut self, unheard: Notification, bytes: usize) {
        let Some(share) = Share::of(&self.to_log, bytes, MOST_LOGGED) else {
            self.missed += 1;
            return;
        };
        let missed = std::mem::take(&mut self.missed);
        self.want(Effect::Log {
            unheard,
            missed,
            _share: share,
        });
    }

    fn lifecycle(&self, notification: &Notification) -> Option<Lifecycle> {
        if let Some(lifecycle) = Lifecycle::of(notification) {
            return Some(lifecycle);
        }
        // Any notification of a turn shows that it has begun, in case `turn/started` was missed.
        let (thread_id, turn_id) = (notification.thread_id()?, notification.turn_id()?);
        let awaited = self.threads.get(thread_id)?.awaits(turn_id) && !precedes(notification);
        awaited.then(|| Lifecycle::started(thread_id, turn_id))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use codex_types::lenient;
    use serde_json::value::to_raw_value;
    use tokio::sync::mpsc;

    use super::MOST_LOGGED;
    use crate::connection::router::Router;
    use crate::connection::router::effect::Effect;

    #[test]
    fn a_slow_log_misses_some_and_is_told_how_many() {
        let (effects, mut wanted) = mpsc::unbounded_channel();
        let mut router = Router::new(effects, &Arc::default());
        let text = serde_json::json!({ "message": "x".repeat(10_000) });
        let params = to_raw_value(&text).unwrap();
        let mut warn = |times: usize| {
            for _ in 0..times {
                let warning = lenient::notification("warning", Some(&params)).value;
                router.deliver(warning, 10_000);
            }
        };
        warn(1000);
        let kept = MOST_LOGGED / 10_000;
        assert_eq!(wanted.len(), kept);
        while wanted.try_recv().is_ok() {}
        warn(1);
        let Ok(Effect::Log { missed, .. }) = wanted.try_recv() else {
            panic!("nothing is logged");
        };
        assert_eq!(missed, 1000 - kept);
    }
}
