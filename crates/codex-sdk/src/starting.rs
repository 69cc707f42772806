//! A turn before its id is known.

use crate::{
    Notification,
    entry::{Handle, Unclaimed},
};

/// A turn whose `turn/start` is unanswered.
#[derive(Debug)]
pub(crate) struct Starting {
    pub(crate) handle: Handle,
    /// Whether the handle is still there.
    pub(crate) held: bool,
    /// Interrupt the turn as soon as that is possible: a pending `run` was dropped.
    pub(crate) interrupt: bool,
    early: Vec<Early>,
    early_bytes: usize,
    /// Turns that ended since, of which one may be this.
    pub(crate) completed: Vec<String>,
}

/// What came for the thread before the reply.
#[derive(Debug)]
struct Early {
    notification: Notification,
    bytes: usize,
    /// Whether another handle had it too.
    shared: bool,
}

impl Starting {
    pub(crate) fn new(handle: Handle) -> Self {
        Self {
            handle,
            held: true,
            interrupt: false,
            early: Vec::new(),
            early_bytes: 0,
            completed: Vec::new(),
        }
    }

    /// Sorts what was collected: the turn of this id goes to the handle, what nobody else had to
    /// `unclaimed`.
    pub(crate) fn sort(&mut self, turn_id: Option<&str>, unclaimed: &mut Unclaimed) {
        for early in self.early.drain(..) {
            if turn_id.is_some() && early.notification.turn_id() == turn_id {
                self.handle.push(early.notification, early.bytes);
            } else if !early.shared {
                unclaimed.push((early.notification, early.bytes));
            }
        }
    }

    /// Notes that nobody waits for this turn any more.
    pub(crate) fn leave(&mut self, interrupt: bool, unclaimed: &mut Unclaimed) {
        self.held = false;
        self.interrupt = interrupt;
        self.handle.feed = None;
        self.release(unclaimed);
    }

    /// Keeps a copy of what may be this turn's; `false` if nothing is wanted here any more.
    pub(crate) fn collect(
        &mut self,
        notification: &Notification,
        bytes: usize,
        shared: bool,
        unclaimed: &mut Unclaimed,
    ) -> bool {
        let Some(feed) = &self.handle.feed else {
            return false;
        };
        if self.early_bytes + bytes > feed.budget() {
            feed.lag();
            self.handle.feed = None;
            self.release(unclaimed);
            return false;
        }
        self.early_bytes += bytes;
        self.early.push(Early {
            notification: notification.clone(),
            bytes,
            shared,
        });
        true
    }

    /// Gives back what was collected and nobody else had, once it is of no use here.
    pub(crate) fn release(&mut self, unclaimed: &mut Unclaimed) {
        let own = self.early.drain(..).filter(|early| !early.shared);
        unclaimed.extend(own.map(|early| (early.notification, early.bytes)));
    }
}
