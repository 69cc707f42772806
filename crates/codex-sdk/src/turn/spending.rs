//! What a turn spends, and whether it goes on.

use std::collections::HashMap;

use codex_types::{ThreadItem, ThreadTokenUsage, TokenUsageBreakdown};

/// What a turn has spent.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Spent {
    pub(crate) model_calls: u32,
    pub(crate) tokens: i64,
    /// The tokens spent before the last model call.
    pub(crate) earlier_tokens: i64,
    /// Whether the turn goes on after the last model call.
    pub(crate) goes_on: bool,
}

/// Counts the model calls and their tokens.
#[derive(Debug, Default)]
pub(crate) struct Spending {
    pub(crate) spent: Spent,
    /// Whether the last model call began something whose outcome the model will be told.
    follows: bool,
    /// The usage last reported for each thread, by thread id, with the turn's own under the empty id: reports
    /// are repeated.
    known: HashMap<String, TokenUsageBreakdown>,
}

impl Spending {
    /// `before` is the thread's known usage before the turn.
    pub(super) fn new(before: Option<&TokenUsageBreakdown>) -> Self {
        let own = before.map(|before| (String::new(), before.clone()));
        Self {
            known: own.into_iter().collect(),
            ..Self::default()
        }
    }

    /// Notes the beginning of an item.
    pub(super) fn begin(&mut self, item: &ThreadItem) {
        if matches!(item, ThreadItem::UserMessage(_)) {
            return;
        }
        self.spent.goes_on = true;
        self.follows |= !matches!(
            item,
            ThreadItem::AgentMessage(_)
                | ThreadItem::Reasoning(_)
                | ThreadItem::Plan(_)
                | ThreadItem::WebSearch(_)
                | ThreadItem::ImageGeneration(_)
        );
    }

    /// Notes a model call in the turn itself.
    pub(super) fn add(&mut self, usage: &ThreadTokenUsage) {
        if self.count("", usage) {
            self.spent.goes_on = std::mem::take(&mut self.follows);
        }
    }

    /// Notes a model call by a sub-agent, whose outcome the turn will be told; returns `false` if it was noted
    /// before.
    pub(super) fn add_agent(&mut self, thread_id: &str, usage: &ThreadTokenUsage) -> bool {
        let is_new = self.count(thread_id, usage);
        self.spent.goes_on |= is_new;
        is_new
    }

    fn count(&mut self, thread_id: &str, usage: &ThreadTokenUsage) -> bool {
        let before = self.known.insert(thread_id.to_owned(), usage.total.clone());
        // A provider that counts no tokens always reports the same total.
        if before.as_ref() == Some(&usage.total) && usage.total.total_tokens > 0 {
            return false;
        }
        let Spent {
            model_calls,
            tokens,
            earlier_tokens,
            ..
        } = &mut self.spent;
        *earlier_tokens = *tokens;
        *model_calls = model_calls.saturating_add(1);
        *tokens = tokens.saturating_add(usage.last.total_tokens);
        true
    }
}
