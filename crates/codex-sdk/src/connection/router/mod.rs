//! Who waits for what: pending requests, running turns, subscriptions.
//!
//! All of it is plain data behind one lock, touched by the reader, by callers and by the `Drop` of
//! their handles. Nothing here waits, and no user code runs while the lock is held, including log
//! subscribers: work for afterwards is queued as an [`Effect`].

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use codex_types::{ClientMethod, TokenUsageBreakdown, TurnStartParams};
use serde_json::value::RawValue;
use tokio::sync::{mpsc, oneshot, watch};

use crate::connection::event_queue::EventSender;
use crate::connection::router::bound::Bound;
use crate::connection::router::effect::Effect;
use crate::connection::router::entry::{Expiry, Phase, Unclaimed};
use crate::connection::router::known_threads::KnownThreads;
use crate::connection::router::nested_turns::NestedTurns;
use crate::connection::router::pending_calls::{PendingCall, Reply, started_turn};
use crate::connection::router::pending_requests::PendingRequests;
use crate::connection::router::subscriptions::{Joined, Subscriptions, Topic};
use crate::connection::router::thread_turns::ThreadTurns;
use crate::connection::router::totals::Totals;
use crate::connection::stats::Stats;
use crate::connection::wakes::Wakes;
use crate::error::closed::Closed;
use crate::error::{Error, Result};

mod active_turn;
pub(crate) mod activity;
pub(crate) mod announced;
mod bound;
mod delivery;
pub(crate) mod effect;
pub(crate) mod entry;
mod exclusive;
pub(crate) mod goal_route;
mod known_threads;
pub(crate) mod lifecycle;
pub(crate) mod missed_ends;
mod nested_turns;
pub(crate) mod pending_calls;
pub(crate) mod pending_requests;
pub(crate) mod requests;
pub(crate) mod server_request;
mod starting;
pub(crate) mod subscriptions;
pub(crate) mod thread_turns;
mod totals;

/// How many threads have their turns remembered. Beyond that, those are forgotten that this program only saw begin.
const MOST_THREADS: usize = 4096;

#[derive(Debug)]
pub(crate) struct Router {
    effects: mpsc::UnboundedSender<Effect>,
    calls: HashMap<i64, PendingCall>,
    threads: HashMap<String, ThreadTurns>,
    requests: PendingRequests,
    threads_known: KnownThreads,
    nested: NestedTurns,
    totals: Totals,
    subscriptions: Subscriptions,
    /// Subscriptions to everything on a thread. Without one, nothing is copied.
    watchers: Subscriptions,
    /// Set once; nothing is registered afterwards.
    closed: Option<Arc<Closed>>,
    wakes: Arc<Wakes>,
    bound: Bound,
    /// The bytes of all announced items.
    announced: Arc<AtomicUsize>,
    /// The bytes of what waits to be logged, and how much isn't because that would be too many.
    to_log: Arc<AtomicUsize>,
    missed: usize,
}

impl Router {
    pub(crate) fn new(effects: mpsc::UnboundedSender<Effect>, wakes: &Arc<Wakes>) -> Self {
        Self {
            effects,
            calls: HashMap::new(),
            threads: HashMap::new(),
            requests: PendingRequests::default(),
            threads_known: KnownThreads::default(),
            nested: NestedTurns::default(),
            totals: Totals::default(),
            subscriptions: Subscriptions::default(),
            watchers: Subscriptions::default(),
            closed: None,
            wakes: Arc::clone(wakes),
            bound: Bound::new(MOST_THREADS),
            announced: Arc::default(),
            to_log: Arc::default(),
            missed: 0,
        }
    }

    /// Queues an effect. Once the connection is over, it does nothing.
    fn want(&self, effect: Effect) {
        let _ = self.effects.send(effect);
    }

    /// Resolves once every effect queued before is under way.
    pub(crate) fn under_way(&self) -> oneshot::Receiver<()> {
        let (tell, told) = oneshot::channel();
        self.want(Effect::Tell(tell));
        told
    }

    /// Forgets what is kept for a thread. Drop the returned value after releasing the lock.
    pub(crate) fn forget(&mut self, thread_id: &str) -> impl Sized + use<> {
        self.threads_known.forget(thread_id)
    }

    /// A thread's known token usage.
    pub(crate) fn usage(&self, thread_id: &str) -> Option<TokenUsageBreakdown> {
        self.threads_known.used(thread_id)
    }

    /// Records a thread that this program has opened, and its working folder if it has other writable roots.
    pub(crate) fn opened(&mut self, thread_id: &str, folder: Option<PathBuf>) {
        self.threads_known.open(thread_id, folder);
    }

