//! What is counted over the life of a connection.

use std::collections::HashMap;

use codex_types::TokenUsageBreakdown;

use crate::connection::event_queue::Notification;

#[derive(Debug, Default)]
pub(super) struct Totals {
    pub(super) notifications: u64,
    /// Those that could not be typed.
    pub(super) unrecognized: u64,
    /// What threads are known to have used, until they are closed.
    pub(super) usage: HashMap<String, TokenUsageBreakdown>,
}

impl Totals {
    pub(super) fn observe(&mut self, notification: &Notification) {
        self.notifications += 1;
        match notification {
            Notification::Unrecognized { .. } => self.unrecognized += 1,
            Notification::ThreadTokenUsageUpdated(it) => {
                let total = it.token_usage.total.clone();
                self.usage.insert(it.thread_id.clone(), total);
            }
            Notification::ThreadClosed(it) => {
                self.usage.remove(&it.thread_id);
            }
            _ => {}
        }
    }
}
