//! The notifications that change what the router knows.

use codex_types::{ThreadGoalStatus, ThreadStatus, TurnStatus};

use crate::connection::event_queue::Notification;

/// A notification that changes what runs.
pub(crate) enum Lifecycle {
    Started {
        thread_id: String,
        turn_id: String,
    },
    Completed {
        thread_id: String,
        turn_id: String,
        interrupted: bool,
    },
    ThreadClosed {
        thread_id: String,
    },
    /// What the thread does.
    Status {
        thread_id: String,
        status: ThreadStatus,
    },
    /// The status of the thread's goal; `None` when it was cleared.
    Goal {
        thread_id: String,
        status: Option<ThreadGoalStatus>,
    },
}

impl Lifecycle {
    /// Decided by the method, so that a malformed `turn/completed` ends its turn too.
    pub(crate) fn of(notification: &Notification) -> Option<Self> {
        use codex_types::ServerNotification::{
            ThreadClosed, ThreadGoalCleared, ThreadGoalUpdated, ThreadStatusChanged, TurnCompleted,
            TurnStarted, Unrecognized,
        };
        let (mut interrupted, mut status) = (false, None);
        match notification {
            TurnCompleted(it) => interrupted = it.turn.status == TurnStatus::Interrupted,
            ThreadGoalUpdated(it) => status = Some(it.goal.status.clone()),
            ThreadStatusChanged(it) => {
                return Some(Self::Status {
                    thread_id: it.thread_id.clone(),
                    status: it.status.clone(),
                });
            }
            TurnStarted(_) | ThreadClosed(_) | ThreadGoalCleared(_) | Unrecognized { .. } => {}
            _ => return None,
        }
        let thread_id = notification.thread_id()?.to_owned();
        let turn_id = notification.turn_id().map(str::to_owned);
        match (notification.method(), turn_id) {
            ("turn/started", Some(turn_id)) => Some(Self::Started { thread_id, turn_id }),
            ("turn/completed", Some(turn_id)) => Some(Self::Completed {
                thread_id,
                turn_id,
                interrupted,
            }),
            ("thread/closed", _) => Some(Self::ThreadClosed { thread_id }),
            ("thread/goal/updated" | "thread/goal/cleared", _) => {
                Some(Self::Goal { thread_id, status })
            }
            _ => None,
        }
    }

    pub(crate) fn thread_id(&self) -> &str {
        match self {
            Self::Started { thread_id, .. }
            | Self::Completed { thread_id, .. }
            | Self::ThreadClosed { thread_id }
            | Self::Status { thread_id, .. }
            | Self::Goal { thread_id, .. } => thread_id,
        }
    }
}
