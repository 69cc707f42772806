//! The counters of a client.

/// Counters of a client, from [`Codex::stats`](crate::Codex::stats).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Requests that were sent and are neither answered nor past their deadline.
    pub requests_in_flight: usize,
    /// Turns and goals that this client has started or seen begin, and that haven't ended.
    pub live_turns: usize,
    /// Estimated bytes of unread notifications in turn handles and notification streams.
    pub queued_bytes: usize,
    /// Notifications received so far.
    pub notifications: u64,
    /// Data that this version couldn't type: notifications with an unknown method or unexpected parameters, and
    /// unexpected values in notifications and responses, all delivered as `Unrecognized`; unreadable elements of
    /// lists, which were left out; lines that could be read only in part. Each is logged.
    pub unrecognized: u64,
    /// Threads that the client keeps data for, such as their tools and their usage. The data is dropped when the
    /// thread is closed, archived or deleted.
    pub known_threads: usize,
    /// Server requests that wait for your program's answer.
    pub server_requests_pending: usize,
}
