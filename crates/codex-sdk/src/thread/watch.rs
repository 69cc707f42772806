//! Everything that comes of a thread, for whoever looks on.

use std::collections::{HashSet, VecDeque};
use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use codex_types::{
    CollabAgentToolCallStatus, CommandExecutionStatus, DynamicToolCallStatus, McpToolCallStatus,
    PatchApplyStatus, ThreadItem, Turn, TurnStartedNotification, TurnStatus,
};
use futures_core::Stream;
use serde_json::json;
use serde_json::value::to_raw_value;

use crate::codex::inner::CodexInner;
use crate::codex::notifications::NotificationStream;
use crate::connection::Connection;
use crate::connection::event_queue::Notification;
use crate::connection::router::subscriptions::{Joined, Topic};
use crate::error::Result;
use crate::tasks::recovery::newest_turns;
use crate::thread::Thread;

/// How long reading a running turn may take.
const READ: Duration = Duration::from_secs(10);

type CatchUp = Pin<Box<dyn Future<Output = Option<Turn>> + Send>>;

impl Thread {
    /// Watches everything that comes of this thread, what turn handles take included: for a second viewer, or
    /// a hundredth. Each has its own copy, in the runtime's order, and one that reads too slowly ends alone
    /// ([`Error::Lagged`](crate::Error::Lagged)).
    ///
    /// Of a turn that runs already, it begins with what that has brought so far, read from the runtime
    /// (`thread/turns/list`; the request is on its way when this returns): its `turn/started`, and its items as
    /// `item/completed`, with the time when the turn began. What goes on follows as `item/started`, if this client
    /// has seen it begin: a command, a call of a tool, what waits for an approval. The text of a message that is
    /// being written comes from here on, and whole with its `item/completed`. Of an ephemeral thread nothing is
    /// stored: it begins with what goes on.
    ///
    /// A command may outlive its turn, in the background. Who comes after the turn has ended is told of its output
    /// and of its end, and not of the turn.
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
    /// It doesn't keep the runtime alive, and doesn't load the thread.
    pub fn watch(&self) -> ThreadWatch {
        ThreadWatch::new(&self.codex, Arc::clone(&self.id))
    }

    /// Subscribes to every notification of this thread that no live turn handle takes, from now on.
    /// Nothing is sent for it. [`Self::watch`] has those too.
    pub fn notifications(&self) -> NotificationStream {
        self.codex.subscribe(Topic::Thread(Arc::clone(&self.id)))
    }
}

/// Everything that comes of a thread, from [`Thread::watch`](crate::Thread::watch).
#[must_use = "what comes for a stream lies in memory until it is read"]
pub struct ThreadWatch {
    thread_id: Arc<str>,
    events: NotificationStream,
    /// Reads what a turn that runs has brought before.
    catch_up: Option<CatchUp>,
    /// The turn as it was read, until it is known whether it ran.
    read: Option<Turn>,
    /// What comes next.
    ready: VecDeque<Notification>,
    /// The completed items that were read: they may come once more.
    had: HashSet<String>,
    /// Those that had begun.
    begun: HashSet<String>,
    /// The turn whose items these are: another one may have some with the same ids.
    replayed: Option<String>,
    /// What was known when this began.
    joined: Joined,
}

impl ThreadWatch {
    pub(super) fn new(codex: &CodexInner, thread_id: Arc<str>) -> Self {
        let (events, joined) = codex.watch(&thread_id);
        let catch_up = newest_turn(Arc::clone(&codex.connection), Arc::clone(&thread_id));
        let mut catch_up: CatchUp = Box::pin(catch_up);
        let begun = codex.connection.begin(catch_up.as_mut());
        let mut watch = Self {
            thread_id,
            events,
            catch_up: Some(catch_up),
            read: None,
            ready: VecDeque::new(),
            had: HashSet::new(),
            begun: HashSet::new(),
            replayed: None,
            joined,
        };
        if let Poll::Ready(read) = begun {
            watch.caught_up(read);
        }
        watch
    }

    /// Takes what was read of the turn that runs, or ran last.
    fn caught_up(&mut self, read: Option<Turn>) {
        self.catch_up = None;
        // Of one that had ended before nothing more is told, though a command of it may run on.
        self.read = read.filter(|turn| Some(&turn.id) != self.joined.ended.as_ref());
        let read = self.read.as_ref().map(|turn| &turn.id);
        let running = self.joined.running.first();
        if running.is_some_and(|running| Some(&running.turn_id) != read) {
            self.replay_running();
        }
    }

