//! The turns of one thread that this client started, joined or saw begin.
//!
//! A turn goes through here so:
//!
//! 1. *starting*: registered before `turn/start` is queued. Its id is unknown, so its handle collects
//!    what comes for the thread.
//! 2. *active*: its id is known, from the reply or from `turn/started`. It is one entry, however many
//!    handles joined it, and lives until `turn/completed`, with or without them, because whoever
//!    interrupts it must know whether it has begun.

use tokio::sync::watch;

use crate::{Error, Notification, feed::Feed};

/// How far a turn is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Phase {
    /// Accepted; the runtime doesn't take an interrupt for it yet.
    Accepted,
    /// `turn/started` was seen.
    Started,
    /// `turn/completed` was seen.
    Completed,
}

/// A turn that has lost its last handle and is to be interrupted.
#[derive(Debug, PartialEq, Eq)]
#[must_use = "the turn runs on until it is interrupted"]
pub(crate) struct Orphan {
    pub(crate) thread_id: String,
    pub(crate) turn_id: String,
}

/// A notification that came for a turn, with its size on the wire.
type Sized = (Notification, usize);

#[derive(Debug, Default)]
pub(crate) struct ThreadTurns {
    starting: Vec<Starting>,
    active: Vec<ActiveTurn>,
}

/// A turn whose `turn/start` is unanswered.
#[derive(Debug)]
struct Starting {
    /// The id of the request, which stays the id of the handle.
    handle: i64,
    /// `None` once the handle was dropped or lagged.
    feed: Option<Feed>,
    /// Interrupt the turn as soon as that is possible: a pending `run` was dropped.
    interrupt: bool,
    early: Vec<Early>,
    early_bytes: usize,
    /// Turns that ended since, of which one may be this.
    completed: Vec<String>,
}

/// What came for the thread before the reply.
#[derive(Debug)]
struct Early {
    notification: Notification,
    bytes: usize,
    /// Whether another handle had it too.
    shared: bool,
}

#[derive(Debug)]
struct ActiveTurn {
    id: String,
    phase: watch::Sender<Phase>,
    handles: Vec<(i64, Feed)>,
    /// Its last handle was a pending `run` that was dropped.
    orphaned: bool,
}

impl ThreadTurns {
    pub(crate) fn len(&self) -> usize {
        self.starting.len() + self.active.len()
    }

    /// Registers a turn whose `turn/start` is about to be queued.
    pub(crate) fn start(&mut self, handle: i64, feed: Feed) {
        self.starting.push(Starting {
            handle,
            feed: Some(feed),
            interrupt: false,
            early: Vec::new(),
            early_bytes: 0,
            completed: Vec::new(),
        });
    }

    /// Ends the starting of a turn: binds its handle to the turn of this id, or drops it if there is
    /// none. Returns what it had collected of other turns and nobody else has.
    pub(crate) fn bind(
        &mut self,
        handle: i64,
        turn_id: Option<&str>,
    ) -> (Option<watch::Receiver<Phase>>, Vec<Sized>) {
        let Some(index) = self.starting.iter().position(|s| s.handle == handle) else {
            return (None, Vec::new());
        };
        let mut starting = self.starting.remove(index);
        let mut strays = Vec::new();
        for early in starting.early.drain(..) {
            let own = turn_id.is_some() && early.notification.turn_id() == turn_id;
            match &starting.feed {
                Some(feed) if own => {
                    feed.push(early.notification, early.bytes);
                }
                _ if early.shared => {}
                _ => strays.push((early.notification, early.bytes)),
            }
        }
        let Some(turn_id) = turn_id else {
            return (None, strays);
        };
        if starting.completed.iter().any(|id| id == turn_id) {
            // The receiver keeps the last value of a sender that is gone.
            return (Some(watch::channel(Phase::Completed).1), strays);
        }
        let turn = self.active_or_new(turn_id);
        let phase = turn.phase.subscribe();
        match starting.feed {
            Some(feed) => {
                turn.handles.push((handle, feed));
                turn.orphaned = false;
            }
            None => turn.orphaned |= starting.interrupt && turn.handles.is_empty(),
        }
        (Some(phase), strays)
    }

    /// Notes that the runtime has begun a turn.
    pub(crate) fn begin(&mut self, turn_id: &str) {
        // A thread runs one turn at a time: an older one that nobody holds has ended unseen.
        self.active
            .retain(|turn| turn.id == turn_id || !turn.handles.is_empty());
        let turn = self.active_or_new(turn_id);
        turn.phase.send_replace(Phase::Started);
    }

