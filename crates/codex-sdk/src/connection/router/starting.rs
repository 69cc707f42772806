//! The turns of one thread before their ids are known.

use std::collections::VecDeque;

use crate::connection::event_queue::{EventSender, Notification, Room};
use crate::connection::router::entry::{Entry, Unclaimed};
use crate::error::Error;

/// How many ended turns are remembered for one whose id isn't known.
const MOST_COMPLETED: usize = 100;

/// Turns whose `turn/start` is unanswered, and what came for their thread meanwhile: it may be theirs.
#[derive(Debug, Default)]
pub(crate) struct Starting {
    turns: Vec<PendingTurn>,
    early: VecDeque<Early>,
}

/// A turn whose `turn/start` is unanswered.
#[derive(Debug)]
pub(crate) struct PendingTurn {
    pub(crate) entry: Entry,
    pub(crate) claim: Claim,
    /// For each of the newest notifications in `early` that may be for this turn.
    rooms: Vec<Room>,
    reserved: usize,
    /// The last turns that have ended since; one of them may be this.
    completed: VecDeque<String>,
    /// Whether there were more.
    more_completed: bool,
    /// Whether its own end is among what its handle got.
    has_ended: bool,
}

/// What to do with a turn once its id is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Claim {
    /// Its handle waits for it.
    Held,
    /// Its handle was dropped; it may run.
    Dropped,
    /// A pending `run` was dropped: it is interrupted as soon as that is possible.
    Unwanted,
}

#[derive(Debug)]
struct Early {
    notification: Notification,
    bytes: usize,
    /// Whether a handle got it.
    taken: bool,
}

impl Starting {
    pub(crate) fn is_empty(&self) -> bool {
        self.turns.is_empty()
    }

    pub(crate) fn count(&self) -> usize {
        self.turns.len()
    }

    /// Registers a turn whose `turn/start` is about to be queued.
    pub(crate) fn add(&mut self, handle_id: i64, events: EventSender) {
        self.turns.push(PendingTurn {
            entry: Entry::new(handle_id, events),
            claim: Claim::Held,
            rooms: Vec::new(),
            reserved: 0,
            completed: VecDeque::new(),
            more_completed: false,
            has_ended: false,
        });
    }

    /// Removes a turn whose call was answered, with its id unless it was refused. Its handle gets what came for it.
    pub(crate) fn remove(
        &mut self,
        handle_id: i64,
        turn_id: Option<&str>,
        unclaimed: &mut Unclaimed,
    ) -> Option<PendingTurn> {
        let is_it = |turn: &PendingTurn| turn.entry.id == handle_id;
        let index = self.turns.iter().position(is_it)?;
        let mut turn = self.turns.remove(index);
        let before = self.early.len() - turn.rooms.len();
        turn.rooms.clear();
        if turn.entry.events.is_some() && turn_id.is_some() {
            let early = self.early.iter_mut().skip(before);
            for early in early.filter(|early| early.notification.turn_id() == turn_id) {
                early.taken = true;
                turn.has_ended |= matches!(early.notification, Notification::TurnCompleted(_));
                turn.entry.push(early.notification.clone(), early.bytes);
            }
        }
        self.release(unclaimed);
        Some(turn)
    }

    /// Records that nobody waits for a turn any more.
    pub(crate) fn leave(&mut self, handle_id: i64, interrupt: bool, unclaimed: &mut Unclaimed) {
        for turn in self.turns.iter_mut().filter(|it| it.entry.id == handle_id) {
            turn.claim = if interrupt {
                Claim::Unwanted
            } else {
                Claim::Dropped
            };
            turn.end();
        }
        self.release(unclaimed);
    }

    pub(crate) fn complete(&mut self, turn_id: &str) {
        for turn in &mut self.turns {
            // If its call is never answered, turns end all the same.
            if turn.completed.len() == MOST_COMPLETED {
                turn.completed.pop_front();
                turn.more_completed = true;
            }
            turn.completed.push_back(turn_id.to_owned());
        }
    }

    /// Keeps a copy of what may be for one of these turns; `false` if none of them wants it. `taken` says whether
    /// another handle gets it.
    pub(crate) fn collect(
        &mut self,
        notification: &Notification,
        bytes: usize,
        taken: bool,
        unclaimed: &mut Unclaimed,
    ) -> bool {
        let mut wanted = false;
        for turn in &mut self.turns {
            wanted |= turn.reserve(bytes);
        }
        if wanted {
            self.early.push_back(Early {
                notification: notification.clone(),
                bytes,
                taken,
            });
        }
        self.release(unclaimed);
        wanted
    }

    /// Ends the events of these turns with an error; `false` if no handle got it.
    pub(crate) fn fail(&mut self, error: &Error, unclaimed: &mut Unclaimed) -> bool {
        let mut heard = false;
        for turn in &mut self.turns {
            heard |= turn.entry.fail(error);
            turn.end();
        }
        self.release(unclaimed);
        heard
    }

    /// Returns what no handle got, once no turn can want it any more.
    fn release(&mut self, unclaimed: &mut Unclaimed) {
        let wanted = self.turns.iter().map(|turn| turn.rooms.len()).max();
        let left = self.early.len() - wanted.unwrap_or_default();
        let left = self.early.drain(..left).filter(|early| !early.taken);
        unclaimed.extend(left.map(|early| (early.notification, early.bytes)));
    }
}

impl PendingTurn {
    /// Whether the turn, whose id is known now, has ended. If nobody can tell, it has: no handle waits for it.
    pub(crate) fn has_ended(&self, turn_id: &str) -> bool {
        let others = self.completed.iter().any(|id| id == turn_id);
        self.has_ended || others || self.entry.events.is_none() && self.more_completed
    }

    /// Makes room for a notification; `false` if this handle wants nothing any more.
    fn reserve(&mut self, bytes: usize) -> bool {
        let Some(events) = &self.entry.events else {
            return false;
        };
        let Some(room) = events.reserve(self.reserved, bytes) else {
            self.end();
            return false;
        };
        self.rooms.push(room);
        self.reserved += bytes;
        true
    }

    /// Wants nothing from now on.
    fn end(&mut self) {
        self.entry.events = None;
        self.rooms.clear();
        self.reserved = 0;
    }
}
