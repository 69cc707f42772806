//! What a turn produced.

use std::collections::BTreeMap;

use codex_types::{ThreadItem, ThreadTokenUsage, TokenUsageBreakdown, TurnError, TurnStatus};
use serde::Serialize;

/// What a turn produced, from [`Thread::run`](crate::Thread::run) and
/// [`TurnHandle::run`](crate::TurnHandle::run).
///
/// It is serialized with camelCase fields, as in the protocol.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct TurnResult {
    /// The turn's id.
    pub id: String,
    /// How the turn ended; `InProgress` if that is unknown.
    pub status: TurnStatus,
    /// The error of a failed turn. In a partial result: the last error after which the runtime retried the
    /// model, if nothing has come since.
    pub error: Option<TurnError>,
    /// When it began, in Unix seconds.
    pub started_at: Option<i64>,
    /// When it ended, in Unix seconds.
    pub completed_at: Option<i64>,
    /// How long it ran, in milliseconds.
    pub duration_ms: Option<i64>,
    /// The answer: the text of the last message that the model marked as final, or else of the last one without
    /// a mark. Empty messages don't count. `None` if there is neither.
    pub final_response: Option<String>,
    /// Every completed item, in order, including the user's own messages. For a handle that joined a running
    /// turn: since it asked to join.
    pub items: Vec<ThreadItem>,
    /// The tokens of the thread so far (`total`), and of the last model call (`last`).
    pub usage: Option<ThreadTokenUsage>,
    /// This turn's share of it.
    pub(crate) turn_usage: Option<TokenUsageBreakdown>,
    /// What the turn's sub-agents, and theirs, used while it ran, by thread id.
    pub agents: BTreeMap<String, TokenUsageBreakdown>,
    pub(crate) diff: Option<String>,
}

impl TurnResult {
    /// The result of a turn that has produced nothing yet.
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

    /// The tokens of this turn alone, over all its model calls. `None` if the model wasn't called, for a
    /// review, whose usage the runtime doesn't report, and for a handle that joined a running turn, which has
    /// not seen all of it.
    pub fn turn_usage(&self) -> Option<&TokenUsageBreakdown> {
        self.turn_usage.as_ref()
    }

    /// The tokens of this turn and its sub-agents together.
    pub fn total_usage(&self) -> TokenUsageBreakdown {
        self.turn_usage.iter().chain(self.agents.values()).sum()
    }

    /// All changes that the turn made to files, as one unified diff. `None` if it changed nothing.
    pub fn diff(&self) -> Option<&str> {
        self.diff.as_deref()
    }
}
