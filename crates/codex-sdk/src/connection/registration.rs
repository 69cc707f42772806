//! The place of a handle in the router.

use std::sync::Arc;

use codex_types::TokenUsageBreakdown;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::connection::Connection;
use crate::connection::event_queue::EventReceiver;
use crate::connection::outgoing::Outgoing;
use crate::connection::router::entry::{Expiry, Phase};
use crate::connection::router::goal_route::GoalState;
use crate::connection::router::pending_calls::Reply;
use crate::connection::router::subscriptions::Joined;
use crate::error::Result;

/// A handle's place in the router, from before its turn or goal is asked for.
#[derive(Debug)]
pub(crate) struct Registration {
    connection: Arc<Connection>,
    thread_id: Arc<str>,
    handle_id: i64,
    /// Leaving interrupts a turn that no other handle is on, and abandons a goal.
    pub(crate) interrupt: bool,
}

/// What a handle is made of: its place, and what comes to it.
#[derive(Debug)]
pub(crate) struct Route {
    // Dropped before the events: the place goes first.
    pub(crate) registration: Registration,
    pub(crate) events: EventReceiver,
    /// What the thread was known to have used before.
    pub(crate) used: Option<TokenUsageBreakdown>,
}

impl Route {
    /// The route of the turn that `request` starts, and the request: it is registered and sent when it
    /// is awaited.
    pub(crate) fn of_turn(
        connection: &Arc<Connection>,
        thread_id: Arc<str>,
        request: Outgoing,
    ) -> (Self, impl Future<Output = Result<Reply>> + Send + use<>) {
        let (sender, events) = connection.event_queue();
        let used = connection.router().usage(&thread_id);
        let registration = Registration::new(connection, &thread_id, request.id);
        let connection = Arc::clone(connection);
        let reply = async move { connection.request(request, Some((thread_id, sender))).await };
        let route = Self {
            registration,
            events,
            used,
        };
        (route, reply)
    }

    /// The route of a turn that began before, and what is known of it at this moment.
    pub(crate) fn of_running(
        connection: &Arc<Connection>,
        thread_id: &Arc<str>,
        turn_id: &str,
    ) -> Result<(Self, watch::Receiver<Phase>, Joined)> {
        let (sender, events) = connection.event_queue();
        let handle_id = connection.next_id();
        let mut router = connection.router();
        let (phase, joined) = router.join(thread_id, turn_id, handle_id, sender)?;
        let used = router.usage(thread_id);
        drop(router);
        let registration = Registration::new(connection, thread_id, handle_id);
        let route = Self {
            registration,
            events,
            used,
        };
        Ok((route, phase, joined))
    }

    /// The route of a turn that has ended: nothing comes any more.
    pub(crate) fn ended(mut self, connection: &Connection) -> Self {
        self.registration.leave();
        // Its sender is gone, and so it has ended.
        (_, self.events) = connection.event_queue();
        self
    }

    /// Registers a goal on an idle thread, before anything of it is sent.
    pub(crate) fn of_goal(
        connection: &Arc<Connection>,
        thread_id: &Arc<str>,
    ) -> Result<(Self, watch::Receiver<GoalState>)> {
        let (sender, events) = connection.event_queue();
        let handle_id = connection.next_id();
        let mut router = connection.router();
        let state = router.register_goal(thread_id, handle_id, sender)?;
        let used = router.usage(thread_id);
        drop(router);
        let registration = Registration::new(connection, thread_id, handle_id);
        let route = Self {
            registration,
            events,
            used,
        };
        Ok((route, state))
    }
}

impl Registration {
    fn new(connection: &Arc<Connection>, thread_id: &Arc<str>, handle_id: i64) -> Self {
        Self {
            connection: Arc::clone(connection),
            thread_id: Arc::clone(thread_id),
            handle_id,
            interrupt: false,
        }
    }

    /// Lets a goal have the turns that begin from now on; it is abandoned if this is dropped.
    pub(crate) fn open_goal(&mut self) {
        let mut router = self.connection.router();
        let thread = router.thread(&self.thread_id);
        if let Some(goal) = thread.and_then(|thread| thread.goal(self.handle_id)) {
            goal.open();
        }
        self.interrupt = true;
    }

    /// Has the turn interrupted, or leaves it to its other handles: a deadline has passed.
    pub(crate) fn expire(&mut self) -> Expiry {
        let mut router = self.connection.router();
        let expiry = router.expire(&self.thread_id, self.handle_id);
        self.interrupt |= expiry != Expiry::Ended;
        expiry
    }

    /// When the turn last waited for an answer of this program: now, if it does.
    pub(crate) fn last_wait(&self) -> Option<Instant> {
        self.connection.router().last_wait(&self.thread_id)
    }

    /// Leaves the turn. What its handle hasn't read stays readable.
    pub(crate) fn leave(&self) {
        let mut router = self.connection.router();
        router.leave(&self.thread_id, self.handle_id, self.interrupt);
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        self.leave();
    }
}
