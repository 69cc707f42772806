//! The turns of one thread that this client started, joined or saw begin.
//!
//! A turn goes through here so:
//!
//! 1. *starting*: registered before `turn/start` is queued. Its id is unknown, so its handle collects
//!    what comes for the thread.
//! 2. *active*: its id is known, from the reply or from `turn/started`. It is one entry, however many
//!    handles joined it, and lives until `turn/completed`, with or without them, because whoever
//!    interrupts it must know whether it has begun.
//!
//! Being on a turn and getting its events are two things: a handle that lagged is still on it.

use std::sync::Arc;

use tokio::sync::watch;

use crate::{
    Error, Notification,
    activity::Activity,
    entry::{Handle, Orphan, Phase, Unclaimed},
    feed::Feed,
    goals::{GoalRoute, GoalState},
    starting::Starting,
    types::{ThreadGoalStatus, ThreadItem},
};

#[derive(Debug, Default)]
pub(crate) struct ThreadTurns {
    starting: Vec<Starting>,
    pub(crate) active: Vec<ActiveTurn>,
    /// The goal whose turns these are.
    pub(crate) goal: Option<GoalRoute>,
    /// The commands and file changes of the running turn that are not completed: what an approval is
    /// asked for.
    announced: Vec<Arc<ThreadItem>>,
    /// While not 0, turns that begin without a handle are to be interrupted: the runtime begins one
    /// even after it has taken the pause of a goal.
    unwanted: u32,
    pub(crate) activity: Activity,
}

#[derive(Debug)]
pub(crate) struct ActiveTurn {
    pub(crate) id: String,
    pub(crate) phase: watch::Sender<Phase>,
    pub(crate) handles: Vec<Handle>,
    /// Its last handle was a pending `run` that was dropped, or has passed a deadline.
    pub(crate) orphaned: bool,
    /// It was an orphan, and its interrupt is on its way.
    interrupted: bool,
    /// Its end may have been missed, and that is being looked into.
    pub(crate) doubted: bool,
}

impl ThreadTurns {
    /// The number of turns and goals.
    pub(crate) fn count(&self) -> usize {
        self.starting.len() + self.active.len() + usize::from(self.goal.is_some())
    }

    /// Whether a goal owns the thread.
    pub(crate) fn has_goal(&self) -> bool {
        self.goal.is_some()
    }

    /// Registers a goal that is about to be set.
    pub(crate) fn start_goal(&mut self, handle: i64, feed: Feed) -> watch::Receiver<GoalState> {
        self.goal.insert(GoalRoute::new(handle, feed)).subscribe()
    }

    /// The goal of this handle.
    pub(crate) fn goal(&mut self, handle: i64) -> Option<&mut GoalRoute> {
        self.goal.as_mut().filter(|goal| goal.is_of(handle))
    }

    /// Notes the status of the thread's goal, `None` when it was cleared.
    pub(crate) fn update_goal(&mut self, status: Option<&ThreadGoalStatus>) {
        self.goal.take_if(|goal| goal.update(status));
    }

    /// From now on, turns that begin without a handle are to be interrupted, or no longer.
    pub(crate) fn reject_turns(&mut self, reject: bool) {
        self.unwanted = if reject {
            self.unwanted + 1
        } else {
            self.unwanted.saturating_sub(1)
        };
    }

    /// A command or file change of the running turn.
    pub(crate) fn announced(&self, item_id: &str) -> Option<Arc<ThreadItem>> {
        let mut items = self.announced.iter();
        items.find(|item| item.id() == Some(item_id)).cloned()
    }

    /// Notes the beginning and the end of commands and file changes.
    fn announce(&mut self, notification: &Notification) {
        match notification {
            Notification::ItemStarted(started) => {
                if let ThreadItem::FileChange(_) | ThreadItem::CommandExecution(_) = started.item {
                    self.announced.push(Arc::new(started.item.clone()));
                }
            }
            Notification::ItemCompleted(completed) if !self.announced.is_empty() => {
                let id = completed.item.id();
                self.announced.retain(|item| item.id() != id);
            }
            _ => {}
        }
    }

    /// Whether nothing is left that has to be remembered.
    pub(crate) fn is_empty(&self) -> bool {
        self.count() == 0 && self.unwanted == 0
    }

    /// Registers a turn whose `turn/start` is about to be queued.
    pub(crate) fn start(&mut self, handle: i64, feed: Feed) {
        let handle = Handle::new(handle, feed);
        self.starting.push(Starting::new(handle));
    }

    /// Ends the starting of a turn: binds its handle to the turn of this id, or drops it if there is
    /// none.
    pub(crate) fn bind(
        &mut self,
        handle: i64,
        turn_id: Option<&str>,
        unclaimed: &mut Unclaimed,
    ) -> Option<watch::Receiver<Phase>> {
        let is_it = |starting: &Starting| starting.handle.id == handle;
        let index = self.starting.iter().position(is_it)?;
        let mut starting = self.starting.remove(index);
        starting.sort(turn_id, unclaimed);
        let turn_id = turn_id?;
        if starting.completed.iter().any(|id| id == turn_id) {
            // The receiver keeps the last value of a sender that is gone.
            return Some(watch::channel(Phase::Completed).1);
        }
        let turn = self.active_or_new(turn_id);
        if starting.held {
            turn.handles.push(starting.handle);
            (turn.orphaned, turn.interrupted) = (false, false);
        } else {
            turn.orphaned |= starting.interrupt && turn.handles.is_empty();
        }
        Some(turn.phase.subscribe())
    }