    /// Records a thread's new working folder.
    pub(crate) fn moved(&mut self, thread_id: &str, to: &Path) {
        self.threads_known.moved(thread_id, to);
    }

    /// The working folder of a thread that has other writable roots.
    pub(crate) fn folder(&self, thread_id: &str) -> Option<PathBuf> {
        self.threads_known.folder(thread_id).map(Path::to_owned)
    }

    /// Counts what waits and what runs.
    pub(crate) fn stats(&self) -> Stats {
        Stats {
            requests_in_flight: self.calls.len(),
            live_turns: self.threads.values().map(ThreadTurns::count).sum(),
            server_requests_pending: self.requests.count(),
            known_threads: self.threads_known.count(),
            notifications: self.totals.notifications,
            unrecognized: self.totals.unrecognized,
            ..Stats::default()
        }
    }

    /// Whether turns run and nobody waits for a reply: the next input can be read a little later.
    #[cfg(unix)]
    pub(crate) fn only_streams(&self) -> bool {
        self.calls.is_empty() && !self.threads.is_empty()
    }

    /// The runtime's turn to interrupt for this one.
    pub(crate) fn innermost(&self, thread_id: &str, turn_id: &str) -> String {
        let inner = self.nested.innermost(thread_id, turn_id);
        inner.unwrap_or(turn_id).to_owned()
    }

    /// The turns of a thread, if it has any. Call [`Self::settle`] after changing them.
    pub(crate) fn thread(&mut self, thread_id: &str) -> Option<&mut ThreadTurns> {
        self.threads.get_mut(thread_id)
    }

    fn thread_or_new(&mut self, thread_id: &str) -> &mut ThreadTurns {
        if self.bound.is_reached(self.threads.len()) && !self.threads.contains_key(thread_id) {
            self.threads.retain(|_, thread| thread.is_held());
            self.bound.cleared(self.threads.len());
            self.nested
                .keep(|thread_id| self.threads.contains_key(thread_id));
        }
        let thread = self.threads.entry(thread_id.to_owned());
        thread.or_insert_with(|| ThreadTurns::new(&self.wakes, &self.announced))
    }

    fn open(&self) -> Result<()> {
        let closed = self.closed.as_ref();
        closed.map_or(Ok(()), |closed| Err(Error::Closed(Arc::clone(closed))))
    }

    pub(crate) fn subscribe(&mut self, topic: Topic, events: EventSender) {
        match self.open() {
            Ok(()) if matches!(topic, Topic::All(_)) => self.watchers.add(topic, events),
            Ok(()) => self.subscriptions.add(topic, events),
            Err(closed) => {
                events.push(Err(closed), 0);
            }
        }
    }

    /// Subscribes to everything on a thread. Returns what is known about it now.
    pub(crate) fn watch(&mut self, thread_id: &Arc<str>, events: EventSender) -> Joined {
        self.subscribe(Topic::All(Arc::clone(thread_id)), events);
        self.joined(thread_id)
    }

    fn joined(&self, thread_id: &str) -> Joined {
        let thread = self.threads.get(thread_id);
        Joined {
            ended: self.threads_known.ended(thread_id).map(str::to_owned),
            turn: thread.and_then(|it| it.running()).map(str::to_owned),
            running: thread.map(|it| it.announced.all()).unwrap_or_default(),
        }
    }

    /// Registers a handle on a turn that has already begun. Returns what is known about it now.
    pub(crate) fn join(
        &mut self,
        thread_id: &str,
        turn_id: &str,
        handle_id: i64,
        events: EventSender,
    ) -> Result<(watch::Receiver<Phase>, Joined)> {
        self.open()?;
        let thread = self.thread_or_new(thread_id);
        if thread.has_goal() {
            return Err(Error::thread_busy(thread_id));
        }
        let phase = thread.join(turn_id, handle_id, events);
        Ok((phase, self.joined(thread_id)))
    }

    /// Records that a turn runs which a handle has joined.
    pub(crate) fn note_running(&mut self, thread_id: &str, turn_id: &str) {
        if let Some(thread) = self.threads.get_mut(thread_id) {
            thread.note_running(turn_id);
        }
        self.settle(Some(thread_id), Unclaimed::new());
    }

    /// Registers a request, and with `events` the handle of the turn that it starts. This happens
    /// before the request is queued, so no answer or event can come too early.
    pub(crate) fn register(
        &mut self,
        id: i64,
        call: PendingCall,
        events: Option<EventSender>,
    ) -> Result<()> {
        self.open()?;
        if let (Some(thread_id), Some(events)) = (&call.starts_on, events) {
            let thread = self.thread_or_new(thread_id);
            // `turn/start` joins the running turn; `review/start` would interrupt it.
            let joins = call.method == TurnStartParams::METHOD;
            if thread.has_goal() || !joins && thread.count() > 0 {
                return Err(Error::thread_busy(thread_id));
            }
            thread.start(id, events);
        }
        self.calls.insert(id, call);
        Ok(())
    }