    /// The next notification, or `None` after the end.
    ///
    /// # Errors
    /// As for [`NotificationStream`](crate::NotificationStream).
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing: what comes meanwhile is there for the next call.
    pub async fn next(&mut self) -> Option<Result<Notification>> {
        poll_fn(|context| self.poll(context)).await
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Notification>>> {
        if let Some(catch_up) = &mut self.catch_up {
            let read = ready!(catch_up.as_mut().poll(context));
            self.caught_up(read);
        }
        loop {
            if let Some(next) = self.ready.pop_front() {
                return Poll::Ready(Some(Ok(next)));
            }
            let next = match Pin::new(&mut self.events).poll_next(context) {
                Poll::Ready(Some(Ok(next))) => next,
                // Had it begun since, its beginning would lie here.
                Poll::Pending if !self.events.has_unread() && self.reads_running() => {
                    self.replay_read();
                    continue;
                }
                other => return other,
            };
            self.meet(&next);
            let is_new = self.is_new(&next);
            self.forget_replayed(&next);
            if is_new {
                self.ready.push_back(next);
            }
        }
    }

    fn reads_running(&self) -> bool {
        let status = self.read.as_ref().map(|turn| &turn.status);
        status == Some(&TurnStatus::InProgress)
    }

    fn replay_read(&mut self) {
        if let Some(turn) = self.read.take() {
            self.replay(turn);
        }
    }

    /// Replays the turn that was read before this, if this is of it. One that is seen to begin needs no replay.
    fn meet(&mut self, next: &Notification) {
        let read = self.read.as_ref();
        if read.is_none_or(|read| next.turn_id() != Some(&read.id)) {
            return;
        }
        if matches!(next, Notification::TurnStarted(_)) {
            self.read = None;
        } else {
            self.replay_read();
        }
    }

    /// Whether this isn't among what was read.
    fn is_new(&self, next: &Notification) -> bool {
        let (item_id, begins) = match next {
            Notification::ItemStarted(it) => (it.item.id(), true),
            Notification::ItemCompleted(it) => (it.item.id(), false),
            other => (other.item_id(), false),
        };
        let is_repeated = |id: &str| self.had.contains(id) || begins && self.begun.contains(id);
        !item_id.is_some_and(is_repeated)
    }

    /// Forgets what was replayed once its turn has ended, or another one has begun.
    fn forget_replayed(&mut self, next: &Notification) {
        let is_over = match next {
            Notification::TurnCompleted(it) => self.replayed.as_ref() == Some(&it.turn.id),
            Notification::TurnStarted(it) => self.replayed.as_ref() != Some(&it.turn.id),
            _ => false,
        };
        if is_over {
            self.had.clear();
            self.begun.clear();
        }
    }

    /// Tells what this client has seen begin and not end, as if it came now.
    fn replay_running(&mut self) {
        for running in std::mem::take(&mut self.joined.running) {
            self.replayed.get_or_insert_with(|| running.turn_id.clone());
            let (at_ms, turn_id) = (running.started_at_ms, &running.turn_id);
            let Some(next) = of_item(STARTED, &running.item, at_ms, &self.thread_id, turn_id)
            else {
                continue;
            };
            if self.is_new(&next) {
                self.begun.extend(running.item.id().map(str::to_owned));
                self.ready.push_back(next);
            }
        }
    }

    /// Tells what a turn has brought, as if it came now.
    fn replay(&mut self, mut turn: Turn) {
        let (thread_id, turn_id) = (&*self.thread_id, turn.id.clone());
        let items = std::mem::take(&mut turn.items);
        // When exactly isn't stored.
        let at_ms = turn.started_at.unwrap_or_default() * 1000;
        turn.status = TurnStatus::InProgress;
        self.replayed = Some(turn_id.clone());
        let started = TurnStartedNotification::new(thread_id, turn);
        self.ready
            .push_back(Notification::TurnStarted(Box::new(started)));
        for item in items {
            let kind = if is_running(&item) {
                if item.id().is_some_and(|id| self.begun.contains(id)) {
                    continue;
                }
                self.begun.extend(item.id().map(str::to_owned));
                STARTED
            } else {
                self.had.extend(item.id().map(str::to_owned));
                COMPLETED
            };
            self.ready
                .extend(of_item(kind, &item, at_ms, thread_id, &turn_id));
        }
        self.replay_running();
    }
}

/// A notification of an item: its method, and what its stamp is called.
type Kind = (&'static str, &'static str);

const STARTED: Kind = ("item/started", "startedAtMs");
const COMPLETED: Kind = ("item/completed", "completedAtMs");

/// A notification as the runtime would send it: by its names on the wire, because its type has more fields in
/// some versions.
fn of_item(
    (method, stamp): Kind,
    item: &ThreadItem,
    at_ms: i64,
    thread_id: &str,
    turn_id: &str,
) -> Option<Notification> {
    let params = json!({
        "item": item,
        stamp: at_ms,
        "threadId": thread_id,
        "turnId": turn_id,
    });
    let params = to_raw_value(&params).ok()?;
    Notification::decode(method, Some(&params)).ok()
}

/// The turn of a thread that runs, or ran last, as the runtime has stored it so far.
async fn newest_turn(connection: Arc<Connection>, thread_id: Arc<str>) -> Option<Turn> {
    match newest_turns(&connection, &thread_id, READ).await {
        Ok((turns, _)) => turns.into_iter().next(),
        Err(error) => {
            tracing::debug!(%error, %thread_id, "what a turn has brought before it is watched can't be read");
            None
        }
    }
}

fn is_running(item: &ThreadItem) -> bool {
    match item {
        ThreadItem::CommandExecution(it) => it.status == CommandExecutionStatus::InProgress,
        ThreadItem::FileChange(it) => it.status == PatchApplyStatus::InProgress,
        ThreadItem::McpToolCall(it) => it.status == McpToolCallStatus::InProgress,
        ThreadItem::DynamicToolCall(it) => it.status == DynamicToolCallStatus::InProgress,
        ThreadItem::CollabAgentToolCall(it) => it.status == CollabAgentToolCallStatus::InProgress,
        _ => false,
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
