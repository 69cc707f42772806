//! The queue between the reader and one subscription, bounded by bytes.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, Waker, ready};

use codex_types::ServerNotification;
use tokio::task::coop;

use crate::connection::wakes::Wakes;
use crate::error::{Error, Result};

/// A notification of the runtime.
pub type Notification = ServerNotification;

/// A queue with more capacity than this is replaced once it is empty.
const KEPT_CAPACITY: usize = 256;

/// What is unread in all subscriptions of a client.
#[derive(Debug)]
pub(crate) struct AllUnread {
    bytes: AtomicUsize,
    budget: usize,
    queues: Mutex<Vec<Weak<Queue>>>,
}

impl AllUnread {
    pub(crate) fn new(budget: usize) -> Self {
        Self {
            bytes: AtomicUsize::new(0),
            budget,
            queues: Mutex::default(),
        }
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }

    /// The queue that holds the most.
    fn fullest(&self) -> Option<Arc<Queue>> {
        let queues = self.queues();
        let live = queues.iter().filter_map(Weak::upgrade);
        live.max_by_key(|queue| queue.bytes())
    }

    fn queues(&self) -> MutexGuard<'_, Vec<Weak<Queue>>> {
        self.queues.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Room reserved for a notification before its recipient is known.
#[derive(Debug)]
pub(crate) struct Room {
    bytes: usize,
    all: Arc<AllUnread>,
}

impl Drop for Room {
    fn drop(&mut self) {
        self.all.bytes.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// Makes the two ends of a subscription that holds at most `budget` bytes of unread notifications, as
/// [`held`](crate::connection::held::held) counts them. Its reader is woken through `wakes`.
pub(crate) fn event_queue(
    budget: usize,
    all: &Arc<AllUnread>,
    wakes: &Arc<Wakes>,
) -> (EventSender, EventReceiver) {
    let queue = Arc::new(Queue {
        state: Mutex::default(),
        bytes: AtomicUsize::new(0),
        all: Arc::clone(all),
    });
    all.queues().push(Arc::downgrade(&queue));
    let sender = EventSender {
        queue: Arc::clone(&queue),
        wakes: Arc::clone(wakes),
        budget,
    };
    (sender, EventReceiver { queue })
}

#[derive(Debug)]
struct Queue {
    state: Mutex<State>,
    /// The unread bytes. They change with `state` locked.
    bytes: AtomicUsize,
    all: Arc<AllUnread>,
}

#[derive(Debug, Default)]
struct State {
    entries: VecDeque<Entry>,
    reader: Option<Waker>,
    /// Nothing more comes.
    ended: bool,
    /// Nobody reads any more.
    abandoned: bool,
}

impl Queue {
    fn bytes(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }

    fn add(&self, bytes: usize) {
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        self.all.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    fn remove(&self, bytes: usize) {
        self.bytes.fetch_sub(bytes, Ordering::Relaxed);
        self.all.bytes.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// Ends this with an error, and drops what is unread.
    fn evict(&self, wakes: &Wakes) {
        let budget = self.all.budget;
        let mut state = self.state();
        let unread = std::mem::take(&mut state.entries);
        state.entries.push_back(Entry::lagged(budget));
        state.ended = true;
        self.remove(bytes_of(&unread));
        wake(state, wakes);
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
}

#[derive(Debug)]
pub(super) struct Entry {
    item: Result<Notification>,
    bytes: usize,
}

impl Entry {
    fn lagged(budget: usize) -> Self {
        Self {
            item: Err(Error::Lagged { budget }),
            bytes: 0,
        }
    }
}

fn bytes_of(entries: &VecDeque<Entry>) -> usize {
    entries.iter().map(|entry| entry.bytes).sum()
}

fn wake(mut state: MutexGuard<'_, State>, wakes: &Wakes) {
    let reader = state.reader.take();
    drop(state);
    if let Some(reader) = reader {
        wakes.add(move || reader.wake());
    }
}

// All of this happens under the router's lock, so the total grows in one place only.
impl EventSender {
    /// Queues a notification, or an error about one; `false` if this subscription is over, because
    /// nobody reads it any more or because it would exceed a budget.
    ///
    /// A single notification larger than the whole budget is let through to a reader that keeps up.
    pub(crate) fn push(&self, item: Result<Notification>, bytes: usize) -> bool {
        let unread = self.queue.bytes();
        if unread > 0 && unread + bytes > self.budget {
            self.lag();
            return false;
        }
        if !self.make_room(unread, bytes) {
            self.queue.evict(&self.wakes);
            return false;
        }
        self.send(Entry { item, bytes })
    }

    /// Reserves room for a notification that may be for this subscription, in addition to `taken` bytes
    /// of others. Without room, this subscription is over.
    pub(crate) fn reserve(&self, taken: usize, bytes: usize) -> Option<Room> {
        if taken + bytes > self.budget {
            self.lag();
            return None;
        }
        if !self.make_room(taken, bytes) {
            self.queue.evict(&self.wakes);
            return None;
        }
        let all = Arc::clone(&self.queue.all);
        all.bytes.fetch_add(bytes, Ordering::Relaxed);
        Some(Room { bytes, all })
    }

    /// Makes room in the budget shared by all subscriptions, at the cost of those that hold the most;
    /// `false` if that is this one, which holds `unread` bytes.
    fn make_room(&self, unread: usize, more: usize) -> bool {
        let all = &self.queue.all;
        while all.bytes() + more > all.budget {
            match all.fullest() {
                Some(fullest) if fullest.bytes() >= (unread + more).max(1) => {
                    fullest.evict(&self.wakes);
                }
                _ => return all.bytes() == 0,
            }
        }
        true
    }

    /// Tells the subscriber that it reads too slowly. Nothing is queued after this.
    fn lag(&self) {
        self.send(Entry::lagged(self.budget));
    }

    /// Whether nothing more is wanted: the subscriber is gone, or was told that it was too slow.
    pub(crate) fn is_over(&self) -> bool {
        let state = self.queue.state();
        state.abandoned || state.ended
    }

    fn send(&self, entry: Entry) -> bool {
        let mut state = self.queue.state();
        if state.abandoned || state.ended {
            return false;
        }
        self.queue.add(entry.bytes);
        state.entries.push_back(entry);
        wake(state, &self.wakes);
        true
    }
}

impl Drop for EventSender {
    fn drop(&mut self) {
        let mut state = self.queue.state();
        state.ended = true;
        wake(state, &self.wakes);
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
        // Lets other tasks run now and then, even if the stream never pauses.
        let turn = ready!(coop::poll_proceed(context));
        let mut state = self.queue.state();
        let Some(entry) = state.entries.pop_front() else {
            if state.ended {
                turn.made_progress();
                return Poll::Ready(None);
            }
            match &mut state.reader {
                Some(reader) => reader.clone_from(context.waker()),
                none => *none = Some(context.waker().clone()),
            }
            return Poll::Pending;
        };
        if state.entries.is_empty() && state.entries.capacity() > KEPT_CAPACITY {
            state.entries = VecDeque::new();
        }
        self.queue.remove(entry.bytes);
        drop(state);
        turn.made_progress();
        Poll::Ready(Some(entry.item))
    }

    /// Whether anything is unread.
    pub(crate) fn has_unread(&self) -> bool {
        !self.queue.state().entries.is_empty()
    }
}

impl Drop for EventReceiver {
    fn drop(&mut self) {
        // Nothing is queued from here on, so what was counted can be subtracted.
        let mut state = self.queue.state();
        state.abandoned = true;
        let unread = std::mem::take(&mut state.entries);
        self.queue.remove(bytes_of(&unread));
        drop(state);
        let this = Arc::as_ptr(&self.queue);
        let mut queues = self.queue.all.queues();
        if let Some(at) = queues.iter().position(|it| Weak::as_ptr(it) == this) {
            queues.swap_remove(at);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::{AllUnread, EventReceiver, EventSender, event_queue};
    use crate::error::Error;

    /// A queue for 100 bytes.
    fn queue() -> (EventSender, EventReceiver) {
        event_queue(100, &Arc::new(AllUnread::new(1000)), &Arc::default())
    }

    fn push(queue: &EventSender, bytes: usize) -> bool {
        queue.push(Err(Error::InvalidInput(bytes.to_string())), bytes)
    }

    #[test]
    fn a_budget_is_used_up_to_its_last_byte_and_not_exceeded() {
        let (sender, _receiver) = queue();
        assert!(push(&sender, 60));
        assert!(push(&sender, 40));
        assert!(!push(&sender, 1));

        let (sender, _receiver) = queue();
        assert!(push(&sender, 60));
        assert!(!push(&sender, 41));
    }

    #[tokio::test]
    async fn one_that_is_larger_than_the_budget_gets_through_to_a_reader_that_keeps_up() {
        let (sender, mut receiver) = queue();
        assert!(push(&sender, 500));
        receiver.next().await.unwrap().unwrap_err();
        assert!(push(&sender, 500));
        assert!(!push(&sender, 1));
    }
}