    /// Ends a request; `outcome` gets its method. For `turn/start`, makes the starting turn active. Returns `false` if
    /// no such request is pending.
    ///
    /// This happens here and not in the caller's future, which may be dropped or never polled.
    pub(crate) fn resolve(
        &mut self,
        id: i64,
        outcome: impl FnOnce(&str) -> Result<Box<RawValue>>,
    ) -> bool {
        let Some(call) = self.calls.remove(&id) else {
            return false;
        };
        let outcome = outcome(&call.method);
        let turn_id = outcome.as_deref().ok().and_then(started_turn);
        let phase = self.started(&call, id, turn_id.as_deref());
        // Nobody listens if the caller's future was dropped.
        let outcome = outcome.map(|result| Reply { result, phase });
        call.reply.finish(move |reply| drop(reply.send(outcome)));
        true
    }

    /// Frees the place in flight of a request that nobody waits for any more.
    pub(crate) fn free_place(&mut self, id: i64) {
        if let Some(call) = self.calls.get_mut(&id) {
            call.permit = None;
        }
    }

    pub(crate) fn is_pending(&self, id: i64) -> bool {
        self.calls.contains_key(&id)
    }

    /// Takes a handle off its turn. With `interrupt`, a turn left without handles is interrupted.
    pub(crate) fn leave(&mut self, thread_id: &str, handle_id: i64, interrupt: bool) {
        let mut unclaimed = Unclaimed::new();
        let thread = self.threads.get_mut(thread_id);
        let abandoned =
            thread.is_some_and(|thread| thread.leave(handle_id, interrupt, &mut unclaimed));
        self.settle(Some(thread_id), unclaimed);
        if abandoned {
            self.abandon_goal(thread_id);
        }
    }

    /// Interrupts the turn or goal of a handle whose deadline has passed, or takes the handle off it.
    pub(crate) fn expire(&mut self, thread_id: &str, handle_id: i64) -> Expiry {
        let Some(thread) = self.threads.get_mut(thread_id) else {
            return Expiry::Ended;
        };
        let of_goal = thread.goal(handle_id).is_some();
        let expiry = thread.expire(handle_id);
        self.settle(Some(thread_id), Unclaimed::new());
        if of_goal {
            self.abandon_goal(thread_id);
        }
        if expiry == Expiry::Interrupting {
            self.give_up_agents(thread_id);
        }
        expiry
    }

    /// Interrupts the turns of a thread's sub-agents that no handle is on: they would go on without it.
    fn give_up_agents(&mut self, thread_id: &str) {
        let known = &self.threads_known;
        let threads = self.threads.keys().filter(|id| *id != thread_id);
        let agents = threads.filter(|id| known.descends(id, thread_id));
        for agent in agents.cloned().collect::<Vec<_>>() {
            if let Some(thread) = self.threads.get_mut(&agent) {
                thread.orphan_all();
            }
            self.settle(Some(&agent), Unclaimed::new());
        }
    }

    /// Ends everything: all waiters get `closed`. Drop the returned value after releasing the lock.
    pub(crate) fn close(&mut self, closed: Arc<Closed>) -> impl Sized + use<> {
        let error = Error::Closed(Arc::clone(&closed));
        self.closed = Some(closed);
        // A caller whose sender is gone finds the reason in the connection.
        self.calls.clear();
        let mut unclaimed = Unclaimed::new();
        for (_, thread) in self.threads.drain() {
            thread.fail_all(&error, &mut unclaimed);
        }
        self.settle(None, unclaimed);
        self.subscriptions.close(&error);
        self.watchers.close(&error);
        let requests = std::mem::take(&mut self.requests);
        (requests, std::mem::take(&mut self.threads_known))
    }

    /// Ends the starting of a turn, if this request started one.
    fn started(
        &mut self,
        call: &PendingCall,
        handle_id: i64,
        turn_id: Option<&str>,
    ) -> Option<watch::Receiver<Phase>> {
        let mut unclaimed = Unclaimed::new();
        let thread_id = call.starts_on.as_deref()?;
        let thread = self.threads.get_mut(thread_id);
        let phase = thread.and_then(|thread| thread.bind(handle_id, turn_id, &mut unclaimed));
        self.settle(Some(thread_id), unclaimed);
        phase
    }
}
