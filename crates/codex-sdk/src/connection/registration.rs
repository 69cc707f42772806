//! A handle's place in the router.

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

/// A handle's place in the router, taken before its turn or goal is requested.
#[derive(Debug)]
pub(crate) struct Registration {
    connection: Arc<Connection>,
    thread_id: Arc<str>,
    handle_id: i64,
    /// Whether leaving interrupts a turn that no other handle is on, and abandons a goal.
    pub(crate) interrupt: bool,
}

/// The parts of a handle: its place in the router, and its events.
#[derive(Debug)]
pub(crate) struct Route {
    // Dropped before the events.
    pub(crate) registration: Registration,
    pub(crate) events: EventReceiver,
    /// The thread's token usage before, if known.
    pub(crate) used: Option<TokenUsageBreakdown>,
}

impl Route {
    /// The route of the turn that `request` starts, and a future that registers and sends the request.
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

    /// The route of a turn that has already begun, and what is known about it now.
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

    /// The route of a turn that has ended: no more events come.
    pub(crate) fn ended(mut self, connection: &Connection) -> Self {
        self.registration.leave();
        // Its sender is gone, so the queue has ended.
        (_, self.events) = connection.event_queue();
        self
    }

    /// Registers a goal on an idle thread, before any of its requests is sent.
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

    /// Gives the goal all turns that begin from now on. Dropping this then abandons the goal.
    pub(crate) fn open_goal(&mut self) {
        let mut router = self.connection.router();
        let thread = router.thread(&self.thread_id);
        if let Some(goal) = thread.and_then(|thread| thread.goal(self.handle_id)) {
            goal.open();
        }
        self.interrupt = true;
    }

    /// Interrupts the turn because a deadline has passed, or leaves it to its other handles.
    pub(crate) fn expire(&mut self) -> Expiry {
        let mut router = self.connection.router();
        let expiry = router.expire(&self.thread_id, self.handle_id);
        self.interrupt |= expiry != Expiry::Ended;
        expiry
    }

    /// When the turn last waited for an answer from this program: now, if it still waits.
    pub(crate) fn last_wait(&self) -> Option<Instant> {
        self.connection.router().last_wait(&self.thread_id)
    }

    /// Leaves the turn. Unread events stay readable.
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
