//! Turns within turns: the runtime runs a review in its own turn, within the one that it has announced.
//!
//! The outer turn never gets a `turn/started`; the inner one does, and only the inner one can be interrupted. To the
//! handle, both are the outer one.

use codex_types::ThreadItem;

use crate::connection::event_queue::Notification;
use crate::connection::router::lifecycle::{Change, Lifecycle};

#[derive(Debug, Default)]
pub(super) struct NestedTurns(Vec<NestedTurn>);

#[derive(Debug)]
struct NestedTurn {
    thread_id: String,
    outer: String,
    inner: String,
}

impl NestedTurns {
    /// Records the beginning of a turn within one for which `runs` is true.
    pub(super) fn observe(
        &mut self,
        notification: &Notification,
        runs: impl FnOnce(&str, &str) -> bool,
    ) {
        if let Notification::TurnStarted(started) = notification
            && let Some(root) = &started.turn.root_turn_id
            && *root != started.turn.id
            && runs(&started.thread_id, root)
        {
            let (thread_id, outer) = (&started.thread_id, root);
            // One at a time.
            self.0
                .retain(|it| it.thread_id != *thread_id || it.outer != *outer);
            self.0.push(NestedTurn {
                thread_id: started.thread_id.clone(),
                outer: root.clone(),
                inner: started.turn.id.clone(),
            });
        }
    }

    /// Forgets the turns of other threads than these.
    pub(super) fn keep(&mut self, is_known: impl Fn(&str) -> bool) {
        self.0.retain(|it| is_known(&it.thread_id));
    }

    /// Attributes an inner turn's notifications to the outer turn, except for its end.
    pub(super) fn lift(&self, notification: &mut Notification) {
        if self.0.is_empty() || matches!(notification, Notification::TurnCompleted(_)) {
            return;
        }
        let mut turns = self.0.iter();
        let outer = turns.find(|it| {
            notification.turn_id() == Some(&it.inner)
                && notification.thread_id() == Some(&it.thread_id)
        });
        if let Some(NestedTurn { outer, .. }) = outer
            && let Some(turn_id) = notification.turn_id_mut()
        {
            turn_id.clone_from(outer);
        }
    }

    /// The inner turn to interrupt in place of this one.
    pub(super) fn innermost(&self, thread_id: &str, turn_id: &str) -> Option<&str> {
        let mut turns = self.0.iter().rev();
        let found = turns.find(|it| it.thread_id == thread_id && it.outer == turn_id);
        found.map(|it| &*it.inner)
    }

    /// Forgets the turns within one that has ended. If another turn begins, an end was missed.
    pub(super) fn end(&mut self, event: &Lifecycle) {
        let ends = |it: &NestedTurn| match &event.change {
            Change::Started { turn_id } => it.outer != *turn_id,
            Change::Completed { turn_id, .. } => it.outer == *turn_id,
            Change::Closed => true,
            _ => false,
        };
        self.0
            .retain(|it| it.thread_id != event.thread_id || !ends(it));
    }
}

/// Whether this comes from a review, before the turn that it runs in has begun.
pub(super) fn precedes(notification: &Notification) -> bool {
    let item = match notification {
        Notification::ItemStarted(it) => &it.item,
        Notification::ItemCompleted(it) => &it.item,
        _ => return false,
    };
    matches!(item, ThreadItem::EnteredReviewMode(_))
}

#[cfg(test)]
mod tests {
    use super::{NestedTurn, NestedTurns};
    use crate::connection::router::lifecycle::Lifecycle;

    #[test]
    fn what_was_within_a_turn_whose_end_was_missed_goes_with_the_next_one() {
        let mut nested = NestedTurns(vec![NestedTurn {
            thread_id: "t".to_owned(),
            outer: "1".to_owned(),
            inner: "2".to_owned(),
        }]);
        nested.end(&Lifecycle::started("t", "1"));
        nested.end(&Lifecycle::started("other", "3"));
        assert_eq!(nested.innermost("t", "1"), Some("2"));
        nested.end(&Lifecycle::started("t", "3"));
        assert_eq!(nested.innermost("t", "1"), None);
    }
}
