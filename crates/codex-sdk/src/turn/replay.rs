//! Replays what a turn produced before somebody joined, and keeps what follows from repeating it.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;

use codex_types::{
    CollabAgentToolCallStatus, CommandExecutionStatus, DynamicToolCallStatus, McpToolCallStatus,
    PatchApplyStatus, ThreadItem, Turn, TurnCompletedNotification, TurnStartedNotification,
    TurnStatus,
};
use serde_json::value::to_raw_value;
use serde_json::{Value, json};

use crate::connection::event_queue::Notification;
use crate::connection::router::subscriptions::Joined;

/// What came before somebody joined.
#[derive(Debug)]
pub(crate) struct Replay {
    thread_id: Arc<str>,
    /// The turn as read, until it is known whether it was running.
    read: Option<Turn>,
    /// What to yield next.
    ready: VecDeque<Notification>,
    /// The completed items that were read: they may arrive again.
    had: HashSet<String>,
    /// The items that had begun.
    begun: HashSet<String>,
    /// The turn of these items: another one may have items with the same ids.
    replayed: Option<String>,
    /// What was known on joining.
    joined: Joined,
}

impl Replay {
    pub(crate) fn new(thread_id: Arc<str>, joined: Joined) -> Self {
        Self {
            thread_id,
            read: None,
            ready: VecDeque::new(),
            had: HashSet::new(),
            begun: HashSet::new(),
            replayed: None,
            joined,
        }
    }

    /// What to yield before anything else.
    pub(crate) fn next(&mut self) -> Option<Notification> {
        self.ready.pop_front()
    }

    /// Whether this was replayed before.
    pub(crate) fn has_told(&mut self, next: &Notification) -> bool {
        let is_new = self.is_new(next);
        self.forget_replayed(next);
        !is_new
    }

    /// Takes a notification: yields it after the replay that it triggers, unless it was replayed before.
    pub(crate) fn take(&mut self, next: Notification) {
        self.meet(&next);
        let is_new = self.is_new(&next);
        self.forget_replayed(&next);
        if is_new {
            self.ready.push_back(next);
        }
    }

    /// Takes the newest turns as they were read, the newest first.
    pub(crate) fn caught_up(&mut self, turns: Vec<Turn>) {
        let is_known = |turn: &Turn| Some(&turn.id) == self.joined.turn.as_ref();
        // Another one may have begun since, or be about to.
        let known = turns.iter().position(is_known);
        let read = turns.into_iter().nth(known.unwrap_or_default());
        // If it had ended before, nothing more is replayed, though one of its commands may still run.
        self.read = read.filter(|turn| Some(&turn.id) != self.joined.ended.as_ref());
        let read = self.read.as_ref().map(|turn| &turn.id);
        let running = self.joined.running.first();
        if running.is_some_and(|running| Some(&running.turn_id) != read) {
            self.replay_running();
        }
    }

    /// Whether the turn was running when it was read.
    pub(crate) fn reads_running(&self) -> bool {
        let status = self.read.as_ref().map(|turn| &turn.status);
        status == Some(&TurnStatus::InProgress)
    }

    /// Replays what was read.
    pub(crate) fn replay_read(&mut self) {
        if let Some(turn) = self.read.take() {
            self.replay(turn);
        }
    }

    /// Replays the turn that was read if this belongs to it. A turn that is seen to begin needs no replay.
    fn meet(&mut self, next: &Notification) {
        let read = self.read.as_ref();
        if read.is_none_or(|read| next.turn_id() != Some(&read.id)) {
            return;
        }
        if matches!(next, Notification::TurnStarted(_)) {
            self.read = None;
        } else {
            self.replay_read();
        }
    }

    /// Whether this isn't among what was read. A runtime under load lists a turn before it reports that it has
    /// begun.
    fn is_new(&self, next: &Notification) -> bool {
        let (item_id, begins) = match next {
            Notification::TurnStarted(it) => return self.replayed.as_ref() != Some(&it.turn.id),
            Notification::ItemStarted(it) => (it.item.id(), true),
            Notification::ItemCompleted(it) => (it.item.id(), false),
            other => (other.item_id(), false),
        };
        let is_repeated = |id: &str| self.had.contains(id) || begins && self.begun.contains(id);
        !item_id.is_some_and(is_repeated)
    }

