//! Everything that happens on a thread, for viewers.

use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use codex_types::Turn;
use futures_core::Stream;

use crate::codex::inner::CodexInner;
use crate::codex::notifications::NotificationStream;
use crate::connection::Connection;
use crate::connection::event_queue::Notification;
use crate::connection::router::subscriptions::Topic;
use crate::error::{Error, Result};
use crate::tasks::recovery::newest_turns;
use crate::thread::Thread;
use crate::turn::replay::Replay;

/// How long reading a running turn may take.
const READ: Duration = Duration::from_secs(10);

type CatchUp = Pin<Box<dyn Future<Output = Vec<Turn>> + Send>>;

impl Thread {
    /// Watches everything that happens on this thread, including what turn handles receive: for a second
    /// viewer, or a hundredth. Each has its own copy, in the runtime's order. One that reads too slowly ends
    /// alone ([`Error::Lagged`](crate::Error::Lagged)).
    ///
    /// If a turn is already running, the watch begins with what the turn has produced so far, read from the
    /// runtime (`thread/turns/list`; the request is on its way when this returns): its `turn/started`, and its
    /// items as `item/completed`, with the time when the turn began. Unfinished items follow as `item/started`,
    /// if this client has seen them begin: a command, a tool call, anything that waits for an approval. The
    /// text of a message in progress comes from here on, and whole with its `item/completed`. Nothing is stored
    /// of an ephemeral thread: the watch begins with the unfinished items.
    ///
    /// A command may outlive its turn, in the background. A viewer that joins after the turn has ended sees the
    /// command's output and end, and nothing of the turn.
    ///
    /// ```no_run
    /// # async fn second_tab(thread: codex_sdk::Thread) -> codex_sdk::Result<()> {
    /// let mut all = thread.watch();
    /// while let Some(event) = all.next().await {
    ///     println!("{}", serde_json::to_string(&event?).unwrap_or_default());
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// A watch neither keeps the runtime alive nor loads the thread.
    pub fn watch(&self) -> ThreadWatch {
        ThreadWatch::new(&self.codex, Arc::clone(&self.id))
    }

    /// Subscribes to this thread's notifications from now on, except those that live turn handles receive.
    /// Sends nothing. [`Self::watch`] includes them all.
    pub fn notifications(&self) -> NotificationStream {
        self.codex.subscribe(Topic::Thread(Arc::clone(&self.id)))
    }
}

/// Everything that happens on a thread, from [`Thread::watch`](crate::Thread::watch).
#[must_use = "what comes for a stream lies in memory until it is read"]
pub struct ThreadWatch {
    thread_id: Arc<str>,
    events: NotificationStream,
    /// Reads what the running turn has already produced.
    catch_up: Option<CatchUp>,
    /// What came before the watch began.
    replay: Replay,
    /// What comes after that.
    error: Option<Error>,
}

impl ThreadWatch {
    pub(super) fn new(codex: &CodexInner, thread_id: Arc<str>) -> Self {
        let (events, joined) = codex.watch(&thread_id);
        let catch_up = stored_turns(Arc::clone(&codex.connection), Arc::clone(&thread_id));
        let mut catch_up: CatchUp = Box::pin(catch_up);
        let begun = codex.connection.begin(catch_up.as_mut());
        let mut watch = Self {
            replay: Replay::new(Arc::clone(&thread_id), joined),
            thread_id,
            events,
            catch_up: Some(catch_up),
            error: None,
        };
        if let Poll::Ready(read) = begun {
            watch.caught_up(read);
        }
        watch
    }

    /// The next notification, or `None` after the end.
    ///
    /// # Errors
    /// As for [`NotificationStream`](crate::NotificationStream).
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing: the next call gets what arrives meanwhile.
    pub async fn next(&mut self) -> Option<Result<Notification>> {
        poll_fn(|context| self.poll(context)).await
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Notification>>> {
        if let Some(catch_up) = &mut self.catch_up {
            let read = ready!(catch_up.as_mut().poll(context));
            self.caught_up(read);
        }
        loop {
            if let Some(next) = self.replay.next() {
                return Poll::Ready(Some(Ok(next)));
            }
            if let Some(error) = self.error.take() {
                return Poll::Ready(Some(Err(error)));
            }
            let next = match Pin::new(&mut self.events).poll_next(context) {
                Poll::Ready(Some(Ok(next))) => next,
                // What was read came before it, most likely the end of the connection.
                Poll::Ready(Some(Err(error))) if self.replay.reads_running() => {
                    self.replay.replay_read();
                    self.error = Some(error);
                    continue;
                }
                // If the turn had begun since, its beginning would most likely be here.
                Poll::Pending if !self.events.has_unread() && self.replay.reads_running() => {
                    self.replay.replay_read();
                    continue;
                }
                other => return other,
            };
            self.replay.take(next);
        }
    }

    fn caught_up(&mut self, turns: Vec<Turn>) {
        self.catch_up = None;
        self.replay.caught_up(turns);
    }
}

/// The thread's newest turns as stored by the runtime so far.
async fn stored_turns(connection: Arc<Connection>, thread_id: Arc<str>) -> Vec<Turn> {
    match newest_turns(&connection, &thread_id, READ).await {
        Ok((turns, _)) => turns,
        Err(error) => {
            tracing::debug!(%error, %thread_id, "what a turn has produced before it is watched can't be read");
            Vec::new()
        }
    }
}

impl Stream for ThreadWatch {
    type Item = Result<Notification>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll(context)
    }
}

impl fmt::Debug for ThreadWatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ThreadWatch")
            .field("thread_id", &self.thread_id)
            .finish_non_exhaustive()
    }
}
