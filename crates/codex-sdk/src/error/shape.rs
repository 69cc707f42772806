//! A message with an unexpected shape.

use std::{error, fmt};

use codex_cli_bin::RUNTIME_VERSION;
use codex_types::DecodeError;

/// A message of a known kind with an unexpected shape, usually from another version of the runtime.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct UnexpectedShape {
    /// The version that the runtime reported; empty if it reported none.
    pub found: String,
    /// Which message it was, where in it, and what is wrong.
    pub cause: DecodeError,
}

impl fmt::Display for UnexpectedShape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the runtime")?;
        if !self.found.is_empty() {
            write!(f, ", which is {:?},", self.found)?;
        }
        f.write_str(" sent an unexpected shape: ")?;
        if self.found == RUNTIME_VERSION {
            // The user can't fix this.
            f.write_str("please report it")
        } else {
            write!(
                f,
                "this SDK is made for Codex {RUNTIME_VERSION}; use that one"
            )
        }
    }
}

impl error::Error for UnexpectedShape {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        Some(&self.cause)
    }
}
