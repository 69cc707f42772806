//! What a turn produced.

use std::collections::BTreeMap;

use codex_types::{ThreadItem, ThreadTokenUsage, TokenUsageBreakdown, TurnError, TurnStatus};
use serde::Serialize;

/// What a turn produced, from [`Thread::run`](crate::Thread::run) and
/// [`TurnHandle::run`](crate::TurnHandle::run).
///
/// It is serialized with its fields in camelCase, as the protocol has them.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct TurnResult {
    /// The turn's id.
    pub id: String,
    /// How the turn ended; `InProgress` if that isn't known.
    pub status: TurnStatus,
    /// The error of a failed turn. In a partial result: the last one after which the runtime tried to
    /// reach the model again, if nothing came since.
    pub error: Option<TurnError>,
    /// When it began, in Unix seconds.
    pub started_at: Option<i64>,
    /// When it ended, in Unix seconds.
    pub completed_at: Option<i64>,
    /// How long it ran, in milliseconds.
    pub duration_ms: Option<i64>,
    /// The answer: the text of the last message that the model marked as final, else of the last one
    /// that it didn't mark at all. An empty message is none. `None` if there is neither.
    pub final_response: Option<String>,
    /// Every item that was completed, in order, the user's own messages included. For a handle that
    /// joined a running turn: since it asked to join.
    pub items: Vec<ThreadItem>,
    /// The tokens of the thread so far (`total`), and of the last call of the model (`last`).
    pub usage: Option<ThreadTokenUsage>,
    /// This turn's share of it.
    pub(crate) turn_usage: Option<TokenUsageBreakdown>,
    /// What the turn's sub-agents used while it ran, by the ids of their threads, their own sub-agents too.
    pub agents: BTreeMap<String, TokenUsageBreakdown>,
    pub(crate) diff: Option<String>,
}

impl TurnResult {
    /// That of a turn of which nothing has come yet.
    pub(crate) fn new(id: &str) -> Self {
        Self {
            id: id.to_owned(),
            status: TurnStatus::InProgress,
            error: None,
            started_at: None,
            completed_at: None,
            duration_ms: None,
            final_response: None,
            items: Vec::new(),
            usage: None,
            turn_usage: None,
            agents: BTreeMap::new(),
            diff: None,
        }
    }

    /// The tokens of this turn alone: all calls of the model in it. `None` if the model wasn't called, for a
    /// review, of which the runtime doesn't tell, and for a handle that joined a running turn, which has not
    /// seen all of it.
    pub fn turn_usage(&self) -> Option<&TokenUsageBreakdown> {
        self.turn_usage.as_ref()
    }

    /// The tokens of this turn and of its sub-agents together.
    pub fn total_usage(&self) -> TokenUsageBreakdown {
        self.turn_usage.iter().chain(self.agents.values()).sum()
    }

    /// All that the turn has changed in files, as one unified diff. `None` if it changed nothing.
    pub fn diff(&self) -> Option<&str> {
        self.diff.as_deref()
    }
}
