//! The client.

use std::sync::{Arc, PoisonError};

use crate::call::Call;
use crate::codex::inner::CodexInner;
use crate::codex::metadata::Metadata;
use crate::codex::notifications::NotificationStream;
use crate::connection::router::subscriptions::Topic;
use crate::connection::stats::Stats;
use crate::setters::debug_shows;

pub(crate) mod compat;
#[rustfmt::skip]
mod gates;
pub(crate) mod inner;
pub(crate) mod metadata;
pub(crate) mod notifications;
pub(crate) mod request;

/// A running Codex runtime, and the connection to it.
///
/// Clones share both. The runtime lives as long as any of its handles: this, a [`Thread`](crate::Thread), a
/// [`TurnHandle`](crate::TurnHandle), a [`TurnControl`](crate::TurnControl), or an unfinished operation created
/// from one. When the last handle is dropped, the SDK asks the runtime to exit and kills it 1 s later if it
/// hasn't; the commands that it runs end with it. [`Codex::close`] waits for the end.
///
/// ```no_run
/// # async fn example() -> codex_sdk::Result<()> {
/// let codex = codex_sdk::Codex::start().await?;
/// println!("Codex {}", codex.metadata().server_version);
/// for thread in codex.thread_list().limit(20).await?.data {
///     println!("{}  {}", thread.id, thread.preview);
/// }
/// codex.close().await
/// # }
/// ```
#[derive(Clone)]
pub struct Codex {
    inner: Arc<CodexInner>,
}

impl Codex {
    pub(crate) fn of(inner: Arc<CodexInner>) -> Self {
        Self { inner }
    }

    pub(crate) fn inner(&self) -> &Arc<CodexInner> {
        &self.inner
    }

    /// What the runtime reported about itself in the handshake.
    pub fn metadata(&self) -> &Metadata {
        &self.inner.metadata
    }

    /// Shuts down the runtime for all clones of this client and waits until it is gone.
    ///
    /// The SDK closes the runtime's input. If the runtime hasn't exited after 1 s, the SDK asks it to
    /// terminate, and kills it 0.5 s later. All pending operations and later calls get
    /// [`Error::Closed`](crate::Error::Closed). Closing again does nothing.
    ///
    /// # Errors
    /// None, even if the runtime had to be killed.
    ///
    /// # Cancel safety
    /// Once begun, the shutdown continues. Dropping the call kills the runtime if it is the last handle.
    pub fn close(&self) -> Call<()> {
        let inner = Arc::clone(&self.inner);
        Call::new(async move {
            inner.close().await;
            Ok(())
        })
    }

    /// Subscribes to all notifications from now on, except those that live turn handles receive. Sends nothing.
    /// Once the connection is over, the stream yields [`Error::Closed`](crate::Error::Closed).
    ///
    /// After [`CodexBuilder::notifications`](crate::CodexBuilder::notifications), the first call returns the
    /// stream that began before the handshake.
    pub fn notifications(&self) -> NotificationStream {
        let early = self.inner.early.lock();
        let early = early.unwrap_or_else(PoisonError::into_inner).take();
        early.unwrap_or_else(|| self.inner.subscribe(Topic::Everything))
    }

    /// Counters of what this client is doing now.
    pub fn stats(&self) -> Stats {
        self.inner.connection.stats()
    }
}

debug_shows!(Codex {
    metadata: inner.metadata
});
