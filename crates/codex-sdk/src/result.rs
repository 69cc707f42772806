//! What a turn brought.

use std::collections::HashSet;

use crate::{
    Error, Notification, Result,
    error::{TurnFailed, TurnIncomplete},
    types::{
        MessagePhase, ThreadItem, ThreadTokenUsage, TokenUsageBreakdown, Turn, TurnError,
        TurnItemsView, TurnStatus,
    },
    unheard,
};

/// What a turn brought, from [`Thread::run`](crate::Thread::run) and
/// [`TurnHandle::run`](crate::TurnHandle::run).
#[derive(Debug, Clone, PartialEq)]
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
    /// that it didn't mark at all. `None` if there is neither.
    pub final_response: Option<String>,
    /// Every item that was completed, in order, the user's own messages included. For a handle that
    /// joined a running turn: since it asked to join.
    pub items: Vec<ThreadItem>,
    /// The tokens of the thread so far (`total`), and of the last call of the model (`last`).
    pub usage: Option<ThreadTokenUsage>,
    /// This turn's share of it.
    turn_usage: Option<TokenUsageBreakdown>,
}

impl TurnResult {
    /// The tokens of this turn alone: all calls of the model in it. `None` if the model wasn't called,
    /// and for a handle that joined a running turn, which has not seen all of it.
    pub fn turn_usage(&self) -> Option<&TokenUsageBreakdown> {
        self.turn_usage.as_ref()
    }
}

fn difference(all: &TokenUsageBreakdown, part: &TokenUsageBreakdown) -> TokenUsageBreakdown {
    TokenUsageBreakdown {
        cache_write_input_tokens: all.cache_write_input_tokens - part.cache_write_input_tokens,
        cached_input_tokens: all.cached_input_tokens - part.cached_input_tokens,
        input_tokens: all.input_tokens - part.input_tokens,
        output_tokens: all.output_tokens - part.output_tokens,
        reasoning_output_tokens: all.reasoning_output_tokens - part.reasoning_output_tokens,
        total_tokens: all.total_tokens - part.total_tokens,
    }
}

/// Gathers a [`TurnResult`] from a turn's notifications.
#[derive(Debug)]
pub(crate) struct Collector {
    result: TurnResult,
    /// What the thread was known to have used before this turn. The runtime tells it once more when a
    /// turn ends before the model has answered.
    before: Option<TokenUsageBreakdown>,
    /// What the thread had used before the first call of the model in this turn.
    baseline: Option<TokenUsageBreakdown>,
    /// The beginning was seen.
    begun: bool,
    complete: bool,
    /// Why the model is being asked once more, as long as nothing came since.
    trouble: Option<TurnError>,
    /// Why the result can't be whole: the notifications broke off, or an item could not be read.
    broken: Option<Error>,
}

impl Collector {
    pub(crate) fn new(turn_id: &str, before: Option<TokenUsageBreakdown>) -> Self {
        Self {
            result: TurnResult {
                id: turn_id.to_owned(),
                status: TurnStatus::InProgress,
                error: None,
                started_at: None,
                completed_at: None,
                duration_ms: None,
                final_response: None,
                items: Vec::new(),
                usage: None,
                turn_usage: None,
            },
            before,
            baseline: None,
            begun: false,
            complete: false,
            trouble: None,
            broken: None,
        }
    }

    pub(crate) fn observe(&mut self, notification: &Notification) {
        match notification {
            Notification::Error(it) if it.will_retry => {
                // Whoever waits for the result alone would wonder what takes so long.
                unheard::log(notification);
                self.trouble = Some(it.error.clone());
                return;
            }
            // The end of a turn that was given up because of it.
            Notification::TurnCompleted(_) => {}
            _ => self.trouble = None,
        }
        match notification {
            Notification::ItemCompleted(completed) => {
                self.result.items.push(completed.item.clone());
            }
            Notification::ThreadTokenUsageUpdated(updated) => {
                let usage = updated.token_usage.clone();
                let called = self.before.as_ref() != Some(&usage.total);
                if self.begun && self.baseline.is_none() && called {
                    self.baseline = Some(difference(&usage.total, &usage.last));
                }
                let baseline = self.baseline.as_ref();
                self.result.turn_usage =
                    baseline.map(|baseline| difference(&usage.total, baseline));
                self.result.usage = Some(usage);
            }
            Notification::TurnStarted(started) => {
                self.begun = true;
                self.result.started_at = started.turn.started_at;
            }
            Notification::TurnCompleted(completed) => self.complete(&completed.turn),
            Notification::Unrecognized { method, params } => self.unrecognized(method, params),
            _ => {}
        }
    }