    /// Notes that the runtime has ended a turn. Its handles end once they have read what is queued.
    pub(crate) fn complete(&mut self, turn_id: &str) {
        self.active.retain(|turn| {
            if turn.id == turn_id {
                turn.phase.send_replace(Phase::Completed);
            }
            turn.id != turn_id
        });
        for starting in &mut self.starting {
            starting.completed.push(turn_id.to_owned());
        }
    }

    /// Ends the active turns of a thread that the runtime has closed.
    pub(crate) fn close(&mut self) {
        self.active.clear();
    }

    /// Gives a turn's notification to its handles and to those that may turn out to be; gives it
    /// back if there are none.
    pub(crate) fn deliver(
        &mut self,
        notification: Notification,
        bytes: usize,
    ) -> Option<Notification> {
        let turn_id = notification.turn_id()?;
        let turn = self.active.iter_mut().find(|turn| turn.id == turn_id);
        let mut shared = turn.as_ref().is_some_and(|turn| !turn.handles.is_empty());
        for starting in &mut self.starting {
            shared |= starting.collect(&notification, bytes, shared);
        }
        let Some(turn) = turn.filter(|turn| !turn.handles.is_empty()) else {
            return (!shared).then_some(notification);
        };
        if let [(_, feed)] = &turn.handles[..] {
            if !feed.push(notification, bytes) {
                turn.handles.clear();
            }
        } else {
            turn.handles
                .retain(|(_, feed)| feed.push(notification.clone(), bytes));
        }
        None
    }

    /// Takes a handle off its turn. With `interrupt`, a turn that is left alone becomes an orphan.
    pub(crate) fn leave(&mut self, handle: i64, interrupt: bool) {
        if let Some(starting) = self.starting.iter_mut().find(|s| s.handle == handle) {
            starting.feed = None;
            starting.interrupt = interrupt;
        }
        for turn in &mut self.active {
            let before = turn.handles.len();
            turn.handles.retain(|(id, _)| *id != handle);
            if turn.handles.len() < before {
                turn.orphaned = interrupt && turn.handles.is_empty();
            }
        }
    }

    /// Takes the turn that is to be interrupted now, if there is one. One whose `turn/start` is
    /// unanswered may yet turn out to have joined it, so that is waited for.
    pub(crate) fn orphan(&mut self, thread_id: &str) -> Option<Orphan> {
        if !self.starting.is_empty() {
            return None;
        }
        let ready =
            |turn: &&mut ActiveTurn| turn.orphaned && *turn.phase.borrow() == Phase::Started;
        let turn = self.active.iter_mut().find(ready)?;
        turn.orphaned = false;
        Some(Orphan {
            thread_id: thread_id.to_owned(),
            turn_id: turn.id.clone(),
        })
    }

    /// Ends the events of one turn with an error; `false` if no handle is on it.
    pub(crate) fn fail(&mut self, turn_id: &str, error: &Error) -> bool {
        let turn = self.active.iter_mut().find(|turn| turn.id == turn_id);
        let handles = turn.map(|turn| std::mem::take(&mut turn.handles));
        let handles = handles.unwrap_or_default();
        for (_, feed) in &handles {
            feed.fail(error.clone());
        }
        !handles.is_empty()
    }

    /// Ends all events with an error.
    pub(crate) fn fail_all(self, error: &Error) {
        let active = self.active.into_iter().flat_map(|turn| turn.handles);
        let feeds = active.map(|(_, feed)| feed);
        for feed in feeds.chain(self.starting.into_iter().filter_map(|s| s.feed)) {
            feed.fail(error.clone());
        }
    }

    fn active_or_new(&mut self, turn_id: &str) -> &mut ActiveTurn {
        let index = self.active.iter().position(|turn| turn.id == turn_id);
        let index = index.unwrap_or_else(|| {
            self.active.push(ActiveTurn {
                id: turn_id.to_owned(),
                phase: watch::Sender::new(Phase::Accepted),
                handles: Vec::new(),
                orphaned: false,
            });
            self.active.len() - 1
        });
        &mut self.active[index]
    }
}

impl Starting {
    /// Keeps a copy of what may be this turn's; `false` if the handle is gone.
    fn collect(&mut self, notification: &Notification, bytes: usize, shared: bool) -> bool {
        let Some(feed) = &self.feed else { return false };
        if self.early_bytes + bytes > feed.budget() {
            feed.lag();
            self.feed = None;
            // What nobody else has is still given to the subscriptions, in order, at the reply.
            return false;
        }
        self.early_bytes += bytes;
        self.early.push(Early {
            notification: notification.clone(),
            bytes,
            shared,
        });
        true
    }
}
