//! The limits of a client.

use std::time::Duration;

/// The limits that a client is built with.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    pub(crate) request_timeout: Duration,
    pub(crate) max_line_bytes: usize,
    pub(crate) subscription_budget: usize,
    pub(crate) unread_budget: usize,
    /// The longest message that the other side accepts, if it has a limit.
    pub(crate) max_sent_bytes: Option<usize>,
}

impl Limits {
    /// Whether the other side is a server, which may have other clients.
    pub(crate) fn is_of_server(self) -> bool {
        self.max_sent_bytes.is_some()
    }
}

impl Default for Limits {
    fn default() -> Self {
        const MIB: usize = 1024 * 1024;
        Self {
            request_timeout: Duration::from_secs(60),
            max_line_bytes: 256 * MIB,
            subscription_budget: 64 * MIB,
            unread_budget: 256 * MIB,
            max_sent_bytes: None,
        }
    }
}
