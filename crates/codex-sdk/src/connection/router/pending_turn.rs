//! A turn before its id is known.

use crate::connection::event_queue::{Notification, Room};
use crate::connection::router::entry::{Entry, Unclaimed};

/// A turn whose `turn/start` is unanswered.
#[derive(Debug)]
pub(crate) struct PendingTurn {
    pub(crate) entry: Entry,
    pub(crate) claim: Claim,
    early: Vec<Early>,
    early_bytes: usize,
    /// Turns that have ended since; one of them may be this.
    pub(crate) completed: Vec<String>,
}

/// What to do with a turn once its id is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Claim {
    /// Its handle waits for it.
    Held,
    /// Its handle was dropped; it may run.
    Dropped,
    /// A pending `run` was dropped: it is interrupted as soon as that is possible.
    Unwanted,
}

/// What came for the thread before the reply.
#[derive(Debug)]
struct Early {
    notification: Notification,
    room: Room,
    /// Whether another handle got it, too.
    shared: bool,
}

impl PendingTurn {
    pub(crate) fn new(entry: Entry) -> Self {
        Self {
            entry,
            claim: Claim::Held,
            early: Vec::new(),
            early_bytes: 0,
            completed: Vec::new(),
        }
    }

    /// Sorts what was collected: what belongs to this turn goes to the handle, and what no other handle
    /// got goes to `unclaimed`.
    pub(crate) fn sort(&mut self, turn_id: Option<&str>, unclaimed: &mut Unclaimed) {
        for early in self.early.drain(..) {
            let bytes = early.room.bytes;
            drop(early.room);
            if turn_id.is_some() && early.notification.turn_id() == turn_id {
                self.entry.push(early.notification, bytes);
            } else if !early.shared {
                unclaimed.push((early.notification, bytes));
            }
        }
    }

    /// Records that nobody waits for this turn any more.
    pub(crate) fn leave(&mut self, interrupt: bool, unclaimed: &mut Unclaimed) {
        self.claim = if interrupt {
            Claim::Unwanted
        } else {
            Claim::Dropped
        };
        self.entry.events = None;
        self.release(unclaimed);
    }

    /// Keeps a copy of what may be this turn's; `false` if this handle wants nothing any more.
    pub(crate) fn collect(
        &mut self,
        notification: &Notification,
        bytes: usize,
        shared: bool,
        unclaimed: &mut Unclaimed,
    ) -> bool {
        let Some(events) = &self.entry.events else {
            return false;
        };
        let Some(room) = events.reserve(self.early_bytes, bytes) else {
            self.entry.events = None;
            self.release(unclaimed);
            return false;
        };
        self.early_bytes += bytes;
        self.early.push(Early {
            notification: notification.clone(),
            room,
            shared,
        });
        true
    }

    /// Returns what was collected and no other handle got, once it isn't needed here.
    pub(crate) fn release(&mut self, unclaimed: &mut Unclaimed) {
        let own = self.early.drain(..).filter(|early| !early.shared);
        unclaimed.extend(own.map(|early| (early.notification, early.room.bytes)));
    }
}
