//! The unfinished items of a thread's running turn.

use std::sync::Arc;

use codex_types::ThreadItem;

use crate::connection::event_queue::Notification;

/// An item that has begun.
#[derive(Debug, Clone)]
pub(crate) struct Announced {
    pub(crate) item: Arc<ThreadItem>,
    pub(crate) turn_id: String,
    pub(crate) started_at_ms: i64,
}

/// The uncompleted items of the running turn. Approvals are about them, and a late observer can't get them from the
/// runtime, which stores an item at its end.
#[derive(Debug, Default)]
pub(super) struct AnnouncedItems(Vec<Announced>);

impl AnnouncedItems {
    /// Records the beginning and the end of an item.
    pub(super) fn observe(&mut self, notification: &Notification) {
        match notification {
            // A user message is complete at once, and may be as large as its images.
            Notification::ItemStarted(it) if matches!(it.item, ThreadItem::UserMessage(_)) => {}
            Notification::ItemStarted(it) => self.0.push(Announced {
                item: Arc::new(it.item.clone()),
                turn_id: it.turn_id.clone(),
                started_at_ms: it.started_at_ms,
            }),
            Notification::ItemCompleted(it) if !self.0.is_empty() => {
                let id = it.item.id();
                self.0.retain(|other| other.item.id() != id);
            }
            _ => {}
        }
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// The command or the file change with this id.
    pub(super) fn asked_for(&self, item_id: &str) -> Option<Arc<ThreadItem>> {
        let mut items = self.0.iter().map(|it| &it.item);
        let is_it = |item: &&Arc<ThreadItem>| {
            let kind = matches!(
                ***item,
                ThreadItem::FileChange(_) | ThreadItem::CommandExecution(_)
            );
            kind && item.id() == Some(item_id)
        };
        items.find(is_it).cloned()
    }

    /// All of them, in the order in which they began.
    pub(super) fn all(&self) -> Vec<Announced> {
        self.0.clone()
    }
}
