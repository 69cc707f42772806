use std::{error::Error, fmt};

use crate::json_path;

/// A message of a known method that does not have the shape it should.
#[derive(Debug)]
pub struct DecodeError {
    method: String,
    path: String,
    source: serde_json::Error,
}

impl DecodeError {
    /// Says that a message of this method failed with this error.
    pub fn new(method: &str, source: serde_json::Error) -> Self {
        Self {
            method: method.to_owned(),
            path: String::new(),
            source,
        }
    }

    /// Finds the path to the error in the text that was read.
    #[must_use]
    pub fn within(mut self, json: &str) -> Self {
        self.path = json_path::at(json, self.source.line(), self.source.column());
        self
    }

    /// The method of the message, or of the request that the message answers.
    pub fn method(&self) -> &str {
        &self.method
    }

    /// Where the value went wrong, such as `turn.items[3].type`; empty for the value as a whole.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// What is wrong with it, in a few words that don't quote a text of the message.
    pub fn reason(&self) -> String {
        // The position in the line is of no use beside the path; the source still has it.
        let cause = self.source.to_string();
        without_quotation(cause.split(" at line ").next().unwrap_or_default())
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot decode `{}`", self.method)?;
        if !self.path.is_empty() {
            write!(f, ": at `{}`", self.path)?;
        }
        write!(f, ": {}", self.reason())
    }
}

/// Leaves out the value that an error quotes: it may be secret.
fn without_quotation(cause: &str) -> String {
    match (cause.find('"'), cause.rfind('"')) {
        (Some(first), Some(last)) if first < last => {
            format!("{}…{}", &cause[..=first], &cause[last..])
        }
        _ => cause.to_owned(),
    }
}

impl Error for DecodeError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.source)
    }
}
