//! The conditions of errors, and how errors are serialized.

use serde::ser::SerializeStruct as _;
use serde::{Serialize, Serializer};

use crate::error::Error;
use crate::error::condition::Condition;
use crate::error::rpc::RpcErrorKind;

impl Error {
    /// Why a turn stopped or a call was refused, for a program to match on. `None` if that isn't known,
    /// and for errors that the variant alone identifies. `docs/faq.md` has a table of all conditions.
    pub fn condition(&self) -> Option<Condition> {
        match self {
            Self::TurnFailed(failed) => failed.condition(),
            Self::TurnTimeout(timeout) => Some(timeout.condition()),
            Self::TurnIncomplete(incomplete) => incomplete.source.as_ref()?.condition(),
            Self::Timeout { .. } => Some(Condition::DeadlinePassed),
            Self::Closed(closed) => Some(closed.condition()),
            Self::Connect { condition, .. } => *condition,
            Self::InvalidInput(_) | Self::Schema { .. } => Some(Condition::InvalidRequest),
            Self::ThreadBusy { .. } => Some(Condition::ThreadBusy),
            Self::RuntimeTooOld { .. } => Some(Condition::RuntimeTooOld),
            // `require_pinned` refuses newer ones, too.
            Self::UnsupportedRuntime { needs, pinned, .. } => {
                (needs != pinned).then_some(Condition::RuntimeTooOld)
            }
            Self::Handshake { condition, .. } if condition.is_some() => *condition,
            _ => self.rpc()?.condition(),
        }
    }

    /// Whether the same call may work later, with nothing changed: the provider was overloaded, was
    /// unreachable or failed, its stream broke off, a rate limit was hit, or the runtime was
    /// overloaded.
    ///
    /// You can then run the prompt again. Unless the error [is retryable](Self::is_retryable), what the
    /// turn did before it failed has happened; it is in [`partial_result`](Self::partial_result).
    /// [`retry_on_transient`](crate::retry_on_transient) runs the prompt again.
    ///
    /// Not transient: a used-up limit; a full context window; a login, a model or a configuration that
    /// has to change first; a lost connection, after which this client stays closed
    /// ([`is_closed`](Self::is_closed)); a turn that may still be running; and a request that wasn't
    /// answered in time, because it may have been carried out.
    pub fn is_transient(&self) -> bool {
        let still_runs = matches!(self, Self::TurnTimeout(timeout) if !timeout.interrupted);
        !still_runs && self.condition().is_some_and(Condition::is_transient)
    }

    /// Whether the same call can be made again a little later: the runtime was overloaded and hasn't begun to carry it
    /// out. Every such error [is transient](Self::is_transient), too.
    pub fn is_retryable(&self) -> bool {
        self.rpc()
            .is_some_and(|error| error.kind() == RpcErrorKind::ServerBusy)
    }

    /// The name of the variant.
    fn kind(&self) -> &'static str {
        match self {
            Self::Runtime(_) => "Runtime",
            Self::HomeMissing { .. } => "HomeMissing",
            Self::Spawn { .. } => "Spawn",
            Self::Handshake { .. } => "Handshake",
            Self::Connect { .. } => "Connect",
            Self::Closed(_) => "Closed",
            Self::Rpc(_) => "Rpc",
            Self::Timeout { .. } => "Timeout",
            Self::Decode(_) => "Decode",
            Self::Encode { .. } => "Encode",
            Self::InvalidInput(_) => "InvalidInput",
            Self::GoalEnded { .. } => "GoalEnded",
            Self::Thread { .. } => "Thread",
            Self::RequestWithdrawn { .. } => "RequestWithdrawn",
            Self::ThreadBusy { .. } => "ThreadBusy",
            Self::RuntimeTooOld { .. } => "RuntimeTooOld",
            Self::UnsupportedRuntime { .. } => "UnsupportedRuntime",
            Self::EndlessList { .. } => "EndlessList",
            Self::Schema { .. } => "Schema",
            Self::Answer(_) => "Answer",
            Self::TurnFailed(_) => "TurnFailed",
            Self::TurnTimeout(_) => "TurnTimeout",
            Self::BudgetSpent(_) => "BudgetSpent",
            Self::TurnLost { .. } => "TurnLost",
            Self::TurnIncomplete(_) => "TurnIncomplete",
            Self::Lagged { .. } => "Lagged",
            Self::LineTooLong { .. } => "LineTooLong",
            Self::MalformedLine { .. } => "MalformedLine",
        }
    }
}

/// Serializes `kind`, the variant's name; `message`, the text of `Debug`; `condition`, which may be `null`; and
/// `transient`. The partial result of a turn isn't included.
impl Serialize for Error {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut error = serializer.serialize_struct("Error", 4)?;
        error.serialize_field("kind", self.kind())?;
        error.serialize_field("message", &format!("{self:?}"))?;
        error.serialize_field("condition", &self.condition())?;
        error.serialize_field("transient", &self.is_transient())?;
        error.end()
    }
}
