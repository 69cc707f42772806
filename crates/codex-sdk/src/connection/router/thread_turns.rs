//! The turns of one thread that this client started, joined or saw begin.
//!
//! A turn passes through two states here:
//!
//! 1. *starting*: registered before `turn/start` is queued. Its id is unknown, so its handle collects
//!    everything that comes for the thread.
//! 2. *active*: its id is known, from the reply or from `turn/started`. It is one entry, however many
//!    handles joined it. It lives until `turn/completed`, with or without them, because whoever
//!    interrupts it must know whether it has begun.
//!
//! Being on a turn and getting its events are separate: a handle that lagged is still on it.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use codex_types::ThreadGoalStatus;
use tokio::sync::watch;

use crate::connection::event_queue::{EventSender, Notification};
use crate::connection::router::active_turn::{ActiveTurn, Interest};
use crate::connection::router::activity::Activity;
use crate::connection::router::announced::AnnouncedItems;
use crate::connection::router::entry::{Entry, Expiry, Orphan, Phase, Unclaimed};
use crate::connection::router::goal_route::{GoalRoute, GoalState};
use crate::connection::router::starting::{Claim, Starting};
use crate::connection::wakes::{Wakes, Watched};
use crate::error::Error;

#[derive(Debug)]
pub(crate) struct ThreadTurns {
    starting: Starting,
    pub(crate) active: Vec<ActiveTurn>,
    /// The goal whose turns these are.
    pub(crate) goal: Option<GoalRoute>,
    /// The requested compaction, until its turn begins.
    pub(crate) compacting: Option<i64>,
    pub(super) announced: AnnouncedItems,
    /// While not 0, turns that begin without a handle are interrupted: the runtime begins one even
    /// after it has accepted the pause of a goal.
    unwanted: u32,
    pub(crate) activity: Activity,
    wakes: Arc<Wakes>,
}

impl ThreadTurns {
    pub(crate) fn new(wakes: &Arc<Wakes>, announced: &Arc<AtomicUsize>) -> Self {
        Self {
            starting: Starting::default(),
            active: Vec::new(),
            goal: None,
            compacting: None,
            announced: AnnouncedItems::new(announced),
            unwanted: 0,
            activity: Activity::default(),
            wakes: Arc::clone(wakes),
        }
    }

    /// The number of turns and goals.
    pub(crate) fn count(&self) -> usize {
        let others = usize::from(self.goal.is_some()) + usize::from(self.compacting.is_some());
        self.starting.count() + self.active.len() + others
    }

    /// Whether a goal owns the thread.
    pub(crate) fn has_goal(&self) -> bool {
        self.goal.is_some()
    }

    /// Registers a goal that is about to be set.
    pub(crate) fn start_goal(
        &mut self,
        handle_id: i64,
        events: EventSender,
    ) -> watch::Receiver<GoalState> {
        self.goal
            .insert(GoalRoute::new(handle_id, events, &self.wakes))
            .subscribe()
    }

    /// The goal of this handle.
    pub(crate) fn goal(&mut self, handle_id: i64) -> Option<&mut GoalRoute> {
        self.goal.as_mut().filter(|goal| goal.is_of(handle_id))
    }

    /// Records the status of the thread's goal, `None` if it was cleared.
    pub(crate) fn update_goal(&mut self, status: Option<&ThreadGoalStatus>) {
        self.goal.take_if(|goal| goal.update(status));
    }

    /// Starts or stops interrupting turns that begin without a handle.
    pub(crate) fn reject_turns(&mut self, reject: bool) {
        self.unwanted = if reject {
            self.unwanted + 1
        } else {
            self.unwanted.saturating_sub(1)
        };
    }

    /// Lets turns that begin without a handle run from now on.
    pub(crate) fn expect_turn(&mut self) {
        self.unwanted = 0;
    }

    /// Whether this program has to do with what runs here, and doesn't only see it.
    pub(crate) fn is_held(&self) -> bool {
        let others = self.goal.is_some() || self.compacting.is_some() || self.unwanted > 0;
        let is_wanted =
            |turn: &ActiveTurn| !turn.entries.is_empty() || turn.interest != Interest::Wanted;
        others || !self.starting.is_empty() || self.active.iter().any(is_wanted)
    }

    /// Whether nothing is left to remember.
    pub(crate) fn is_empty(&self) -> bool {
        self.count() == 0 && self.unwanted == 0
    }

    /// Registers a turn whose `turn/start` is about to be queued.
    pub(crate) fn start(&mut self, handle_id: i64, events: EventSender) {
        self.starting.add(handle_id, events);
    }

