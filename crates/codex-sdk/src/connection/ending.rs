//! How a connection ends, and what is still sent before it does.

use std::sync::Arc;

use tokio::sync::watch;

use crate::connection::Connection;
use crate::error::Error;
use crate::error::closed::{CloseReason, Closed};

impl Connection {
    /// Shows, while the receiver lives, that a cleanup that nobody waits for is in progress.
    pub(crate) fn cleaning(&self) -> watch::Receiver<()> {
        self.cleaning.subscribe()
    }

    /// Resolves once all cleanups that nobody waits for are done.
    pub(crate) async fn cleaned_up(&self) {
        let under_way = self.router().under_way();
        let _ = under_way.await;
        self.cleaning.closed().await;
    }

    /// Asks the supervisor to end the connection.
    pub(crate) fn begin_close(&self) {
        self.closing.send_replace(true);
    }

    /// Whether this side has asked for the end.
    pub(crate) fn is_closing(&self) -> bool {
        *self.closing.borrow()
    }

    /// Resolves once this side has asked for the end.
    pub(crate) async fn closing(&self) {
        // The sender lives as long as `self`.
        let _ = self.closing.subscribe().wait_for(|closing| *closing).await;
    }

    /// Resolves once everything has ended, the process included.
    pub(crate) async fn closed(&self) -> Option<Arc<Closed>> {
        let mut closed = self.closed.subscribe();
        closed.wait_for(Option::is_some).await.ok()?.clone()
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.closed.borrow().is_some()
    }

    /// Ends everything. The supervisor calls this, once.
    pub(crate) fn set_closed(&self, closed: Closed) {
        let closed = Arc::new(closed);
        // Whoever sees the end finds no request waiting. Separate statements, each of which releases the lock.
        let withdrawn = self.router().withdraw_all();
        drop(withdrawn);
        self.closed.send_replace(Some(Arc::clone(&closed)));
        let asked = self.router().close(closed);
        drop(asked);
        self.begin_close();
    }

    /// The error for a caller that finds the connection ending or ended. If it ends by itself, the
    /// reason is known soon.
    pub(crate) async fn ended(&self) -> Error {
        let closed = if *self.closing.borrow() {
            self.closed.borrow().clone()
        } else {
            self.closed().await
        };
        Error::Closed(closed.unwrap_or_else(|| Arc::new(Closed::new(CloseReason::Requested))))
    }
}
