use std::error::Error;
use std::fmt;

use crate::{json_path, reason};

/// A message of a known method that does not have the shape it should.
///
/// It says where and why, and has no value of the message: one of them may be secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecodeError {
    method: String,
    path: String,
    reason: String,
    /// Where `serde_json` was, in its counting.
    position: (usize, usize),
}

impl DecodeError {
    /// Says that a message of this method failed with this error.
    pub fn new(method: &str, error: &serde_json::Error) -> Self {
        Self {
            method: method.to_owned(),
            path: String::new(),
            reason: reason::of(error),
            position: (error.line(), error.column()),
        }
    }

    /// Finds the path to the error in the text that was read.
    #[must_use]
    pub fn within(mut self, json: &str) -> Self {
        let (line, column) = self.position;
        self.path = json_path::at(json, line, column);
        self
    }

    /// The method of the message, or of the request that the message answers.
    pub fn method(&self) -> &str {
        &self.method
    }

    /// Where the value went wrong, such as `turn.items[3].type`; empty for the value as a whole. A key
    /// that is no name of a field is `…`.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// What is wrong with it, in a few words that quote nothing of the message.
    pub fn reason(&self) -> &str {
        &self.reason
    }

    /// The same at another path.
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
