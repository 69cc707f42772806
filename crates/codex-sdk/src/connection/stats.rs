//! What goes on in a client.

/// Counters of a client, from [`Codex::stats`](crate::Codex::stats).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Requests that were sent, and neither answered nor past their deadline.
    pub requests_in_flight: usize,
    /// Turns and goals that this client has started or seen begin, and that have not ended.
    pub live_turns: usize,
    /// Bytes that unread notifications take in turn handles and notification streams, by estimate.
    pub queued_bytes: usize,
    /// Notifications that have come so far.
    pub notifications: u64,
    /// What this version couldn't type: notifications of an unknown method or with parameters of another
    /// shape, and values of another shape in notifications and responses, which were delivered as
    /// `Unrecognized`; elements of lists that couldn't be read, which were left out; lines that could be
    /// read only in part. Each is logged.
    pub unrecognized: u64,
    /// Requests of the runtime that wait for the answer of this program.
    pub server_requests_pending: usize,
}
