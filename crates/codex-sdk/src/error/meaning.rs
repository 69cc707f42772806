//! What an error means to a program, and how it is told to another one.

use serde::ser::SerializeStruct as _;
use serde::{Serialize, Serializer};

use crate::error::Error;
use crate::error::condition::Condition;
use crate::error::rpc::RpcErrorKind;

impl Error {
    /// What this means to a program: why a turn stopped or a call was refused. `None` where that isn't
    /// known, and for errors that the variant alone tells apart. `docs/faq.md` has a table of them all.
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

    /// Whether the same may work later without anything being changed: the provider was overloaded,
    /// unreachable or failed, its stream broke off, a rate was too high, or the runtime was overloaded.
    ///
    /// Running the prompt again is sensible then, but unless the error
    /// [is retryable](Self::is_retryable), what the turn did until it failed has happened: it is in
    /// [`partial_result`](Self::partial_result). [`retry_on_transient`](crate::retry_on_transient) runs
    /// it again.
    ///
    /// Not among them: a used-up limit, a full context window, a login, a model or a configuration that
    /// must be changed first; a lost connection, after which this client stays closed
    /// ([`is_closed`](Self::is_closed)); a turn that may still run, and a request that was not answered
    /// in time, for it may have been carried out.
    pub fn is_transient(&self) -> bool {
        let still_runs = matches!(self, Self::TurnTimeout(timeout) if !timeout.interrupted);
        !still_runs && self.condition().is_some_and(Condition::is_transient)
    }

    /// Whether the same call may simply be made again a little later: the runtime was overloaded and has
    /// not begun to carry it out. Every such error [is transient](Self::is_transient), too.
    pub fn is_retryable(&self) -> bool {
        self.rpc()
            .is_some_and(|error| error.kind() == RpcErrorKind::ServerBusy)
    }

    /// The name of its variant.
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

/// Its `kind`, the variant's name; its `message`, which is that of `Debug`; its `condition`, or `null`; and
/// whether it is `transient`. What a turn had produced isn't in it.
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
