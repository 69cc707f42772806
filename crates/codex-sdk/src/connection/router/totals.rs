//! Counters over the life of a connection.

use crate::connection::event_queue::Notification;

#[derive(Debug, Default)]
pub(super) struct Totals {
    pub(super) notifications: u64,
    /// Those that could not be typed.
    pub(super) unrecognized: u64,
}

impl Totals {
    pub(super) fn observe(&mut self, notification: &Notification) {
        self.notifications += 1;
        self.unrecognized += u64::from(matches!(notification, Notification::Unrecognized { .. }));
    }
}