    /// Ends the starting of a turn: binds its handle to the turn with this id, or drops it without one.
    pub(crate) fn bind(
        &mut self,
        handle_id: i64,
        turn_id: Option<&str>,
        unclaimed: &mut Unclaimed,
    ) -> Option<watch::Receiver<Phase>> {
        let pending = self.starting.remove(handle_id, turn_id, unclaimed)?;
        let turn_id = turn_id?;
        if pending.has_ended(turn_id) {
            // The receiver keeps the last value of a sender that is gone.
            return Some(watch::channel(Phase::Completed).1);
        }
        let turn = self.active_or_new(turn_id);
        match pending.claim {
            Claim::Held => {
                turn.entries.push(pending.entry);
                turn.interest = Interest::Wanted;
            }
            Claim::Unwanted if turn.entries.is_empty() => turn.orphan(),
            Claim::Unwanted | Claim::Dropped => {}
        }
        Some(turn.phase.subscribe())
    }

    /// Registers a handle on a turn that has already begun.
    pub(crate) fn join(
        &mut self,
        turn_id: &str,
        handle_id: i64,
        events: EventSender,
    ) -> watch::Receiver<Phase> {
        let known = self.knows(turn_id);
        let turn = self.active_or_new(turn_id);
        turn.joined |= !known;
        turn.entries.push(Entry::new(handle_id, events));
        turn.interest = Interest::Wanted;
        turn.phase.subscribe()
    }

    /// Records that a turn runs, though it wasn't seen to begin.
    pub(crate) fn note_running(&mut self, turn_id: &str) {
        if let Some(turn) = self.active.iter_mut().find(|turn| turn.id == turn_id) {
            turn.phase.change(|phase| *phase = Phase::Started);
        }
    }

    /// The turn that was seen to begin and not to end. A thread runs one at a time.
    pub(crate) fn running(&self) -> Option<&str> {
        let runs = |turn: &&ActiveTurn| !turn.joined && *turn.phase.borrow() == Phase::Started;
        self.active.iter().find(runs).map(|turn| &*turn.id)
    }

    /// Whether this turn was started or joined, or seen to begin.
    pub(crate) fn knows(&self, turn_id: &str) -> bool {
        self.active.iter().any(|turn| turn.id == turn_id)
    }

    /// Whether this turn is known, but not known to have begun.
    pub(crate) fn awaits(&self, turn_id: &str) -> bool {
        let turn = self.active.iter().find(|turn| turn.id == turn_id);
        turn.is_some_and(|turn| *turn.phase.borrow() == Phase::Accepted)
    }

    /// Records that the runtime has begun a turn.
    pub(crate) fn begin(&mut self, turn_id: &str) {
        // A thread runs one turn at a time, so the end of an older one was missed.
        self.announced.clear();
        self.compacting = None;
        self.active.retain(|turn| turn.id == turn_id);
        self.activity.begin();
        // A turn that this program begins itself isn't a straggler of a goal that it gave up.
        let unwanted = self.unwanted > 0 && !self.goal.as_ref().is_some_and(GoalRoute::is_open);
        let turn = self.active_or_new(turn_id);
        turn.phase.change(|phase| *phase = Phase::Started);
        if unwanted && turn.entries.is_empty() {
            turn.orphan();
        }
        if let Some(goal) = &mut self.goal {
            goal.begin(turn_id);
        }
    }

    /// Records that the runtime has ended a turn. Its handles end once they have read what is queued.
    pub(crate) fn complete(&mut self, turn_id: &str, interrupted: bool) {
        self.announced.clear();
        self.goal
            .take_if(|goal| goal.complete(turn_id, interrupted));
        self.active.retain(|turn| {
            if turn.id == turn_id {
                turn.phase.change(|phase| *phase = Phase::Completed);
            }
            turn.id != turn_id
        });
        self.starting.complete(turn_id);
    }

    /// Ends the active turns of a thread that the runtime has closed.
    pub(crate) fn close(&mut self) {
        self.active.clear();
        self.goal = None;
        self.compacting = None;
    }

    /// Delivers a turn's notification to its handles, and to starting handles that may turn out to be its own.
    pub(crate) fn deliver(
        &mut self,
        notification: Notification,
        bytes: usize,
        unclaimed: &mut Unclaimed,
    ) {
        self.announced.observe(&notification, bytes);
        if let Some(goal) = &mut self.goal {
            let left = goal.deliver(notification, bytes);
            return unclaimed.extend(left.map(|notification| (notification, bytes)));
        }
        let turn_id = notification.turn_id();
        let active = self.active.iter_mut();
        let entries = active
            .filter(|turn| Some(turn.id.as_str()) == turn_id)
            .flat_map(|turn| turn.entries.iter_mut());
        let mut listening = entries.filter(|entry| entry.events.is_some()).peekable();
        let taken = listening.peek().is_some();
        let kept = self
            .starting
            .collect(&notification, bytes, taken, unclaimed);
        // Only a turn with several handles needs copies.
        while let Some(entry) = listening.next() {
            if listening.peek().is_none() {
                return entry.push(notification, bytes);
            }
            entry.push(notification.clone(), bytes);
        }
        if !taken && !kept {
            unclaimed.push((notification, bytes));
        }
    }