    fn complete(&mut self, turn: &Turn) {
        self.complete = true;
        if turn.items_view == TurnItemsView::Full {
            self.fill(&turn.items);
        }
        self.result.status = turn.status.clone();
        self.result.error.clone_from(&turn.error);
        self.result.started_at = turn.started_at.or(self.result.started_at);
        self.result.completed_at = turn.completed_at;
        self.result.duration_ms = turn.duration_ms;
    }

    /// Adds the items that were missed, of a turn that was read as stored.
    fn fill(&mut self, stored: &[ThreadItem]) {
        let items = &mut self.result.items;
        let ids = items.iter().filter_map(ThreadItem::id);
        let had: HashSet<String> = ids.map(str::to_owned).collect();
        let is_had = |item: &ThreadItem| item.id().is_some_and(|id| had.contains(id));
        // What came before a handle joined isn't its own.
        let first = stored.iter().position(is_had).filter(|_| !self.begun);
        let mut at = items.len();
        for item in stored[first.unwrap_or_default()..].iter().rev() {
            if is_had(item) {
                let own = items[..at].iter().rposition(|own| own.id() == item.id());
                at = own.unwrap_or(at);
            } else {
                items.insert(at, item.clone());
            }
        }
    }

    /// A notification of a known method that could not be decoded comes as an unrecognised one. That
    /// may pass in a stream; a result without an item that was there may not.
    fn unrecognized(&mut self, method: &str, params: &serde_json::Value) {
        if !matches!(method, "item/completed" | "turn/completed") {
            return;
        }
        let raw = serde_json::value::to_raw_value(params).ok();
        if let Err(error) = Notification::decode(method, raw.as_deref()) {
            self.broken.get_or_insert(Error::from(error));
        }
    }

    /// Notes the error that ended the notifications.
    pub(crate) fn broke(&mut self, error: &Error) {
        self.broken.get_or_insert_with(|| error.clone());
    }

    /// What has come so far.
    pub(crate) fn partial(&self) -> TurnResult {
        let mut result = self.result.clone();
        result.final_response = final_response(&result.items);
        result.error = result.error.or_else(|| self.trouble.clone());
        result
    }

    /// The result of a turn whose notifications have ended.
    pub(crate) fn finish(mut self) -> Result<TurnResult> {
        self.result.final_response = final_response(&self.result.items);
        let (result, source) = (self.result, self.broken);
        if let Some(Error::TurnTimeout(_)) = source {
            return source.map_or(Ok(result), Err);
        }
        if !self.complete || source.is_some() {
            let incomplete = TurnIncomplete { result, source };
            return Err(Error::TurnIncomplete(Box::new(incomplete)));
        }
        if result.status != TurnStatus::Failed {
            return Ok(result);
        }
        let error = result.error.clone();
        Err(Error::TurnFailed(Box::new(TurnFailed {
            message: error.as_ref().map_or_else(
                || "the runtime gave no reason".to_owned(),
                |error| error.message.clone(),
            ),
            codex_error_info: error
                .as_ref()
                .and_then(|error| error.codex_error_info.clone()),
            additional_details: error.and_then(|error| error.additional_details),
            result,
        })))
    }
}

fn final_response(items: &[ThreadItem]) -> Option<String> {
    let messages = || {
        items.iter().rev().filter_map(|item| match item {
            ThreadItem::AgentMessage(message) => Some(message),
            _ => None,
        })
    };
    let marked = messages().find(|message| message.phase == Some(MessagePhase::FinalAnswer));
    let unmarked = || messages().find(|message| message.phase.is_none());
    marked.or_else(unmarked).map(|message| message.text.clone())
}
