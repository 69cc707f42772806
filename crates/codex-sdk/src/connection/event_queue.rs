//! The queue between the reader and one subscription, bounded by bytes.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use tokio::sync::mpsc;

use codex_types::ServerNotification;

use crate::error::{Error, Result};

/// A notification of the runtime.
pub type Notification = ServerNotification;

/// Makes the two ends of a subscription that holds at most `budget` bytes of unread notifications.
/// What lies in it counts in `queued` too.
pub(crate) fn event_queue(
    budget: usize,
    queued: &Arc<AtomicUsize>,
) -> (EventSender, EventReceiver) {
    let (sender, receiver) = mpsc::unbounded_channel();
    let unread = Unread {
        own: Arc::default(),
        queued: Arc::clone(queued),
    };
    let queue = EventSender {
        sender,
        unread: unread.clone(),
        budget,
    };
    (queue, EventReceiver { receiver, unread })
}

/// How many bytes lie unread: in one subscription, and in all of a connection.
#[derive(Debug, Clone)]
struct Unread {
    own: Arc<AtomicUsize>,
    queued: Arc<AtomicUsize>,
}

impl Unread {
    fn add(&self, bytes: usize) {
        self.own.fetch_add(bytes, Ordering::Relaxed);
        self.queued.fetch_add(bytes, Ordering::Relaxed);
    }

    fn remove(&self, bytes: usize) {
        self.own.fetch_sub(bytes, Ordering::Relaxed);
        self.queued.fetch_sub(bytes, Ordering::Relaxed);
    }
}

/// The router's end. Dropping it ends the subscription once everything in it was read.
#[derive(Debug)]
pub(crate) struct EventSender {
    sender: mpsc::UnboundedSender<Entry>,
    unread: Unread,
    budget: usize,
}

/// The subscriber's end. Dropping it frees what is unread.
#[derive(Debug)]
pub(crate) struct EventReceiver {
    receiver: mpsc::UnboundedReceiver<Entry>,
    unread: Unread,
}

#[derive(Debug)]
struct Entry {
    item: Result<Notification>,
    bytes: usize,
}

impl EventSender {
    /// Queues a notification, or an error about one; `false` when this subscription is over, because
    /// nobody reads it any more or because it would exceed its budget.
    ///
    /// A single notification larger than the whole budget is let through to a reader that keeps up.
    pub(crate) fn push(&self, item: Result<Notification>, bytes: usize) -> bool {
        let unread = self.unread.own.load(Ordering::Relaxed);
        if unread > 0 && unread + bytes > self.budget {
            self.lag();
            return false;
        }
        self.unread.add(bytes);
        let sent = self.sender.send(Entry { item, bytes }).is_ok();
        if !sent {
            self.unread.remove(bytes);
        }
        sent
    }

    /// The most bytes that may lie unread.
    pub(crate) fn budget(&self) -> usize {
        self.budget
    }

    /// Tells the subscriber that it was read too slowly. Nothing is queued behind this.
    pub(crate) fn lag(&self) {
        let budget = self.budget;
        let item = Err(Error::Lagged { budget });
        // A subscriber that is gone needs no error.
        let _ = self.sender.send(Entry { item, bytes: 0 });
    }

    /// Whether the subscriber is gone.
    pub(crate) fn is_abandoned(&self) -> bool {
        self.sender.is_closed()
    }
}

impl EventReceiver {
    pub(crate) async fn next(&mut self) -> Option<Result<Notification>> {
        let entry = self.receiver.recv().await;
        self.take(entry)
    }

    pub(crate) fn poll_next(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Notification>>> {
        self.receiver
            .poll_recv(context)
            .map(|entry| self.take(entry))
    }

    fn take(&self, entry: Option<Entry>) -> Option<Result<Notification>> {
        let entry = entry?;
        self.unread.remove(entry.bytes);
        Some(entry.item)
    }
}

impl Drop for EventReceiver {
    fn drop(&mut self) {
        // From here on nothing is queued, so that what is counted is taken off again.
        self.receiver.close();
        while let Ok(entry) = self.receiver.try_recv() {
            self.unread.remove(entry.bytes);
        }
    }
}