    /// Delivers a sub-agent's usage to all handles on what runs here.
    pub(crate) fn tell(&mut self, notification: &Notification, bytes: usize) {
        if let Some(goal) = &mut self.goal {
            goal.tell(notification, bytes);
        }
        for entry in self.active.iter_mut().flat_map(|turn| &mut turn.entries) {
            entry.push(notification.clone(), bytes);
        }
    }

    /// Takes a handle off its turn or goal. With `interrupt`, a turn left without handles becomes an
    /// orphan, and a goal is abandoned: `true`.
    pub(crate) fn leave(
        &mut self,
        handle_id: i64,
        interrupt: bool,
        unclaimed: &mut Unclaimed,
    ) -> bool {
        if self.goal.take_if(|goal| goal.is_of(handle_id)).is_some() {
            if interrupt {
                self.active.iter_mut().for_each(ActiveTurn::orphan);
            }
            return interrupt;
        }
        self.starting.leave(handle_id, interrupt, unclaimed);
        for turn in &mut self.active {
            let before = turn.entries.len();
            turn.entries.retain(|other| other.id != handle_id);
            if interrupt && turn.entries.is_empty() && before > 0 {
                turn.orphan();
            }
        }
        // A joined turn that isn't known to run may never report an end.
        self.active.retain(|turn| {
            !turn.entries.is_empty() || !turn.joined || *turn.phase.borrow() != Phase::Accepted
        });
        false
    }

    /// Makes an orphan of a turn when a handle's deadline has passed, or takes the handle off it.
    pub(crate) fn expire(&mut self, handle_id: i64) -> Expiry {
        if self.goal(handle_id).is_some() {
            self.active.iter_mut().for_each(ActiveTurn::orphan);
            return Expiry::Interrupting;
        }
        let is_on = |turn: &&mut ActiveTurn| turn.entries.iter().any(|it| it.id == handle_id);
        let Some(turn) = self.active.iter_mut().find(is_on) else {
            return Expiry::Ended;
        };
        if turn.entries.len() > 1 {
            turn.entries.retain(|other| other.id != handle_id);
            return Expiry::Left;
        }
        turn.orphan();
        Expiry::Interrupting
    }

    /// Makes orphans of the turns that no handle is on.
    pub(crate) fn orphan_all(&mut self) {
        let alone = |turn: &&mut ActiveTurn| turn.entries.is_empty();
        if self.goal.is_none() {
            self.active
                .iter_mut()
                .filter(alone)
                .for_each(ActiveTurn::orphan);
        }
    }

    /// Takes the turn to interrupt now, if there is one. A handle whose `turn/start` is unanswered may
    /// yet turn out to have joined it, so this waits for the reply.
    pub(crate) fn orphan(&mut self, thread_id: &str) -> Option<Orphan> {
        if !self.starting.is_empty() {
            return None;
        }
        let ready = |turn: &&mut ActiveTurn| {
            turn.interest == Interest::Orphaned && *turn.phase.borrow() == Phase::Started
        };
        let turn = self.active.iter_mut().find(ready)?;
        turn.interest = Interest::Interrupting;
        Some(Orphan {
            thread_id: thread_id.to_owned(),
            turn_id: turn.id.clone(),
        })
    }

    /// Ends the events of one turn with an error, and those of starting turns that may be it; `false`
    /// if no handle got it.
    pub(crate) fn fail(&mut self, turn_id: &str, error: &Error, unclaimed: &mut Unclaimed) -> bool {
        let goal = self.goal.as_mut();
        let mut heard = goal.is_some_and(|goal| goal.fail(turn_id, error));
        for turn in self.active.iter_mut().filter(|turn| turn.id == turn_id) {
            for entry in &mut turn.entries {
                heard |= entry.fail(error);
            }
        }
        heard | self.starting.fail(error, unclaimed)
    }

    /// Ends all events with an error. What came for turns whose calls fail with it is left.
    pub(crate) fn fail_all(mut self, error: &Error, unclaimed: &mut Unclaimed) {
        self.starting.fail(error, unclaimed);
        for mut entry in self.active.into_iter().flat_map(|turn| turn.entries) {
            entry.fail(error);
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
                phase: Watched::new(Phase::Accepted, &self.wakes),
                entries: Vec::new(),
                interest: Interest::Wanted,
                joined: false,
                doubted: false,
            });
            self.active.len() - 1
        });
        &mut self.active[index]
    }
}
