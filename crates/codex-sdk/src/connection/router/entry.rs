//! A handle on a turn, as the router sees it, and the turn's progress.

use crate::connection::event_queue::{EventSender, Notification};
use crate::error::Error;

/// The progress of a turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Phase {
    /// Accepted; the runtime doesn't accept an interrupt for it yet.
    Accepted,
    /// The runtime has begun it.
    Started,
    /// `turn/completed` was seen.
    Completed,
}

/// A turn that has lost its last handle and is to be interrupted.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Orphan {
    pub(crate) thread_id: String,
    pub(crate) turn_id: String,
}

/// Notifications that no turn handle took, with their size while unread, in order.
pub(crate) type Unclaimed = Vec<(Notification, usize)>;

#[derive(Debug)]
pub(crate) struct Entry {
    /// The id of the request that started or joined the turn.
    pub(crate) id: i64,
    /// `None` once its events have ended with an error.
    pub(crate) events: Option<EventSender>,
}

impl Entry {
    pub(crate) fn new(id: i64, events: EventSender) -> Self {
        let events = Some(events);
        Self { id, events }
    }

    /// Queues a notification, if events are still wanted here.
    pub(crate) fn push(&mut self, notification: Notification, bytes: usize) {
        self.events
            .take_if(|events| !events.push(Ok(notification), bytes));
    }

    pub(crate) fn fail(&mut self, error: &Error) -> bool {
        let events = self.events.take();
        events.is_some_and(|events| events.push(Err(error.clone()), 0))
    }
}

/// What happens to a turn when a deadline of one of its handles passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Expiry {
    /// Nothing: it has ended.
    Ended,
    /// It runs on for its other handles; this one has left.
    Left,
    /// It is interrupted, and the handle stays to see its end.
    Interrupting,
}
