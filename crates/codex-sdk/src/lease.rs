//! The place of a handle in the router.

use std::sync::Arc;

use tokio::time::Instant;

use crate::{connection::Connection, entry::Expiry};

/// A handle's place in the router, from before its turn or goal is asked for.
#[derive(Debug)]
pub(crate) struct Lease {
    pub(crate) connection: Arc<Connection>,
    thread_id: Arc<str>,
    handle: i64,
    /// Leaving interrupts a turn that no other handle is on, and abandons a goal.
    pub(crate) interrupt: bool,
}

impl Lease {
    pub(crate) fn new(connection: Arc<Connection>, thread_id: Arc<str>, handle: i64) -> Self {
        Self {
            connection,
            thread_id,
            handle,
            interrupt: false,
        }
    }

    /// Has the turn interrupted, or leaves it to its other handles: a deadline has passed.
    pub(crate) fn expire(&mut self) -> Expiry {
        let expiry = self
            .connection
            .router()
            .expire(&self.thread_id, self.handle);
        self.interrupt |= expiry != Expiry::Ended;
        expiry
    }

    /// When the turn last waited for an answer of this program: now, if it does.
    pub(crate) fn last_wait(&self) -> Option<Instant> {
        self.connection.router().last_wait(&self.thread_id)
    }

    /// Leaves the turn. What its handle hasn't read stays readable.
    pub(crate) fn leave(&self) {
        let mut router = self.connection.router();
        router.leave(&self.thread_id, self.handle, self.interrupt);
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.leave();
    }
}
