//! One connection to an app-server: what callers, the reader, the writer and the supervisor share.
//!
//! Data goes one way: a caller registers its request with the [`Router`] and queues a line; the
//! writer writes it; the reader routes what comes back. The reader awaits nothing but its input.

use std::borrow::Cow;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use codex_types::lenient::{self, Lenient};
use codex_types::{ClientMethod, DecodeError};
use serde::Serialize;
use serde_json::value::RawValue;
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, mpsc, oneshot, watch};
use tokio::time::{Instant, timeout_at};
use tracing::{Instrument, Span};

use crate::connection::event_queue::{
    AllUnread, EventReceiver, EventSender, Notification, event_queue,
};
use crate::connection::in_flight::{InFlight, MAX_UNANSWERED, UNANSWERED_BYTES};
use crate::connection::limits::Limits;
use crate::connection::outgoing::Outgoing;
use crate::connection::router::Router;
use crate::connection::router::effect::Effect;
use crate::connection::router::pending_calls::{PendingCall, Reply};
use crate::connection::router::subscriptions::Topic;
use crate::connection::stats::Stats;
use crate::connection::trace::TraceSource;
use crate::connection::wakes::{Late, Locked, Wakes};
use crate::error::closed::Closed;
use crate::error::{Error, Result};

mod descendants;
mod ending;
pub(crate) mod equipment;
pub(crate) mod event_queue;
mod farewell;
pub(crate) mod held;
mod in_flight;
pub(crate) mod limits;
pub(crate) mod lines;
pub(crate) mod lost;
pub(crate) mod outgoing;
pub(crate) mod process;
pub(crate) mod registration;
pub(crate) mod router;
pub(crate) mod spans;
pub(crate) mod stats;
pub(crate) mod stderr;
pub(crate) mod trace;
mod tree;
pub(crate) mod unhandled;
pub(crate) mod wakes;
mod watched;

/// How many lines may wait for the writer.
const OUTBOUND_LINES: usize = 128;
/// The state shared by everything that belongs to one connection. It doesn't keep the process alive.
#[derive(Debug)]
pub(crate) struct Connection {
    router: Mutex<Router>,
    wakes: Arc<Wakes>,
    outbound: mpsc::Sender<String>,
    in_flight: InFlight,
    unanswered: Arc<Semaphore>,
    next_id: AtomicI64,
    /// Set when this side ends the connection.
    closing: watch::Sender<bool>,
    closed: watch::Sender<Option<Arc<Closed>>>,
    tasks: Handle,
    pub(crate) limits: Limits,
    pub(crate) span: Span,
    unread: Arc<AllUnread>,
    trace: Option<TraceSource>,
    /// Each cleanup that nobody waits for holds a receiver.
    cleaning: watch::Sender<()>,
    /// Parts of messages that could not be read.
    unreadable: AtomicUsize,
}

/// The queues that a connection's tasks take from.
pub(crate) struct Queues {
    /// Lines to write.
    pub(crate) lines: mpsc::Receiver<String>,
    /// What the router wants done.
    pub(crate) wanted: mpsc::UnboundedReceiver<Effect>,
}

impl Connection {
    pub(crate) fn new(limits: Limits, trace: Option<TraceSource>) -> (Arc<Self>, Queues) {
        let (outbound, lines) = mpsc::channel(OUTBOUND_LINES);
        let (effects, wanted) = mpsc::unbounded_channel();
        let wakes = Arc::<Wakes>::default();
        let connection = Self {
            router: Mutex::new(Router::new(effects, &wakes)),
            wakes,
            outbound,
            in_flight: InFlight::default(),
            unanswered: Arc::new(Semaphore::new(MAX_UNANSWERED)),
            next_id: AtomicI64::new(0),
            closing: watch::Sender::new(false),
            closed: watch::Sender::new(None),
            tasks: Handle::current(),
            limits,
            span: spans::connection(),
            unread: Arc::new(AllUnread::new(limits.unread_budget)),
            trace,
            cleaning: watch::Sender::new(()),
            unreadable: AtomicUsize::default(),
        };
        (Arc::new(connection), Queues { lines, wanted })
    }

    pub(crate) fn next_id(&self) -> i64 {
        self.next_id.fetch_add(1, Ordering::Relaxed)
    }

