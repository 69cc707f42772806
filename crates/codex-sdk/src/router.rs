//! Who waits for what: pending requests, running turns, subscriptions.
//!
//! All of it is plain data behind one lock, touched by the reader, by callers and by the `Drop` of
//! their handles. Nothing here waits, and no user code runs while the lock is held.

use std::{borrow::Cow, collections::HashMap, sync::Arc};

use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::sync::{OwnedSemaphorePermit, oneshot, watch};

use crate::{
    Closed, Error, Notification, Result, RpcError,
    feed::Feed,
    turns::{Orphan, Phase, ThreadTurns},
    types,
};

/// What the reply to a request brings its caller.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) result: Box<RawValue>,
    /// For `turn/start`: the phase of the turn that was started or joined.
    pub(crate) phase: Option<watch::Receiver<Phase>>,
}

/// A request that was queued and not yet answered.
#[derive(Debug)]
pub(crate) struct Pending {
    pub(crate) method: Cow<'static, str>,
    pub(crate) reply: oneshot::Sender<Result<Reply>>,
    /// The thread on which this request starts a turn.
    pub(crate) starts_on: Option<Arc<str>>,
    /// Counted against the requests in flight until the reply or the deadline.
    pub(crate) _permit: Option<OwnedSemaphorePermit>,
}

/// A subscription to what no turn handle took.
#[derive(Debug)]
struct Subscriber {
    /// Only what belongs to this thread.
    thread_id: Option<Arc<str>>,
    feed: Feed,
}

#[derive(Debug, Default)]
pub(crate) struct Router {
    pending: HashMap<i64, Pending>,
    threads: HashMap<String, ThreadTurns>,
    subscribers: Vec<Subscriber>,
    /// Set once; nothing is registered afterwards.
    closed: Option<Arc<Closed>>,
}

impl Router {
    /// The number of unanswered requests, and of turns that start or run.
    pub(crate) fn in_flight(&self) -> (usize, usize) {
        let turns = self.threads.values().map(ThreadTurns::len).sum();
        (self.pending.len(), turns)
    }

    pub(crate) fn subscribe(&mut self, thread_id: Option<Arc<str>>, feed: Feed) {
        if let Some(closed) = &self.closed {
            feed.fail(Error::Closed(Arc::clone(closed)));
            return;
        }
        self.subscribers.retain(|other| !other.feed.is_abandoned());
        self.subscribers.push(Subscriber { thread_id, feed });
    }

    /// Registers a request, and with `feed` the handle of the turn that it starts. This comes before
    /// the request is queued, so that no answer and no event can come too early.
    pub(crate) fn register(&mut self, id: i64, pending: Pending, feed: Option<Feed>) -> Result<()> {
        if let Some(closed) = &self.closed {
            return Err(Error::Closed(Arc::clone(closed)));
        }
        if let (Some(thread_id), Some(feed)) = (&pending.starts_on, feed) {
            let thread = self.threads.entry(thread_id.to_string()).or_default();
            thread.start(id, feed);
        }
        self.pending.insert(id, pending);
        Ok(())
    }

    /// Hands a reply to its caller; for `turn/start`, turns the starting turn into an active one.
    ///
    /// This happens here and not in the caller's future, which may be dropped or not be polled.
    pub(crate) fn resolve(
        &mut self,
        id: i64,
        reply: Result<Box<RawValue>, types::RpcError>,
    ) -> Option<Orphan> {
        let Some(pending) = self.pending.remove(&id) else {
            tracing::debug!(id, "a reply came after its deadline");
            return None;
        };
        let turn_id = reply.as_deref().ok().and_then(started_turn);
        let (phase, orphan) = match &pending.starts_on {
            Some(thread_id) => self.started(thread_id, id, turn_id.as_deref()),
            None => (None, None),
        };
        let reply = match reply {
            Ok(result) => Ok(Reply { result, phase }),
            Err(error) => Err(Error::Rpc(Box::new(RpcError::new(&pending.method, error)))),
        };
        // Nobody listens if the caller's future was dropped.
        let _ = pending.reply.send(reply);
        orphan
    }

