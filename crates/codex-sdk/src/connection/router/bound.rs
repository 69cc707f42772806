//! How many threads the router remembers that perhaps only the runtime has named.

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
