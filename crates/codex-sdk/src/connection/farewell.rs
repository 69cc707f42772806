//! What a connection says last.

use std::panic::{AssertUnwindSafe, catch_unwind};

use tracing::dispatcher::with_default;

use crate::connection::Connection;

impl Drop for Connection {
    /// Logs what is still counted. All of it is zero, unless something was forgotten, or a stream of
    /// notifications is kept longer than its client.
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
        // Whoever has seen it start sees this too, wherever the last handle is dropped.
        self.span.with_subscriber(|(_, subscriber)| {
            let told = || with_default(subscriber, || self.span.in_scope(log));
            // It is foreign code, and may panic.
            let _ = catch_unwind(AssertUnwindSafe(told));
        });
    }
}
