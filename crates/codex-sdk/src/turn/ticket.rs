//! What identifies a turn.

use serde::{Deserialize, Serialize};

/// What identifies a turn: its thread and its id, from [`TurnHandle::detach`](crate::TurnHandle::detach). You
/// can write it to a file or a database and read it in another program.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct TurnTicket {
    /// The turn's thread.
    pub thread_id: String,
    /// The turn.
    pub turn_id: String,
}

impl TurnTicket {
    /// A ticket for a turn whose ids were stored in another way.
    pub fn new(thread_id: impl Into<String>, turn_id: impl Into<String>) -> Self {
        Self {
            thread_id: thread_id.into(),
            turn_id: turn_id.into(),
        }
    }
}
