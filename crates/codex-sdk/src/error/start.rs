//! What is said of a start that failed.

use std::io;

use codex_cli_bin::RUNTIME_VERSION;

use crate::error::condition::Condition;

/// What to do about a process that the system did not start.
pub(super) fn unspawned(source: &io::Error) -> &'static str {
    match source.kind() {
        io::ErrorKind::ArgumentListTooLong => {
            "its arguments and its environment are too long: shorten what `config`, `launch_args` and `env` hold"
        }
        io::ErrorKind::InvalidInput => "an argument or a variable holds a NUL: leave it out",
        io::ErrorKind::PermissionDenied => "check that the file is executable",
        io::ErrorKind::WouldBlock | io::ErrorKind::OutOfMemory => {
            "the system has too many processes or too little memory: end some, or raise the limit"
        }
        _ => "check that the file is executable and that `cwd` exists",
    }
}

/// What is said of a program that did not start.
pub(super) fn unstarted(condition: Option<Condition>) -> String {
    match condition {
        Some(condition) => format!("did not start: {}", condition.advice()),
        None => {
            "did not complete the app-server handshake: check that it is a Codex runtime".to_owned()
        }
    }
}

/// What is said of a runtime that is too old.
pub(super) fn unsupported(found: &str, needs: &str) -> String {
    let found = version(found);
    format!(
        "this SDK needs Codex {needs} or newer, and this runtime is {found}: use the pinned one, {RUNTIME_VERSION}"
    )
}

/// What is said of a runtime that isn't the pinned one.
pub(super) fn not_pinned(found: &str) -> String {
    let found = version(found);
    format!(
        "`require_pinned` asks for Codex {RUNTIME_VERSION}, and this runtime is {found}: use the pinned one, or leave `require_pinned` out"
    )
}

/// A version in a message.
fn version(found: &str) -> String {
    if found.is_empty() {
        "one that doesn't tell its version".to_owned()
    } else {
        format!("{found:?}")
    }
}