    /// Forgets what was replayed once its turn has ended or another has begun.
    fn forget_replayed(&mut self, next: &Notification) {
        let is_over = match next {
            Notification::TurnCompleted(it) => self.replayed.as_ref() == Some(&it.turn.id),
            Notification::TurnStarted(it) => self.replayed.as_ref() != Some(&it.turn.id),
            _ => false,
        };
        if is_over {
            self.had.clear();
            self.begun.clear();
        }
    }

    /// Replays what this client has seen begin and not end.
    fn replay_running(&mut self) {
        for running in std::mem::take(&mut self.joined.running) {
            self.replayed.get_or_insert_with(|| running.turn_id.clone());
            let (at_ms, turn_id) = (running.started_at_ms, &running.turn_id);
            let Some(next) = of_item(STARTED, &running.item, at_ms, &self.thread_id, turn_id)
            else {
                continue;
            };
            if self.is_new(&next) {
                self.begun.extend(running.item.id().map(str::to_owned));
                self.ready.push_back(next);
            }
        }
    }

    /// Replays what an ended turn has produced, and its end.
    pub(crate) fn replay_ended(&mut self, turn: Turn) {
        let completed = TurnCompletedNotification::new(&*self.thread_id, turn.clone());
        self.replay(turn);
        let completed = Notification::TurnCompleted(Box::new(completed));
        self.ready.push_back(completed);
    }

    /// Replays what a turn has produced.
    pub(crate) fn replay(&mut self, mut turn: Turn) {
        let (thread_id, turn_id) = (&*self.thread_id, turn.id.clone());
        let items = std::mem::take(&mut turn.items);
        // The exact time isn't stored.
        let at_ms = turn.started_at.unwrap_or_default() * 1000;
        turn.status = TurnStatus::InProgress;
        self.replayed = Some(turn_id.clone());
        let started = TurnStartedNotification::new(thread_id, turn);
        self.ready
            .push_back(Notification::TurnStarted(Box::new(started)));
        for item in items {
            let kind = if is_running(&item) {
                if item.id().is_some_and(|id| self.begun.contains(id)) {
                    continue;
                }
                self.begun.extend(item.id().map(str::to_owned));
                STARTED
            } else {
                self.had.extend(item.id().map(str::to_owned));
                COMPLETED
            };
            self.ready
                .extend(of_item(kind, &item, at_ms, thread_id, &turn_id));
        }
        self.replay_running();
    }
}

/// The kind of an item's notification: its method, and the name of its timestamp.
type Kind = (&'static str, &'static str);

const STARTED: Kind = ("item/started", "startedAtMs");
const COMPLETED: Kind = ("item/completed", "completedAtMs");

/// A notification as the runtime would send it, built by its names on the wire, because its type has more
/// fields in some versions.
fn of_item(
    (method, stamp): Kind,
    item: &ThreadItem,
    at_ms: i64,
    thread_id: &str,
    turn_id: &str,
) -> Option<Notification> {
    // By way of text: going straight to a value would compile all item types again.
    let item: Value = serde_json::from_str(&serde_json::to_string(item).ok()?).ok()?;
    let params = json!({
        "item": item,
        stamp: at_ms,
        "threadId": thread_id,
        "turnId": turn_id,
    });
    let params = to_raw_value(&params).ok()?;
    Notification::decode(method, Some(&params)).ok()
}

fn is_running(item: &ThreadItem) -> bool {
    match item {
        ThreadItem::CommandExecution(it) => it.status == CommandExecutionStatus::InProgress,
        ThreadItem::FileChange(it) => it.status == PatchApplyStatus::InProgress,
        ThreadItem::McpToolCall(it) => it.status == McpToolCallStatus::InProgress,
        ThreadItem::DynamicToolCall(it) => it.status == DynamicToolCallStatus::InProgress,
        ThreadItem::CollabAgentToolCall(it) => it.status == CollabAgentToolCallStatus::InProgress,
        _ => false,
    }
}
