//! What can go wrong, and what to do about it.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use std::{error, fmt, io, iter};

use codex_types as types;

use crate::error::closed::{Closed, stderr};
use crate::error::condition::Condition;
use crate::error::rpc::RpcError;
use crate::error::shape::UnexpectedShape;
use crate::error::start::{unconnected, unspawned, unstarted, unsupported};
use crate::error::turn::{AnswerError, BudgetSpent, TurnFailed, TurnTimeout};
use crate::results::TurnResult;

pub(crate) mod closed;
pub(crate) mod condition;
mod meaning;
pub(crate) mod rpc;
pub(crate) mod shape;
mod start;
pub(crate) mod turn;
pub(crate) mod words;

/// The result of an operation of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Any error that a handler or a tool returns.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// A handler's answer. An error refuses the request.
pub type HandlerResult<R> = std::result::Result<R, BoxError>;

/// An error of this crate.
///
/// Each message says what happened, why, and what to do next. Programs match on [`Error::condition`].
///
/// `Debug` is for people, too: `main` and `unwrap` print it, so it shows the message and those of all its sources.
#[derive(Clone, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The runtime could not be found or installed.
    #[error(transparent)]
    Runtime(Arc<codex_cli_bin::Error>),

    /// The folder that `CODEX_HOME` names doesn't exist.
    #[error(
        "`CODEX_HOME` names {path:?}, which is not a folder: create it, or choose another one with `codex_home`"
    )]
    #[non_exhaustive]
    HomeMissing {
        /// The folder.
        path: PathBuf,
    },

    /// The process of the runtime could not be started.
    #[error("could not start the runtime at {program:?}: {}", unspawned(source))]
    #[non_exhaustive]
    Spawn {
        /// The executable.
        program: PathBuf,
        /// Why.
        source: Arc<io::Error>,
    },

    /// The program was started but didn't respond like an app-server.
    #[error("{program:?} {}{}", unstarted(*.condition), stderr(.stderr_tail))]
    #[non_exhaustive]
    Handshake {
        /// The executable.
        program: PathBuf,
        /// What kept it from starting, if known.
        condition: Option<Condition>,
        /// The tail of its stderr: at most 4 KiB, without terminal colours. The values of variables whose names say
        /// that they are secrets are hidden.
        stderr_tail: String,
        /// The underlying error.
        source: Box<Error>,
    },

    /// A server could not be reached, or refused this client.
    #[error("could not connect to {url}: {reason}{}", unconnected(*.condition))]
    #[non_exhaustive]
    Connect {
        /// The address, without its query.
        url: String,
        /// What prevented the connection, if known.
        condition: Option<Condition>,
        /// What the system or the server said.
        reason: String,
    },

    /// The connection is closed; nothing more can be sent. Start a new client.
    #[error("{0}")]
    Closed(Arc<Closed>),

    /// The runtime refused a request.
    #[error("{0}")]
    Rpc(Box<RpcError>),

    /// A request was not answered in time. It may still take effect.
    #[error(
        "`{method}` was not answered within {after:?}: raise its deadline (`timeout`, `request_timeout` or `startup_timeout`) if it may take longer"
    )]
    #[non_exhaustive]
    Timeout {
        /// The protocol method.
        method: String,
        /// The deadline that passed.
        after: Duration,
    },

    /// A message of a known kind had an unexpected shape.
    #[error(transparent)]
    Decode(Arc<UnexpectedShape>),

    /// Parameters could not be written as JSON.
    #[error("the parameters of `{method}` can't be written as JSON")]
    #[non_exhaustive]
    Encode {
        /// The protocol method.
        method: String,
        /// Why.
        source: Arc<serde_json::Error>,
    },

    /// An argument was refused before anything was sent.
    #[error("{0}")]
    InvalidInput(String),

    /// The goal ended before its first turn began.
    #[error("the goal of the thread {thread_id} ended before its first turn: set it again")]
    #[non_exhaustive]
    GoalEnded {
        /// The thread.
        thread_id: String,
    },

    /// An OS thread could not be started, to look for the runtime or to run blocking operations.
    #[error("no thread could be started: end some, or raise their limit (`ulimit -u`)")]
    #[non_exhaustive]
    Thread {
        /// Why.
        source: Arc<io::Error>,
    },

    /// The runtime no longer waits for an answer: the turn has ended, or somebody else has answered.
    #[error(
        "`{method}` no longer waits for an answer: its turn has ended, or it was answered elsewhere"
    )]
    #[non_exhaustive]
    RequestWithdrawn {
        /// The protocol method of the request.
        method: String,
    },

    /// The thread is busy with something that excludes this operation.
    #[error(
        "the thread {thread_id} is busy: wait for its turn or goal to end, steer it, or interrupt it"
    )]
    #[non_exhaustive]
    ThreadBusy {
        /// The thread.
        thread_id: String,
    },

    /// The runtime is too old for an option, which it would have ignored, or for a method. Nothing was sent.
    #[error(
        "this runtime is {found:?}, and `{option}` needs Codex {needs} or newer: use the pinned one, or do without"
    )]
    #[non_exhaustive]
    RuntimeTooOld {
        /// The option, or the method, as the protocol names it.
        option: String,
        /// The first version that has it.
        needs: &'static str,
        /// The version that the runtime reported; empty if it reported none.
        found: String,
    },

    /// The runtime is older than any that this SDK works with, or isn't the pinned one although
    /// [`require_pinned`](crate::CodexBuilder::require_pinned) asks for it. The runtime was stopped.
    #[error("{}", unsupported(.found, .needs, .pinned))]
    #[non_exhaustive]
    UnsupportedRuntime {
        /// The version that the runtime reported; empty if it reported none.
        found: String,
        /// The oldest version that works; with `require_pinned`, the only one.
        needs: &'static str,
        /// The version that this SDK is made for.
        pinned: &'static str,
    },

    /// A page of a list named itself as the next one.
    #[error(
        "`{method}` returned a page that names itself as the next one: only the pages before it can be read"
    )]
    #[non_exhaustive]
    EndlessList {
        /// The protocol method.
        method: &'static str,
    },

    /// The type or schema can't constrain an answer. Nothing was sent.
    #[error("an answer can't be constrained to this type: `{path}` {problem}")]
    #[non_exhaustive]
    Schema {
        /// The place in the type, such as `$.items[].name`; `$` is the type itself.
        path: String,
        /// What is wrong there, and what to do about it.
        problem: String,
    },

    /// The turn ended, but its answer isn't a value of the type that was asked for.
    #[error("{0}")]
    Answer(Box<AnswerError>),

    /// The turn failed.
    #[error("{0}")]
    TurnFailed(Box<TurnFailed>),

    /// The turn exceeded one of its deadlines.
    #[error("{0}")]
    TurnTimeout(Box<TurnTimeout>),

    /// The turn spent its budget and is interrupted, unless another handle is on it.
    #[error("{0}")]
    BudgetSpent(Box<BudgetSpent>),

    /// The runtime reports that the turn's thread runs nothing, and nothing says how the turn ended.
    /// This ends a stream, and is the source of an [`Error::TurnIncomplete`].
    #[error(
        "the thread {thread_id} runs nothing, and the end of its turn {turn_id} can't be read: check what it did before you run it again"
    )]
    #[non_exhaustive]
    TurnLost {
        /// The thread.
        thread_id: String,
        /// The turn.
        turn_id: String,
        /// Why it can't be read; `None` if the runtime doesn't know the turn.
        source: Option<Box<Error>>,
    },

    /// The turn's events ended without `turn/completed`, or with one that can't be read.
    #[error("the turn ended {}: what came before is in the partial result", unended(.0))]
    TurnIncomplete(#[source] Box<TurnIncomplete>),

    /// A subscription was read too slowly and was ended; everything else goes on.
    #[error(
        "more than {budget} bytes were unread: read faster, or raise `subscription_budget` or `unread_budget`"
    )]
    #[non_exhaustive]
    Lagged {
        /// The budget that was exceeded, in bytes: the subscription's own, or the one shared by all.
        budget: usize,
    },

    /// The runtime sent a line longer than the limit; it was skipped.
    #[error("the runtime sent a line of more than {limit} bytes: raise `max_line_bytes`")]
    #[non_exhaustive]
    LineTooLong {
        /// The limit, in bytes.
        limit: usize,
    },

    /// The runtime sent a line that isn't a protocol message; it was skipped.
    #[error("the runtime sent a line that isn't a protocol message: {reason}")]
    #[non_exhaustive]
    MalformedLine {
        /// What is wrong with it.
        reason: String,
    },
}

