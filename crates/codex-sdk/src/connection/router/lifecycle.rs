//! The notifications that change what the router knows.

use codex_types::{ThreadGoalStatus, ThreadStatus, TurnStatus};

use crate::connection::event_queue::Notification;

/// A notification that changes the state of a thread.
pub(crate) struct Lifecycle {
    pub(crate) thread_id: String,
    pub(crate) change: Change,
}

pub(crate) enum Change {
    Started {
        turn_id: String,
    },
    Completed {
        turn_id: String,
        interrupted: bool,
    },
    /// It was unloaded, archived or deleted.
    Closed,
    Status(ThreadStatus),
    /// The status of the thread's goal; `None` if it was cleared.
    Goal(Option<ThreadGoalStatus>),
}

impl Lifecycle {
    pub(crate) fn started(thread_id: &str, turn_id: &str) -> Self {
        let turn_id = turn_id.to_owned();
        Self {
            thread_id: thread_id.to_owned(),
            change: Change::Started { turn_id },
        }
    }

    pub(crate) fn completed(thread_id: &str, turn_id: &str) -> Self {
        Self {
            thread_id: thread_id.to_owned(),
            change: Change::Completed {
                turn_id: turn_id.to_owned(),
                interrupted: false,
            },
        }
    }

    /// A malformed `turn/completed` ends its turn, too: the method decides.
    pub(crate) fn of(notification: &Notification) -> Option<Self> {
        let turn_id = || notification.turn_id().map(str::to_owned);
        let completed = |interrupted| {
            let turn_id = turn_id()?;
            Some(Change::Completed {
                turn_id,
                interrupted,
            })
        };
        let change = match notification {
            Notification::TurnStarted(_) => Change::Started {
                turn_id: turn_id()?,
            },
            Notification::TurnCompleted(it) => {
                completed(it.turn.status == TurnStatus::Interrupted)?
            }
            Notification::ThreadClosed(_)
            | Notification::ThreadArchived(_)
            | Notification::ThreadDeleted(_) => Change::Closed,
            Notification::ThreadStatusChanged(it) => Change::Status(it.status.clone()),
            Notification::ThreadGoalUpdated(it) => Change::Goal(Some(it.goal.status.clone())),
            Notification::ThreadGoalCleared(_) => Change::Goal(None),
            Notification::Unrecognized { method, .. } => match &**method {
                "turn/started" => Change::Started {
                    turn_id: turn_id()?,
                },
                "turn/completed" => completed(false)?,
                "thread/closed" | "thread/archived" | "thread/deleted" => Change::Closed,
                "thread/goal/updated" | "thread/goal/cleared" => Change::Goal(None),
                _ => return None,
            },
            _ => return None,
        };
        let thread_id = notification.thread_id()?.to_owned();
        Some(Self { thread_id, change })
    }
}
