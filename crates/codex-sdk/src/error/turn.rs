//! How a turn can end without its result.

use std::fmt;
use std::time::Duration;

use codex_types::CodexErrorInfo;

use crate::error::condition::Condition;
use crate::error::words;
use crate::results::TurnResult;

/// A turn that ended with the status `failed`.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct TurnFailed {
    /// The runtime's message.
    pub message: String,
    /// The kind of failure, if the runtime reported one.
    pub codex_error_info: Option<CodexErrorInfo>,
    /// More details, if the runtime reported any.
    pub additional_details: Option<String>,
    /// Everything that the turn produced.
    pub result: TurnResult,
}

impl TurnFailed {
    pub(super) fn condition(&self) -> Option<Condition> {
        words::of_failure(&self.message, self.codex_error_info.as_ref())
    }
}

impl fmt::Display for TurnFailed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let condition = self.condition();
        let message = words::shown(&words::of_provider(&self.message));
        let mut words = &*message;
        if condition.is_some() {
            words = words.trim_end_matches('.');
        }
        write!(f, "the turn failed: {words}")?;
        if let Some(details) = &self.additional_details {
            write!(f, " ({})", words::shown(details))?;
        }
        match condition {
            Some(condition) => write!(f, ": {}", condition.advice()),
            None => Ok(()),
        }
    }
}

impl std::error::Error for TurnFailed {}

/// A turn that exceeded one of its deadlines.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct TurnTimeout {
    /// Which deadline it was.
    pub deadline: Deadline,
    /// The length of that deadline.
    pub after: Duration,
    /// Whether the runtime has ended the turn as interrupted. If not, another handle of this client is
    /// on the turn, or the runtime didn't confirm the interrupt within 5 s.
    pub interrupted: bool,
    /// What had arrived by then. Its `id` is empty if the runtime hadn't accepted the turn.
    pub result: TurnResult,
}

/// A deadline of a turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Deadline {
    /// The deadline of the whole turn, from `timeout`.
    Total,
    /// The deadline for the next sign of progress, from `stall_timeout`.
    Stall,
}

impl TurnTimeout {
    /// An error that the runtime reports while it retries a turn is about reaching the provider.
    pub(super) fn condition(&self) -> Condition {
        match self.result.error {
            Some(_) => Condition::ProviderUnreachable,
            None => Condition::DeadlinePassed,
        }
    }
}

impl fmt::Display for TurnTimeout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let after = self.after;
        match self.deadline {
            Deadline::Total => write!(f, "the turn took longer than {after:?}")?,
            Deadline::Stall => write!(f, "the turn made no progress within {after:?}")?,
        }
        f.write_str(if self.interrupted {
            " and was interrupted"
        } else {
            " and may still run"
        })?;
        if let Some(trouble) = &self.result.error {
            let details = trouble
                .additional_details
                .as_deref()
                .unwrap_or("no details");
            let message = &trouble.message;
            return write!(
                f,
                ": the model could not be reached, {message:?} ({details}); fix that, then run it again"
            );
        }
        f.write_str(match self.deadline {
            Deadline::Total => ": raise `timeout` if it may take longer",
            Deadline::Stall => ": raise `stall_timeout` if it may be silent longer",
        })
    }
}

impl std::error::Error for TurnTimeout {}

/// A turn that went on after it had spent its budget.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct BudgetSpent {
    /// Which budget was spent.
    pub budget: Budget,
    /// Whether the runtime has ended the turn as interrupted. If not, another handle of this client is
    /// on the turn, or the runtime didn't confirm the interrupt within 5 s.
    pub interrupted: bool,
    /// What had arrived by then.
    pub result: TurnResult,
}

/// A budget of a turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Budget {
    /// This many model calls, from `max_model_calls`.
    ModelCalls(u32),
    /// This many tokens, from `token_budget`.
    Tokens(i64),
}

impl fmt::Display for BudgetSpent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let setter = match self.budget {
            Budget::ModelCalls(calls) => {
                write!(f, "the turn called the model {calls} times and went on")?;
                "max_model_calls"
            }
            Budget::Tokens(tokens) => {
                write!(f, "the turn spent its {tokens} tokens and went on")?;
                "token_budget"
            }
        };
        let end = if self.interrupted {
            "it was interrupted"
        } else {
            "it may still run"
        };
        write!(f, "; {end}: see the partial result, or raise `{setter}`")
    }
}

impl std::error::Error for BudgetSpent {}

/// An answer that isn't a value of its type, or that is missing.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct AnswerError {
    /// The answer's text; `None` if the turn ended without one.
    pub text: Option<String>,
    /// Where the answer doesn't match the type, such as `$.items[3].name`; `$` is the whole answer.
    pub path: String,
    /// What is wrong there, without text from the answer.
    pub reason: String,
    /// Everything that the turn produced.
    pub result: TurnResult,
}

impl fmt::Display for AnswerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, reason, .. } = self;
        match self.text {
            Some(_) => write!(
                f,
                "the answer doesn't fit its type at `{path}` ({reason}): read its text in the error, or ask again"
            ),
            None => write!(
                f,
                "{reason}: the partial result has what came; ask again if it is needed"
            ),
        }
    }
}

impl std::error::Error for AnswerError {}
