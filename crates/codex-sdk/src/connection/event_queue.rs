//! The queue between the reader and one subscription, bounded by bytes.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};

use codex_types::ServerNotification;
use tokio::task::coop;

use crate::connection::wakes::Wakes;
use crate::error::{Error, Result};

/// A notification of the runtime.
pub type Notification = ServerNotification;

/// A reader that has taken a long batch gives its memory back.
const KEPT_CAPACITY: usize = 256;

/// What lies unread in all subscriptions of a client.
#[derive(Debug)]
pub(crate) struct AllUnread {
    bytes: AtomicUsize,
    queues: AtomicUsize,
    budget: usize,
}

impl AllUnread {
    pub(crate) fn new(budget: usize) -> Self {
        Self {
            bytes: AtomicUsize::new(0),
            queues: AtomicUsize::new(0),
            budget,
        }
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }

    /// How much one subscription may hold when this is to come on top: as much as it likes while there
    /// is room, else its share. One that is read fast doesn't suffer for those that aren't.
    fn most_of_one(&self, more: usize) -> usize {
        if self.bytes() + more <= self.budget {
            return usize::MAX;
        }
        self.budget / self.queues.load(Ordering::Relaxed).max(1)
    }
}

/// Makes the two ends of a subscription that holds at most `budget` bytes of unread notifications, as
/// [`held`](crate::connection::held::held) counts them. Who waits for it is woken by way of `wakes`.
pub(crate) fn event_queue(
    budget: usize,
    all: &Arc<AllUnread>,
    wakes: &Arc<Wakes>,
) -> (EventSender, EventReceiver) {
    all.queues.fetch_add(1, Ordering::Relaxed);
    let queue = Arc::new(Queue {
        state: Mutex::default(),
        bytes: AtomicUsize::new(0),
        all: Arc::clone(all),
    });
    let sender = EventSender {
        queue: Arc::clone(&queue),
        wakes: Arc::clone(wakes),
        budget,
    };
    let batch = VecDeque::new();
    (sender, EventReceiver { queue, batch })
}

#[derive(Debug)]
struct Queue {
    state: Mutex<State>,
    /// What lies unread, the reader's batch included.
    bytes: AtomicUsize,
    all: Arc<AllUnread>,
}

#[derive(Debug, Default)]
struct State {
    entries: VecDeque<Entry>,
    reader: Option<Waker>,
    /// Nothing comes any more.
    ended: bool,
    /// Nobody reads any more.
    abandoned: bool,
}

impl Queue {
    fn add(&self, bytes: usize) {
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        self.all.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    fn remove(&self, bytes: usize) {
        self.bytes.fetch_sub(bytes, Ordering::Relaxed);
        self.all.bytes.fetch_sub(bytes, Ordering::Relaxed);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The router's end. Dropping it ends the subscription once everything in it was read.
#[derive(Debug)]
pub(crate) struct EventSender {
    queue: Arc<Queue>,
    wakes: Arc<Wakes>,
    budget: usize,
}

/// The subscriber's end. Dropping it frees what is unread.
#[derive(Debug)]
pub(crate) struct EventReceiver {
    queue: Arc<Queue>,
    /// What was taken from the queue at once.
    batch: VecDeque<Entry>,
}

#[derive(Debug)]
pub(super) struct Entry {
    item: Result<Notification>,
    bytes: usize,
}

impl EventSender {
    /// Queues a notification, or an error about one; `false` when this subscription is over, because
    /// nobody reads it any more or because it would exceed its budget.
    ///
    /// A single notification larger than the whole budget is let through to a reader that keeps up.
    pub(crate) fn push(&self, item: Result<Notification>, bytes: usize) -> bool {
        let unread = self.queue.bytes.load(Ordering::Relaxed);
        let budget = self.budget.min(self.queue.all.most_of_one(bytes));
        if unread > 0 && unread + bytes > budget {
            self.fail(budget);
            return false;
        }
        self.send(Entry { item, bytes })
    }

    /// The most bytes that may lie unread.
    pub(crate) fn budget(&self) -> usize {
        self.budget
    }

    /// Tells the subscriber that it was read too slowly. Nothing is queued behind this.
    pub(crate) fn lag(&self) {
        self.fail(self.budget);
    }

    /// Whether the subscriber is gone.
    pub(crate) fn is_abandoned(&self) -> bool {
        self.queue.state().abandoned
    }

    fn fail(&self, budget: usize) {
        let item = Err(Error::Lagged { budget });
        self.send(Entry { item, bytes: 0 });
    }

    fn send(&self, entry: Entry) -> bool {
        let mut state = self.queue.state();
        if state.abandoned {
            return false;
        }
        self.queue.add(entry.bytes);
        state.entries.push_back(entry);
        self.wake(state);
        true
    }

    fn wake(&self, mut state: MutexGuard<'_, State>) {
        let reader = state.reader.take();
        drop(state);
        if let Some(reader) = reader {
            self.wakes.add(move || reader.wake());
        }
    }
}

impl Drop for EventSender {
    fn drop(&mut self) {
        let mut state = self.queue.state();
        state.ended = true;
        self.wake(state);
    }
}

impl EventReceiver {
    pub(crate) async fn next(&mut self) -> Option<Result<Notification>> {
        std::future::poll_fn(|context| self.poll_next(context)).await
    }

    pub(crate) fn poll_next(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Notification>>> {
        // A reader of a stream that never pauses lets others run now and then.
        let turn = ready!(coop::poll_proceed(context));
        let entry = match self.batch.pop_front() {
            Some(entry) => Some(entry),
            None => ready!(self.poll_batch(context)),
        };
        turn.made_progress();
        Poll::Ready(entry.map(|entry| {
            self.queue.remove(entry.bytes);
            entry.item
        }))
    }

    /// Whether something lies here.
    pub(crate) fn has_unread(&self) -> bool {
        !self.batch.is_empty() || !self.queue.state().entries.is_empty()
    }

    /// Takes all that lies in the queue, and returns the first of it.
    fn poll_batch(&mut self, context: &Context<'_>) -> Poll<Option<Entry>> {
        if self.batch.capacity() > KEPT_CAPACITY {
            self.batch = VecDeque::new();
        }
        let mut state = self.queue.state();
        if state.entries.is_empty() && !state.ended {
            match &mut state.reader {
                Some(reader) => reader.clone_from(context.waker()),
                none => *none = Some(context.waker().clone()),
            }
            return Poll::Pending;
        }
        std::mem::swap(&mut state.entries, &mut self.batch);
        drop(state);
        Poll::Ready(self.batch.pop_front())
    }
}

impl Drop for EventReceiver {
    fn drop(&mut self) {
        // From here on nothing is queued, so that what is counted is taken off again.
        let mut state = self.queue.state();
        state.abandoned = true;
        let unread = std::mem::take(&mut state.entries);
        drop(state);
        let unread = self.batch.drain(..).chain(unread);
        self.queue.remove(unread.map(|entry| entry.bytes).sum());
        self.queue.all.queues.fetch_sub(1, Ordering::Relaxed);
    }
}