    /// Whether this turn is known, and not known to have begun.
    pub(crate) fn awaits(&self, turn_id: &str) -> bool {
        let turn = self.active.iter().find(|turn| turn.id == turn_id);
        turn.is_some_and(|turn| *turn.phase.borrow() == Phase::Accepted)
    }

    /// Notes that the runtime has begun a turn.
    pub(crate) fn begin(&mut self, turn_id: &str) {
        // A thread runs one turn at a time: the end of an older one was missed.
        self.announced.clear();
        self.active.retain(|turn| turn.id == turn_id);
        self.activity.begin();
        let unwanted = self.unwanted > 0;
        let turn = self.active_or_new(turn_id);
        turn.phase.send_replace(Phase::Started);
        turn.orphaned |= unwanted && turn.handles.is_empty();
        if let Some(goal) = &mut self.goal {
            goal.begin(turn_id);
        }
    }

    /// Notes that the runtime has ended a turn. Its handles end once they have read what is queued.
    pub(crate) fn complete(&mut self, turn_id: &str, interrupted: bool) {
        self.announced.clear();
        self.goal
            .take_if(|goal| goal.complete(turn_id, interrupted));
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
        self.goal = None;
    }

    /// Gives a turn's notification to its handles and to those that may turn out to be.
    pub(crate) fn deliver(
        &mut self,
        notification: Notification,
        bytes: usize,
        unclaimed: &mut Unclaimed,
    ) {
        self.announce(&notification);
        if let Some(goal) = &mut self.goal {
            let left = goal.deliver(notification, bytes);
            return unclaimed.extend(left.map(|notification| (notification, bytes)));
        }
        let turn_id = notification.turn_id();
        let active = self.active.iter_mut();
        let handles = active
            .filter(|turn| Some(turn.id.as_str()) == turn_id)
            .flat_map(|turn| turn.handles.iter_mut());
        let mut listening = handles.filter(|handle| handle.feed.is_some()).peekable();
        let mut shared = listening.peek().is_some();
        for starting in &mut self.starting {
            shared |= starting.collect(&notification, bytes, shared, unclaimed);
        }
        // Only a turn with several handles needs copies.
        while let Some(handle) = listening.next() {
            if listening.peek().is_none() {
                return handle.push(notification, bytes);
            }
            handle.push(notification.clone(), bytes);
        }
        if !shared {
            unclaimed.push((notification, bytes));
        }
    }

    /// Takes a handle off its turn or goal. With `interrupt`, a turn that is left alone becomes an
    /// orphan, and a goal is abandoned: `true`.
    pub(crate) fn leave(
        &mut self,
        handle: i64,
        interrupt: bool,
        unclaimed: &mut Unclaimed,
    ) -> bool {
        if self.goal.take_if(|goal| goal.is_of(handle)).is_some() {
            for turn in &mut self.active {
                turn.orphaned |= interrupt;
            }
            return interrupt;
        }
        for starting in &mut self.starting {
            if starting.handle.id == handle {
                starting.leave(interrupt, unclaimed);
            }
        }
        for turn in &mut self.active {
            let before = turn.handles.len();
            turn.handles.retain(|other| other.id != handle);
            if turn.handles.len() < before {
                turn.orphaned = interrupt && turn.handles.is_empty() && !turn.interrupted;
            }
        }
        false
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
        (turn.orphaned, turn.interrupted) = (false, true);
        Some(Orphan {
            thread_id: thread_id.to_owned(),
            turn_id: turn.id.clone(),
        })
    }

    /// Ends the events of one turn with an error, and those of turns that start and may be it;
    /// `false` if no handle heard it.
    pub(crate) fn fail(&mut self, turn_id: &str, error: &Error, unclaimed: &mut Unclaimed) -> bool {
        let goal = self.goal.as_mut();
        let mut heard = goal.is_some_and(|goal| goal.fail(turn_id, error));
        for turn in self.active.iter_mut().filter(|turn| turn.id == turn_id) {
            for handle in &mut turn.handles {
                heard |= handle.fail(error);
            }
        }
        for starting in &mut self.starting {
            heard |= starting.handle.fail(error);
            starting.release(unclaimed);
        }
        heard
    }

    /// Ends all events with an error.
    pub(crate) fn fail_all(self, error: &Error) {
        let active = self.active.into_iter().flat_map(|turn| turn.handles);
        for mut handle in active.chain(self.starting.into_iter().map(|s| s.handle)) {
            handle.fail(error);
        }
        if let Some(goal) = self.goal {
            goal.fail_all(error);
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
                interrupted: false,
                doubted: false,
            });
            self.active.len() - 1
        });
        &mut self.active[index]
    }
}