    /// Prepares a request. Without a timeout, the method's own applies.
    pub(crate) fn outgoing<P: Serialize>(
        &self,
        method: Cow<'static, str>,
        params: &P,
        timeout: Option<Duration>,
    ) -> Result<Outgoing> {
        Outgoing::new(self.next_id(), method, params, timeout)
            .and_then(|request| self.finish(request))
    }

    /// The part that isn't compiled again for each method.
    fn finish(&self, mut request: Outgoing) -> Result<Outgoing> {
        request.trace(self.trace.as_ref());
        request.check(self.limits.max_sent_bytes)?;
        Ok(request)
    }

    /// Sends a typed request.
    pub(crate) async fn call<M: ClientMethod>(
        self: &Arc<Self>,
        params: &M,
        timeout: Option<Duration>,
    ) -> Result<M::Response> {
        Ok(self.read(params, timeout).await?.value)
    }

    /// Sends a typed request. Also returns what could not be read of the response.
    pub(crate) async fn read<M: ClientMethod>(
        self: &Arc<Self>,
        params: &M,
        timeout: Option<Duration>,
    ) -> Result<Lenient<M::Response>> {
        let request = self.outgoing(Cow::Borrowed(M::METHOD), params, timeout);
        let reply = self.request(request?, None).await?;
        self.decode::<M>(&reply.result)
    }

    /// Decodes a response as far as possible, on the caller's task: the reader doesn't decode replies.
    pub(crate) fn decode<M: ClientMethod>(
        &self,
        result: &RawValue,
    ) -> Result<Lenient<M::Response>> {
        let read = lenient::response::<M>(result)?;
        self.tell_unreadable(&read.problems);
        Ok(read)
    }

    fn tell_unreadable(&self, problems: &[DecodeError]) {
        for error in problems {
            tracing::warn!(%error, "could not decode all of a response");
        }
        self.count_unreadable(problems.len());
    }

    /// Counts parts of messages that could not be read.
    pub(crate) fn count_unreadable(&self, parts: usize) {
        self.unreadable.fetch_add(parts, Ordering::Relaxed);
    }

    /// Sends a request and waits for its reply. With `turn`, the request starts a turn on that thread,
    /// whose events go to that queue from the moment the request is queued.
    ///
    /// Dropping this before the request is queued sends nothing; afterwards the reply is ignored.
    pub(crate) async fn request(
        self: &Arc<Self>,
        request: Outgoing,
        turn: Option<(Arc<str>, EventSender)>,
    ) -> Result<Reply> {
        let after = request.ends_after(self.limits.request_timeout);
        // One too far in the future to represent counts as none.
        let deadline = after.and_then(|after| Instant::now().checked_add(after));
        let method = request.method.clone();
        let (span, began) = (
            spans::request(&method, request.id),
            std::time::Instant::now(),
        );
        let answer = self.send_and_wait(request, turn, deadline);
        let answer = answer.instrument(span.clone());
        let answer = match deadline {
            // Timers are coarse, so even a deadline that has passed could let a reply through.
            Some(deadline) if deadline > Instant::now() => timeout_at(deadline, answer).await.ok(),
            Some(_) => None,
            None => Some(answer.await),
        };
        let answer = answer.unwrap_or_else(|| {
            Err(Error::Timeout {
                method: method.into_owned(),
                after: after.unwrap_or_default(),
            })
        });
        spans::request_ended(&span, &answer, began);
        answer
    }

    async fn send_and_wait(
        self: &Arc<Self>,
        request: Outgoing,
        turn: Option<(Arc<str>, EventSender)>,
        deadline: Option<Instant>,
    ) -> Result<Reply> {
        // Without a deadline, it waits for its place no longer than an ordinary request.
        let after = request.timeout.unwrap_or(self.limits.request_timeout);
        let permit = self.in_flight.place(&request.method, after).await?;
        let Ok(place) = self.outbound.reserve().await else {
            return Err(self.ended().await);
        };
        // No await between registering and queueing: a dropped future has done both or neither.
        let (reply, answer) = oneshot::channel();
        let (starts_on, events) = turn.unzip();
        if *self.closing.borrow() && !request.last {
            return Err(self.ended().await);
        }
        let call = PendingCall {
            method: request.method,
            reply: Late::new(reply, &self.wakes),
            starts_on,
            permit: Some(Late::new(permit, &self.wakes)),
        };
        self.router().register(request.id, call, events)?;
        let _guard = PendingGuard {
            connection: Arc::clone(self),
            id: request.id,
            deadline,
        };
        place.send(request.line);
        match answer.await {
            Ok(answer) => answer,
            Err(_) => Err(self.ended().await),
        }
    }