impl Error {
    pub(crate) fn thread_busy(thread_id: &str) -> Self {
        let thread_id = thread_id.to_owned();
        Self::ThreadBusy { thread_id }
    }

    /// Whether the runtime is unloading the thread, which can be opened again a moment later.
    pub(crate) fn is_of_closing_thread(&self) -> bool {
        self.rpc()
            .is_some_and(|error| words::says_closing(&error.message))
    }

    /// Whether the runtime has stored nothing of the thread yet.
    pub(crate) fn is_of_new_thread(&self) -> bool {
        self.rpc()
            .is_some_and(|error| words::says_new(&error.message))
    }

    /// Whether the connection is closed, so only a new client helps.
    pub fn is_closed(&self) -> bool {
        self.closed().is_some()
    }

    /// How the connection ended, if that is the cause.
    pub fn closed(&self) -> Option<&Closed> {
        match self {
            Self::Closed(closed) => Some(closed),
            Self::TurnIncomplete(incomplete) => incomplete.source.as_ref()?.closed(),
            Self::Handshake { source, .. } => source.closed(),
            _ => None,
        }
    }

    /// Whether a deadline passed.
    pub fn is_timeout(&self) -> bool {
        match self {
            Self::Timeout { .. } | Self::TurnTimeout(_) => true,
            Self::Handshake { source, .. } => source.is_timeout(),
            _ => false,
        }
    }

