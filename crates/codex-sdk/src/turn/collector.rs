//! Turns a turn's notifications into its result.

use std::collections::HashSet;

use codex_types::lenient;
use codex_types::{
    DecodeError, MessagePhase, ThreadItem, TokenUsageBreakdown, Turn, TurnError, TurnItemsView,
    TurnStatus,
};
use serde::de;
use serde_json::Value;

use crate::connection::event_queue::Notification;
use crate::connection::unhandled;
use crate::error::turn::TurnFailed;
use crate::error::{Error, Result, TurnIncomplete};
use crate::results::TurnResult;
use crate::turn::spending::{Spending, Spent};

fn difference(all: &TokenUsageBreakdown, part: &TokenUsageBreakdown) -> TokenUsageBreakdown {
    TokenUsageBreakdown {
        cache_write_input_tokens: all
            .cache_write_input_tokens
            .saturating_sub(part.cache_write_input_tokens),
        cached_input_tokens: all
            .cached_input_tokens
            .saturating_sub(part.cached_input_tokens),
        input_tokens: all.input_tokens.saturating_sub(part.input_tokens),
        output_tokens: all.output_tokens.saturating_sub(part.output_tokens),
        reasoning_output_tokens: all
            .reasoning_output_tokens
            .saturating_sub(part.reasoning_output_tokens),
        total_tokens: all.total_tokens.saturating_sub(part.total_tokens),
    }
}

/// Gathers a [`TurnResult`] from a turn's notifications.
#[derive(Debug)]
pub(crate) struct Collector {
    result: TurnResult,
    /// The thread's known usage before this turn. The runtime repeats it when a turn ends before the model has
    /// answered.
    before: Option<TokenUsageBreakdown>,
    /// The thread's usage before the first model call of this turn.
    baseline: Option<TokenUsageBreakdown>,
    /// Whether the beginning was seen.
    begun: bool,
    /// Whether the turn began before its handle: its usage until then is unknown.
    joined: bool,
    spending: Spending,
    complete: bool,
    /// Why the model is being retried, as long as nothing has come since.
    trouble: Option<TurnError>,
    /// Why the result can't be complete: the notifications broke off, or the turn's end can't be read.
    broken: Option<Error>,
}

impl Collector {
    pub(crate) fn new(turn_id: &str, before: Option<TokenUsageBreakdown>) -> Self {
        Self {
            result: TurnResult::new(turn_id),
            spending: Spending::new(before.as_ref()),
            before,
            baseline: None,
            begun: false,
            joined: false,
            complete: false,
            trouble: None,
            broken: None,
        }
    }

    /// Notes that the turn began before its handle.
    pub(crate) fn joins(&mut self) {
        self.joined = true;
    }

    pub(crate) fn observe(&mut self, notification: &Notification) {
        match notification {
            Notification::Error(it) if it.will_retry => {
                // A caller that waits only for the result would wonder about the delay.
                unhandled::log(notification);
                self.trouble = Some(it.error.clone());
                return;
            }
            // The turn may have been given up because of it.
            Notification::TurnCompleted(_) => {}
            _ => self.trouble = None,
        }
        match notification {
            Notification::ItemCompleted(completed) => {
                self.result.items.push(completed.item.clone());
            }
            Notification::ItemStarted(started) => self.spending.begin(&started.item),
            Notification::TurnDiffUpdated(updated) => {
                self.result.diff = Some(updated.diff.clone()).filter(|diff| !diff.is_empty());
            }
            Notification::ThreadTokenUsageUpdated(updated) => {
                let usage = updated.token_usage.clone();
                let called = self.before.as_ref() != Some(&usage.total);
                self.spending.add(&usage);
                if self.begun && self.baseline.is_none() && called {
                    self.baseline = Some(difference(&usage.total, &usage.last));
                }
                let baseline = self.baseline.as_ref();
                self.result.turn_usage =
                    baseline.map(|baseline| difference(&usage.total, baseline));
                self.result.usage = Some(usage);
            }
            Notification::TurnStarted(started) => {
                self.begun = !self.joined;
                self.result.started_at = started.turn.started_at;
            }
            Notification::TurnCompleted(completed) => self.complete(&completed.turn),
            Notification::Unrecognized { method, params } => self.unrecognized(method, params),
            _ => {}
        }
    }

    /// Notes a sub-agent's usage.
    pub(crate) fn observe_agent(&mut self, notification: &Notification) {
        if let Notification::ThreadTokenUsageUpdated(updated) = notification
            && self
                .spending
                .add_agent(&updated.thread_id, &updated.token_usage)
        {
            let agents = &mut self.result.agents;
            let used = agents.entry(updated.thread_id.clone()).or_default();
            *used += &updated.token_usage.last;
        }
    }

    pub(crate) fn spent(&self) -> Spent {
        self.spending.spent
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

    /// Adds the items that were missed, from the turn as stored.
    fn fill(&mut self, stored: &[ThreadItem]) {
        let items = &mut self.result.items;
        let ids = items.iter().filter_map(ThreadItem::id);
        let had: HashSet<String> = ids.map(str::to_owned).collect();
        let is_had = |item: &ThreadItem| item.id().is_some_and(|id| had.contains(id));
        // What came before a handle joined doesn't belong to it.
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

    /// A notification of a known method that can't be decoded arrives as an unrecognized one. The parts that a
    /// result needs are read from it all the same.
    fn unrecognized(&mut self, method: &str, params: &Value) {
        match method {
            "item/completed" => {
                let item = params.get("item").map(lenient::value);
                self.result.items.extend(item.and_then(Result::ok));
            }
            "turn/completed" => self.complete_unread(&params["turn"]),
            _ => {}
        }
    }

    /// Takes what can be read from a turn's end. A result needs its status.
    fn complete_unread(&mut self, turn: &Value) {
        let Some(status) = turn["status"].as_str() else {
            let error = de::Error::custom("the end of a turn without its status");
            let error = DecodeError::new("turn/completed", &error);
            self.broken.get_or_insert(Error::from(error));
            return;
        };
        self.complete = true;
        self.result.status = TurnStatus::from(status);
        let items = turn["items"]
            .as_array()
            .filter(|_| turn["itemsView"] == "full");
        let items = items.into_iter().flatten().map(lenient::value);
        self.fill(&items.filter_map(Result::ok).collect::<Vec<_>>());
        let error = turn.get("error").filter(|error| !error.is_null());
        self.result.error = error.map(|error| {
            lenient::value(error).unwrap_or_else(|_| {
                let message = error["message"].as_str();
                TurnError::new(message.unwrap_or("the reason could not be read"))
            })
        });
        self.result.started_at = turn["startedAt"].as_i64().or(self.result.started_at);
        self.result.completed_at = turn["completedAt"].as_i64();
        self.result.duration_ms = turn["durationMs"].as_i64();
    }

    /// Notes the error that ended the notifications.
    pub(crate) fn broke(&mut self, error: &Error) {
        self.broken.get_or_insert_with(|| error.clone());
    }

    /// What has arrived so far.
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
        if let Some(Error::TurnTimeout(_) | Error::BudgetSpent(_)) = source {
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
            // An empty message is not an answer.
            ThreadItem::AgentMessage(message) => {
                Some(message).filter(|message| !message.text.trim().is_empty())
            }
            _ => None,
        })
    };
    let marked = messages().find(|message| message.phase == Some(MessagePhase::FinalAnswer));
    let unmarked = || messages().find(|message| message.phase.is_none());
    marked.or_else(unmarked).map(|message| message.text.clone())
}
