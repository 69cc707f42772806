//! Goals, as the router sees them: one logical turn that spans the turns the runtime starts by itself.
//!
//! While a goal owns a thread, its one handle gets everything from the thread's turns. The goal is over
//! once no turn runs and the runtime no longer pursues it, or once one of its turns was interrupted.

use std::sync::Arc;

use codex_types::{ThreadGoalSetParams, ThreadGoalStatus};
use tokio::sync::watch;

use crate::connection::event_queue::{EventSender, Notification};
use crate::connection::router::entry::Entry;
use crate::connection::wakes::{Wakes, Watched};
use crate::error::Error;

/// The progress of a goal.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct GoalState {
    /// The first turn, whose id stands for all of them.
    pub(crate) first: Option<Arc<str>>,
    /// The running turn; `None` between two of them.
    pub(crate) running: Option<Arc<str>>,
    /// Whether the runtime pursues the goal; `None` before it has said so.
    pursued: Option<bool>,
    /// Whether nothing more comes for it.
    pub(crate) over: bool,
}

impl GoalState {
    /// Whether the goal was given up before its first turn.
    pub(crate) fn ended_early(&self) -> bool {
        self.first.is_none() && self.pursued == Some(false)
    }
}

/// The goal that owns a thread.
#[derive(Debug)]
pub(crate) struct GoalRoute {
    entry: Entry,
    state: Watched<GoalState>,
    /// Whether new turns are the goal's: not before the goal that it replaces is cleared.
    open: bool,
}

impl GoalRoute {
    pub(crate) fn new(handle_id: i64, events: EventSender, wakes: &Arc<Wakes>) -> Self {
        Self {
            entry: Entry::new(handle_id, events),
            state: Watched::new(GoalState::default(), wakes),
            open: false,
        }
    }

    pub(crate) fn subscribe(&self) -> watch::Receiver<GoalState> {
        self.state.subscribe()
    }

    pub(crate) fn is_of(&self, handle_id: i64) -> bool {
        self.entry.id == handle_id
    }

    pub(crate) fn is_open(&self) -> bool {
        self.open
    }

    /// Gives the goal all turns that begin from now on.
    pub(crate) fn open(&mut self) {
        self.open = true;
    }

    pub(crate) fn begin(&mut self, turn_id: &str) {
        if !self.open {
            return;
        }
        let turn_id: Arc<str> = turn_id.into();
        self.state.change(|state| {
            state.first.get_or_insert_with(|| Arc::clone(&turn_id));
            state.running = Some(turn_id);
        });
    }

    /// Takes what belongs to one of its turns, and returns anything else.
    pub(crate) fn deliver(
        &mut self,
        notification: Notification,
        bytes: usize,
    ) -> Option<Notification> {
        // An update of the goal itself doesn't belong to a turn, though it may name one.
        let of_goal = matches!(notification, Notification::ThreadGoalUpdated(_));
        if of_goal || self.state.borrow().first.is_none() {
            return Some(notification);
        }
        self.entry.push(notification, bytes);
        None
    }

    /// Reports a sub-agent's usage to its handle.
    pub(crate) fn tell(&mut self, notification: &Notification, bytes: usize) {
        self.entry.push(notification.clone(), bytes);
    }

    /// Records the end of a turn; `true` if the goal is over.
    pub(crate) fn complete(&mut self, turn_id: &str, interrupted: bool) -> bool {
        self.change(|state| {
            if state.running.as_deref() == Some(turn_id) {
                state.running = None;
                state.over = interrupted;
            }
        })
    }

    /// Records the goal's status, `None` if it was cleared; `true` if the goal is over.
    pub(crate) fn update(&mut self, status: Option<&ThreadGoalStatus>) -> bool {
        let active = status == Some(&ThreadGoalStatus::Active);
        self.change(|state| {
            // The end of the goal that this one replaces says nothing about it.
            if active || state.pursued.is_some() {
                state.pursued = Some(active);
            }
        })
    }

    pub(crate) fn fail(&mut self, turn_id: &str, error: &Error) -> bool {
        let own = self.state.borrow().running.as_deref() == Some(turn_id);
        own && self.entry.fail(error)
    }

    pub(crate) fn fail_all(mut self, error: &Error) {
        self.entry.fail(error);
    }

    fn change(&self, change: impl FnOnce(&mut GoalState)) -> bool {
        self.state.change(|state| {
            change(state);
            state.over |=
                state.pursued == Some(false) && state.first.is_some() && state.running.is_none();
        });
        self.state.borrow().over
    }
}

/// The parameters that pause a thread's goal.
pub(crate) fn pause(thread_id: &str) -> ThreadGoalSetParams {
    let mut params = ThreadGoalSetParams::new(thread_id);
    params.status = Some(ThreadGoalStatus::Paused);
    params
}
