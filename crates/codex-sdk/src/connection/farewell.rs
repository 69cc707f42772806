//! The last log line of a connection.

use std::panic::{AssertUnwindSafe, catch_unwind};

use tracing::dispatcher::with_default;

use crate::connection::Connection;

impl Drop for Connection {
    /// Logs the final counters. All of them are zero, unless something leaked, or a stream of
    /// notifications outlives its client.
    fn drop(&mut self) {
        let stats = self.stats();
        let log = || {
            tracing::debug!(
                requests_in_flight = stats.requests_in_flight,
                live_turns = stats.live_turns,
                server_requests_pending = stats.server_requests_pending,
                queued_bytes = stats.queued_bytes,
                "nothing of the connection is left"
            );
        };
        // The subscriber that has seen it start sees this, too, wherever the last handle is dropped.
        self.span.with_subscriber(|(_, subscriber)| {
            let told = || with_default(subscriber, || self.span.in_scope(log));
            // The subscriber is foreign code, and may panic.
            let _ = catch_unwind(AssertUnwindSafe(told));
        });
    }
}
