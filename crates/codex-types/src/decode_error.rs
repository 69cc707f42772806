use std::error::Error;
use std::fmt;

use crate::{json_path, reason};

/// A message of a known method with an unexpected shape.
///
/// The error says where and why. It contains no value from the message, because any of them may be
/// secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecodeError {
    method: String,
    path: String,
    reason: String,
    /// The position of `serde_json`, as it counts.
    position: (usize, usize),
}

impl DecodeError {
    /// Creates the error of a message of this method from the error of `serde_json`.
    pub fn new(method: &str, error: &serde_json::Error) -> Self {
        Self {
            method: method.to_owned(),
            path: String::new(),
            reason: reason::of(error),
            position: (error.line(), error.column()),
        }
    }

    /// Adds the path to the error in the text that was read.
    #[must_use]
    pub fn within(mut self, json: &str) -> Self {
        let (line, column) = self.position;
        self.path = json_path::at(json, line, column);
        self
    }

    /// Returns the method of the message, or of the request that the message answers.
    pub fn method(&self) -> &str {
        &self.method
    }

    /// Returns the path of the bad value, such as `turn.items[3].type`; empty for the value as a whole.
    /// A key that can't be a field name is shown as `…`.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Returns what is wrong with the value, in a few words that quote nothing from the message.
    pub fn reason(&self) -> &str {
        &self.reason
    }

    /// Moves the error to another path.
    pub(crate) fn at(mut self, path: String) -> Self {
        self.path = path;
        self
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot decode `{}`", self.method)?;
        if !self.path.is_empty() {
            write!(f, ": at `{}`", self.path)?;
        }
        write!(f, ": {}", self.reason)
    }
}

impl Error for DecodeError {}