    /// The runtime's refusal, if that is the cause.
    pub fn rpc(&self) -> Option<&RpcError> {
        match self {
            Self::Rpc(error) => Some(error),
            Self::Handshake { source, .. } => source.rpc(),
            _ => None,
        }
    }

    /// What a turn produced before it failed, broke off or passed a limit, or along with an answer that
    /// doesn't fit its type.
    pub fn partial_result(&self) -> Option<&TurnResult> {
        match self {
            Self::Answer(answer) => Some(&answer.result),
            Self::TurnFailed(failed) => Some(&failed.result),
            Self::TurnTimeout(timeout) => Some(&timeout.result),
            Self::BudgetSpent(spent) => Some(&spent.result),
            Self::TurnIncomplete(incomplete) => Some(&incomplete.result),
            _ => None,
        }
    }
}

/// How the message describes a turn whose end isn't known.
fn unended(incomplete: &TurnIncomplete) -> &'static str {
    match incomplete.source {
        Some(Error::Decode(_)) => "in a way that can't be read",
        _ => "without `turn/completed`",
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")?;
        iter::successors(error::Error::source(self), |error| error.source())
            .try_for_each(|source| write!(f, ": {source}"))
    }
}

impl From<codex_cli_bin::Error> for Error {
    fn from(error: codex_cli_bin::Error) -> Self {
        Self::Runtime(Arc::new(error))
    }
}

impl From<types::DecodeError> for Error {
    fn from(error: types::DecodeError) -> Self {
        Self::Decode(Arc::new(UnexpectedShape {
            found: String::new(),
            cause: error,
        }))
    }
}

/// A turn whose events ended without `turn/completed`, or with one that can't be read.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct TurnIncomplete {
    /// What had arrived by then.
    pub result: TurnResult,
    /// Why the events ended.
    pub source: Option<Error>,
}

impl fmt::Display for TurnIncomplete {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.source {
            Some(source) => source.fmt(f),
            None => write!(f, "its events ended"),
        }
    }
}

impl std::error::Error for TurnIncomplete {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_ref()?.source()
    }
}