    /// Forgets a request that nobody waits for any more: its deadline has passed.
    pub(crate) fn forget(&mut self, id: i64) -> Option<Orphan> {
        let pending = self.pending.remove(&id)?;
        self.started(&pending.starts_on?, id, None).1
    }

    pub(crate) fn is_pending(&self, id: i64) -> bool {
        self.pending.contains_key(&id)
    }

    /// Takes a handle off its turn. With `interrupt`, a turn that is left alone is to be interrupted.
    pub(crate) fn leave(
        &mut self,
        thread_id: &str,
        handle: i64,
        interrupt: bool,
    ) -> Option<Orphan> {
        let thread = self.threads.get_mut(thread_id)?;
        thread.leave(handle, interrupt);
        thread.orphan(thread_id)
    }

    /// Routes one notification. `bytes` is its size on the wire.
    pub(crate) fn deliver(&mut self, notification: Notification, bytes: usize) -> Option<Orphan> {
        let milestone = Milestone::of(&notification);
        if let Some(Milestone::Started { thread_id, turn_id }) = &milestone {
            let thread = self.threads.entry(thread_id.clone()).or_default();
            thread.begin(turn_id);
        }
        let of_turn = notification.turn_id().is_some();
        let thread_id = notification.thread_id().filter(|_| of_turn);
        let unclaimed = match thread_id.and_then(|id| self.threads.get_mut(id)) {
            Some(thread) => thread.deliver(notification, bytes),
            None => Some(notification),
        };
        if let Some(unclaimed) = unclaimed {
            self.publish(unclaimed, bytes);
        }
        match milestone? {
            Milestone::Started { thread_id, .. } => self.settle(&thread_id),
            Milestone::Completed { thread_id, turn_id } => {
                self.threads.get_mut(&thread_id)?.complete(&turn_id);
                self.settle(&thread_id)
            }
            Milestone::ThreadClosed { thread_id } => {
                // No `turn/completed` can follow: its handles learn it from the end of their events.
                self.threads.get_mut(&thread_id)?.close();
                self.settle(&thread_id)
            }
        }
    }

    /// Gives every subscription an error that is not the end of it.
    pub(crate) fn report(&mut self, error: &Error) {
        for subscriber in &self.subscribers {
            if subscriber.thread_id.is_none() {
                subscriber.feed.fail(error.clone());
            }
        }
    }

    /// Ends a request with an error; `false` if it is not known.
    pub(crate) fn fail_request(&mut self, id: i64, error: &Error) -> (bool, Option<Orphan>) {
        let Some(pending) = self.pending.remove(&id) else {
            return (false, None);
        };
        let orphan = pending
            .starts_on
            .and_then(|thread_id| self.started(&thread_id, id, None).1);
        let _ = pending.reply.send(Err(error.clone()));
        (true, orphan)
    }

    /// Ends one turn's events with an error; `false` if no handle is on it.
    pub(crate) fn fail_turn(&mut self, thread_id: &str, turn_id: &str, error: &Error) -> bool {
        let thread = self.threads.get_mut(thread_id);
        thread.is_some_and(|thread| thread.fail(turn_id, error))
    }

    /// Ends everything: whoever waits gets `closed`.
    pub(crate) fn close(&mut self, closed: Arc<Closed>) {
        let error = Error::Closed(Arc::clone(&closed));
        self.closed = Some(closed);
        // A caller whose sender is gone finds the reason in `closed`.
        self.pending.clear();
        for (_, thread) in self.threads.drain() {
            thread.fail_all(&error);
        }
        for subscriber in self.subscribers.drain(..) {
            subscriber.feed.fail(error.clone());
        }
    }

    fn started(
        &mut self,
        thread_id: &str,
        handle: i64,
        turn_id: Option<&str>,
    ) -> (Option<watch::Receiver<Phase>>, Option<Orphan>) {
        let Some(thread) = self.threads.get_mut(thread_id) else {
            return (None, None);
        };
        let (phase, strays) = thread.bind(handle, turn_id);
        for (notification, bytes) in strays {
            self.publish(notification, bytes);
        }
        (phase, self.settle(thread_id))
    }

