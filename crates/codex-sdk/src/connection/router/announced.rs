//! The unfinished items of a thread's running turn.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use codex_types::ThreadItem;

use crate::connection::event_queue::Notification;
use crate::connection::router::bound::Share;

/// An item that has begun.
#[derive(Debug, Clone)]
pub(crate) struct Announced {
    pub(crate) item: Arc<ThreadItem>,
    pub(crate) turn_id: String,
    pub(crate) started_at_ms: i64,
}

/// How many bytes the unfinished items of all threads may take. What exceeds them isn't kept.
const MOST: usize = 16 << 20;

/// The uncompleted items of the running turn. Approvals are about them, and a late observer can't get them from the
/// runtime, which stores an item at its end.
#[derive(Debug)]
pub(super) struct AnnouncedItems {
    items: Vec<Kept>,
    /// The bytes of the items of all threads.
    all: Arc<AtomicUsize>,
}

#[derive(Debug)]
struct Kept {
    it: Announced,
    _share: Share,
}

impl AnnouncedItems {
    pub(super) fn new(all: &Arc<AtomicUsize>) -> Self {
        Self {
            items: Vec::new(),
            all: Arc::clone(all),
        }
    }

    /// Records the beginning and the end of an item. The notification takes that many bytes.
    pub(super) fn observe(&mut self, notification: &Notification, bytes: usize) {
        match notification {
            // A user message is complete at once, and may be as large as its images.
            Notification::ItemStarted(it) if matches!(it.item, ThreadItem::UserMessage(_)) => {}
            Notification::ItemStarted(it) => {
                let Some(share) = Share::of(&self.all, bytes, MOST) else {
                    return;
                };
                self.items.push(Kept {
                    it: Announced {
                        item: Arc::new(it.item.clone()),
                        turn_id: it.turn_id.clone(),
                        started_at_ms: it.started_at_ms,
                    },
                    _share: share,
                });
            }
            Notification::ItemCompleted(it) if !self.items.is_empty() => {
                let id = it.item.id();
                self.items.retain(|other| other.it.item.id() != id);
            }
            _ => {}
        }
    }

    pub(super) fn clear(&mut self) {
        self.items.clear();
    }

    /// The command or the file change with this id.
    pub(super) fn asked_for(&self, item_id: &str) -> Option<Arc<ThreadItem>> {
        let mut items = self.items.iter().map(|kept| &kept.it.item);
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
        self.items.iter().map(|kept| kept.it.clone()).collect()
    }
}
