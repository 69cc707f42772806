//! How much the router remembers of what perhaps only the runtime has named.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// How many entries a table may have before those that can be spared are dropped.
#[derive(Debug)]
pub(super) struct Bound {
    most: usize,
    now: usize,
}

impl Bound {
    pub(super) fn new(most: usize) -> Self {
        Self { most, now: most }
    }

    pub(super) fn is_reached(&self, entries: usize) -> bool {
        entries >= self.now
    }

    /// Records how many entries were kept. Looking at all of them pays off only once they have doubled.
    pub(super) fn cleared(&mut self, left: usize) {
        self.now = self.most.max(2 * left);
    }
}

/// A longer id is remembered nowhere. The runtime's have 36 bytes.
const LONGEST_ID: usize = 1024;

pub(super) fn is_odd(id: &str) -> bool {
    id.len() > LONGEST_ID
}

/// A part of a number of bytes that is taken until this is dropped.
#[derive(Debug)]
pub(crate) struct Share {
    bytes: usize,
    all: Arc<AtomicUsize>,
}

impl Share {
    /// Takes that many bytes, unless more than `most` would be taken then.
    pub(super) fn of(all: &Arc<AtomicUsize>, bytes: usize, most: usize) -> Option<Self> {
        if all.load(Ordering::Relaxed) + bytes > most {
            return None;
        }
        all.fetch_add(bytes, Ordering::Relaxed);
        let all = Arc::clone(all);
        Some(Self { bytes, all })
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.all.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}
