//! How a connection ended.

use std::fmt;
use std::process::ExitStatus;

use crate::error::condition::Condition;

/// How a connection ended. Everything that waited on it gets the same value.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Closed {
    /// Why it ended.
    pub reason: CloseReason,
    /// The exit status of the runtime's process, if it was observed.
    pub exit_status: Option<ExitStatus>,
    /// The tail of the runtime's stderr: at most 4 KiB, without terminal colours. The values of variables whose names
    /// say that they are secrets are hidden.
    pub stderr_tail: String,
}

/// Why a connection ended.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum CloseReason {
    /// [`Codex::close`](crate::Codex::close) was called, or the last handle was dropped.
    Requested,
    /// The runtime exited, or closed its output.
    Ended,
    /// The runtime's output ended in the middle of a line.
    EndedInLine {
        /// How much of that line had arrived, in bytes.
        bytes: usize,
    },
    /// A pipe to the runtime failed. Holds the system's error text.
    Io(String),
    /// The connection to a server was lost. Holds the error text. The server and its turns may still be running.
    Lost(String),
    /// Thousands of server requests had no answer: the runtime read none, or the program gave none.
    Ignored,
    /// The async runtime that ran the connection was shut down.
    Abandoned,
    /// A task of the connection panicked, most likely in one of your program's log subscribers.
    Panicked,
}

impl Closed {
    /// The condition that this end stands for.
    pub(crate) fn condition(&self) -> Condition {
        match self.reason {
            CloseReason::Lost(_) => Condition::ConnectionLost,
            _ => Condition::ConnectionClosed,
        }
    }

    /// An end of which only the reason is known, such as one that the client asked for.
    pub(crate) fn new(reason: CloseReason) -> Self {
        Self {
            reason,
            exit_status: None,
            stderr_tail: String::new(),
        }
    }
}

impl CloseReason {
    /// The same reason, for a connection to a server.
    pub(crate) fn of_server(self) -> Self {
        match self {
            Self::Ended => Self::Lost("the server ended it".to_owned()),
            Self::EndedInLine { bytes } => {
                Self::Lost(format!("it ended {bytes} bytes into a message"))
            }
            Self::Io(error) => Self::Lost(error),
            other => other,
        }
    }
}

impl fmt::Display for Closed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.reason {
            CloseReason::Requested => write!(f, "this codex was closed")?,
            CloseReason::Ended => write!(f, "the runtime has ended")?,
            CloseReason::EndedInLine { bytes } => {
                write!(f, "the runtime ended {bytes} bytes into a line")?;
            }
            CloseReason::Io(error) => write!(f, "a pipe to the runtime failed ({error})")?,
            CloseReason::Lost(reason) => {
                let advice = Condition::ConnectionLost.advice();
                return write!(
                    f,
                    "the connection to the server was lost ({reason}): {advice}"
                );
            }
            CloseReason::Ignored => {
                write!(
                    f,
                    "thousands of the runtime's requests had no answer: it read none, or the program gave none"
                )?;
            }
            CloseReason::Panicked => {
                write!(
                    f,
                    "a task of this codex panicked, most likely in a log subscriber of this program"
                )?;
            }
            CloseReason::Abandoned => {
                return write!(
                    f,
                    "the async runtime that carried this codex was shut down: keep it alive as long as the codex"
                );
            }
        }
        if let Some(status) = self.exit_status {
            write!(f, " ({status})")?;
        }
        write!(f, ": start a new one")?;
        match self.reason {
            CloseReason::Requested => Ok(()),
            _ => f.write_str(&stderr(&self.stderr_tail)),
        }
    }
}

impl std::error::Error for Closed {}

/// The stderr tail as the end of a message; empty if there is none.
pub(crate) fn stderr(tail: &str) -> String {
    if tail.is_empty() {
        return String::new();
    }
    format!("; its stderr ended with: {tail}")
}
