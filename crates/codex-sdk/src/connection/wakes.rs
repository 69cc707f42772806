//! Wake-ups, deferred until the router's lock is released.
//!
//! A waker is foreign code: an executor may poll in it, and what it polls may need the lock.

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

type Wake = Box<dyn FnOnce() + Send>;

/// What to run once a router's lock is released.
#[derive(Default)]
pub(crate) struct Wakes(Mutex<Vec<Wake>>);

impl Wakes {
    pub(crate) fn add(&self, wake: impl FnOnce() + Send + 'static) {
        self.lock().push(Box::new(wake));
    }

    /// Runs all of it, with no lock held. A waker that panics doesn't stop the others.
    pub(crate) fn wake(&self) {
        let wakes = std::mem::take(&mut *self.lock());
        for wake in wakes {
            let _ = catch_unwind(AssertUnwindSafe(wake));
        }
    }

    #[cfg(unix)]
    pub(crate) fn count(&self) -> usize {
        self.lock().len()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Wake>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Wakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wakes").finish_non_exhaustive()
    }
}

/// A router's lock. Releasing it wakes whoever waits for what was done under it.
#[derive(Debug)]
pub(crate) struct Locked<'a, T> {
    // Dropped in this order.
    guard: MutexGuard<'a, T>,
    _wakes: WakeOnDrop<'a>,
}

#[derive(Debug)]
struct WakeOnDrop<'a>(&'a Wakes);

impl<'a, T> Locked<'a, T> {
    pub(super) fn new(guard: MutexGuard<'a, T>, wakes: &'a Wakes) -> Self {
        Self {
            guard,
            _wakes: WakeOnDrop(wakes),
        }
    }
}

impl<T> Deref for Locked<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.guard
    }
}

impl<T> DerefMut for Locked<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.guard
    }
}

impl Drop for WakeOnDrop<'_> {
    fn drop(&mut self) {
        self.0.wake();
    }
}

/// A value whose use or drop wakes somebody: a sender, a place in flight. Both are deferred.
#[derive(Debug)]
pub(crate) struct Late<T: Send + 'static> {
    /// `None` once it is used.
    value: Option<T>,
    wakes: Arc<Wakes>,
}

impl<T: Send + 'static> Late<T> {
    pub(crate) fn new(value: T, wakes: &Arc<Wakes>) -> Self {
        Self {
            value: Some(value),
            wakes: Arc::clone(wakes),
        }
    }

    /// Uses up the value, later.
    pub(crate) fn finish(mut self, with: impl FnOnce(T) + Send + 'static) {
        if let Some(value) = self.value.take() {
            self.wakes.add(move || with(value));
        }
    }
}

impl<T: Send + 'static> Drop for Late<T> {
    fn drop(&mut self) {
        if let Some(value) = self.value.take() {
            self.wakes.add(move || drop(value));
        }
    }
}

/// A value that others watch. It changes at once; the watchers learn of the change later, and of its end, too.
#[derive(Debug)]
pub(crate) struct Watched<T: Send + Sync + 'static> {
    sender: watch::Sender<T>,
    wakes: Arc<Wakes>,
}

impl<T: Send + Sync + 'static> Watched<T> {
    pub(crate) fn new(value: T, wakes: &Arc<Wakes>) -> Self {
        Self {
            sender: watch::Sender::new(value),
            wakes: Arc::clone(wakes),
        }
    }

    pub(crate) fn subscribe(&self) -> watch::Receiver<T> {
        self.sender.subscribe()
    }

    pub(crate) fn borrow(&self) -> watch::Ref<'_, T> {
        self.sender.borrow()
    }

    pub(crate) fn change(&self, change: impl FnOnce(&mut T)) {
        self.sender.send_if_modified(|value| {
            change(value);
            false
        });
        let sender = self.sender.clone();
        self.wakes.add(move || sender.send_modify(|_| {}));
    }
}

impl<T: Send + Sync + 'static> Drop for Watched<T> {
    fn drop(&mut self) {
        // The watchers learn of the end when the last sender is dropped.
        let sender = self.sender.clone();
        self.wakes.add(move || drop(sender));
    }
}