    /// Drops a thread's entry when nothing is left in it, else tells whether a turn is orphaned.
    fn settle(&mut self, thread_id: &str) -> Option<Orphan> {
        let thread = self.threads.get_mut(thread_id)?;
        if thread.len() == 0 {
            self.threads.remove(thread_id);
            return None;
        }
        thread.orphan(thread_id)
    }

    /// Gives a notification that no turn handle took to the subscriptions.
    fn publish(&mut self, notification: Notification, bytes: usize) {
        let thread_id = notification.thread_id();
        let matching = |subscriber: &&Subscriber| subscriber.takes(thread_id);
        let mut left = self.subscribers.iter().filter(matching).count();
        if left == 0 {
            return warn_unheard(&notification);
        }
        let mut notification = Some(notification);
        self.subscribers.retain(|subscriber| {
            let thread_id = notification.as_ref().and_then(Notification::thread_id);
            if left == 0 || !subscriber.takes(thread_id) {
                return true;
            }
            left -= 1;
            let own = match left {
                0 => notification.take(),
                _ => notification.clone(),
            };
            own.is_none_or(|own| subscriber.feed.push(own, bytes))
        });
    }
}

impl Subscriber {
    fn takes(&self, thread_id: Option<&str>) -> bool {
        self.thread_id.is_none() || self.thread_id.as_deref() == thread_id
    }
}

/// The id in the reply to `turn/start`.
fn started_turn(result: &RawValue) -> Option<Cow<'_, str>> {
    #[derive(Deserialize)]
    struct Started<'a> {
        #[serde(borrow)]
        turn: Turn<'a>,
    }
    #[derive(Deserialize)]
    struct Turn<'a> {
        #[serde(borrow)]
        id: Cow<'a, str>,
    }
    let started: Started<'_> = serde_json::from_str(result.get()).ok()?;
    Some(started.turn.id)
}

/// The notifications that change what runs.
enum Milestone {
    Started { thread_id: String, turn_id: String },
    Completed { thread_id: String, turn_id: String },
    ThreadClosed { thread_id: String },
}

impl Milestone {
    /// Decided by the method, so that a malformed `turn/completed` ends its turn too.
    fn of(notification: &Notification) -> Option<Self> {
        use types::ServerNotification::{ThreadClosed, TurnCompleted, TurnStarted, Unrecognized};
        if !matches!(
            notification,
            TurnStarted(_) | TurnCompleted(_) | ThreadClosed(_) | Unrecognized { .. }
        ) {
            return None;
        }
        let thread_id = notification.thread_id()?.to_owned();
        let turn_id = notification.turn_id().map(str::to_owned);
        match (notification.method(), turn_id) {
            ("turn/started", Some(turn_id)) => Some(Self::Started { thread_id, turn_id }),
            ("turn/completed", Some(turn_id)) => Some(Self::Completed { thread_id, turn_id }),
            ("thread/closed", _) => Some(Self::ThreadClosed { thread_id }),
            _ => None,
        }
    }
}

/// Logs what a user would want to know of though nobody subscribed.
fn warn_unheard(notification: &Notification) {
    match notification {
        Notification::Warning(warning) => tracing::warn!(message = warning.message, "warning"),
        Notification::ConfigWarning(warning) => {
            tracing::warn!(
                summary = warning.summary,
                details = warning.details,
                "configWarning"
            );
        }
        Notification::DeprecationNotice(notice) => {
            tracing::warn!(
                summary = notice.summary,
                details = notice.details,
                "deprecationNotice"
            );
        }
        Notification::GuardianWarning(warning) => {
            tracing::warn!(message = warning.message, "guardianWarning");
        }
        Notification::Error(error) => {
            tracing::warn!(
                message = error.error.message,
                will_retry = error.will_retry,
                "error"
            );
        }
        other => tracing::trace!(method = other.method(), "nobody subscribed"),
    }
}
