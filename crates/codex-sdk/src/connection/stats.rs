//! What goes on in a client.

/// Counters of a client, from [`Codex::stats`](crate::Codex::stats).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Requests that were sent, and neither answered nor past their deadline.
    pub requests_in_flight: usize,
    /// Turns and goals that this client has started or seen begin, and that have not ended.
    pub live_turns: usize,
    /// Bytes of notifications that lie unread in turn handles and notification streams.
    pub queued_bytes: usize,
    /// Notifications that have come so far.
    pub notifications: u64,
    /// Those of them that this version can't type, because it doesn't know the method, or because the
    /// parameters don't have the shape that it knows. They were delivered as `Unrecognized`.
    pub unrecognized: u64,
    /// Threads that something is kept for: their tools, what they have used. It is let go of when they are
    /// closed, archived or deleted.
    pub known_threads: usize,
    /// Requests of the runtime that wait for the answer of this program.
    pub server_requests_pending: usize,
}
