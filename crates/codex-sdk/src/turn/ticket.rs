//! What a turn is found by.

use serde::{Deserialize, Serialize};

/// What a turn is found by: its thread and its id, from [`TurnHandle::detach`](crate::TurnHandle::detach). It can be
/// written to a file or a database, and read by another program.
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
    /// A ticket for a turn whose ids were kept in another way.
    pub fn new(thread_id: impl Into<String>, turn_id: impl Into<String>) -> Self {
        Self {
            thread_id: thread_id.into(),
            turn_id: turn_id.into(),
        }
    }
}