    /// Gives up a request whose deadline has passed, and that nobody waits for any more.
    fn forget(&self, router: &mut Router, id: i64) {
        router.resolve(id, |method| {
            Err(Error::Timeout {
                method: method.to_owned(),
                after: self.limits.request_timeout,
            })
        });
    }

    /// Queues a line that isn't a request.
    pub(crate) async fn send(&self, line: String) -> Result<()> {
        match self.outbound.send(line).await {
            Ok(()) => Ok(()),
            Err(_) => Err(self.ended().await),
        }
    }

    /// Subscribes to what no turn handle takes.
    pub(crate) fn subscribe(&self, topic: Topic, budget: usize) -> EventReceiver {
        let (sender, events) = event_queue(budget, &self.unread, &self.wakes);
        self.router().subscribe(topic, sender);
        events
    }

    /// Makes the queue for a handle's events.
    pub(crate) fn event_queue(&self) -> (EventSender, EventReceiver) {
        event_queue(self.limits.subscription_budget, &self.unread, &self.wakes)
    }

    /// Counts what waits, what runs, and what is unread.
    pub(crate) fn stats(&self) -> Stats {
        let mut stats = self.router().stats();
        stats.queued_bytes = self.unread.bytes();
        stats.unrecognized += self.unreadable.load(Ordering::Relaxed) as u64;
        stats
    }

    pub(crate) fn router(&self) -> Locked<'_, Router> {
        let router = self.router.lock().unwrap_or_else(PoisonError::into_inner);
        Locked::new(router, &self.wakes)
    }

    /// Routes one notification, which takes that many bytes. Its recipients are woken by the next
    /// [`Self::wake`].
    pub(crate) fn deliver(&self, notification: Notification, bytes: usize) {
        let mut router = self.router.lock().unwrap_or_else(PoisonError::into_inner);
        router.deliver(notification, bytes);
    }

    /// How many wake-ups are pending.
    #[cfg(unix)]
    pub(crate) fn waiting(&self) -> usize {
        self.wakes.count()
    }

    /// Wakes whoever has something to read.
    pub(crate) fn wake(&self) {
        self.wakes.wake();
    }

    /// Runs a task that answers a server request of that many bytes. See [`Self::is_ignored`].
    pub(crate) fn spawn_answer(
        &self,
        bytes: usize,
        task: impl Future<Output = ()> + Send + 'static,
    ) {
        let free = self.unanswered.available_permits();
        // Alone, even the largest leaves room for others.
        let places = (1 + bytes / UNANSWERED_BYTES).min(MAX_UNANSWERED / 2);
        let places = u32::try_from(places.min(free)).unwrap_or_default();
        if places > 0
            && let Ok(place) = Arc::clone(&self.unanswered).try_acquire_many_owned(places)
        {
            self.spawn(async move {
                task.await;
                drop(place);
            });
        }
    }

    /// Whether the runtime keeps asking and reads no answers, which makes the connection useless.
    pub(crate) fn is_ignored(&self) -> bool {
        self.unanswered.available_permits() == 0
    }

    /// Runs a task on the async runtime of this connection.
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.tasks.spawn(task.instrument(self.span.clone()));
    }
}

/// Keeps the table of pending requests correct when a caller leaves.
///
/// A request that was sent stays in flight: it keeps its place until the reply, or the deadline.
struct PendingGuard {
    connection: Arc<Connection>,
    id: i64,
    deadline: Option<Instant>,
}

impl Drop for PendingGuard {
    fn drop(&mut self) {
        let mut router = self.connection.router();
        if !router.is_pending(self.id) {
            return;
        }
        // Without a deadline, the reply or the end of the connection clears it. Its place is free for others: it may
        // last forever, and nobody waits for it.
        let Some(deadline) = self.deadline else {
            return router.free_place(self.id);
        };
        if deadline <= Instant::now() {
            self.connection.forget(&mut router, self.id);
            return;
        }
        drop(router);
        let (connection, id) = (Arc::clone(&self.connection), self.id);
        self.connection.spawn(async move {
            tokio::select! {
                () = tokio::time::sleep_until(deadline) => {}
                _ = connection.closed() => return,
            }
            connection.forget(&mut connection.router(), id);
        });
    }
}
