//! Notifications outside of turns.

use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::Stream;

use crate::connection::event_queue::{EventReceiver, Notification};
use crate::error::Result;

/// A subscription to what no turn handle receives, from [`Codex::notifications`](crate::Codex::notifications)
/// or [`Thread::notifications`](crate::Thread::notifications).
///
/// A line that isn't a message, or exceeds the limit, appears here as an error, unless it was for a turn with a
/// handle or for a request; the stream continues after it. The stream ends with the connection
/// ([`Error::Closed`](crate::Error::Closed)), or with [`Error::Lagged`](crate::Error::Lagged) when it is read
/// too slowly; after such an error it yields `None`. It doesn't keep the runtime alive.
#[derive(Debug)]
#[must_use = "what comes for a stream lies in memory until it is read"]
pub struct NotificationStream {
    inbox: EventReceiver,
}

impl NotificationStream {
    pub(crate) fn new(inbox: EventReceiver) -> Self {
        Self { inbox }
    }

    /// Whether there is anything unread.
    pub(crate) fn has_unread(&self) -> bool {
        self.inbox.has_unread()
    }

    /// The next notification, or `None` after the end.
    ///
    /// # Errors
    /// See [`NotificationStream`].
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing: the next call gets what arrives meanwhile.
    pub async fn next(&mut self) -> Option<Result<Notification>> {
        self.inbox.next().await
    }
}

impl Stream for NotificationStream {
    type Item = Result<Notification>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.inbox.poll_next(context)
    }
}
