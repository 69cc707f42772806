//! The messages of a start that failed.

use std::io;

use crate::error::condition::Condition;

/// What to do about a process that the system couldn't start.
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

/// The message for a program that didn't start.
pub(super) fn unstarted(condition: Option<Condition>) -> String {
    match condition {
        // From a server that runs elsewhere.
        Some(
            condition @ (Condition::ConnectionLost
            | Condition::DeadlinePassed
            | Condition::RuntimeOverloaded),
        ) => format!(
            "did not complete the app-server handshake: {}",
            condition.advice()
        ),
        Some(condition) => format!("did not start: {}", condition.advice()),
        None => {
            "did not complete the app-server handshake: check that it is a Codex runtime".to_owned()
        }
    }
}

/// What to do about a server that refuses or can't be reached.
pub(super) fn unconnected(condition: Option<Condition>) -> String {
    let advice = condition.map_or("check its address", Condition::advice);
    format!(": {advice}")
}

/// The message for a runtime that is too old, or isn't the pinned one.
pub(super) fn unsupported(found: &str, needs: &str, pinned: &str) -> String {
    let found = version(found);
    if needs == pinned {
        format!(
            "this runtime is {found}, and `require_pinned` asks for Codex {pinned}: use that one, or leave `require_pinned` out"
        )
    } else {
        format!(
            "this runtime is {found}, and this SDK needs Codex {needs} or newer: use the pinned one, {pinned}"
        )
    }
}

/// A version, as a message shows it.
fn version(found: &str) -> String {
    if found.is_empty() {
        "one that doesn't tell its version".to_owned()
    } else {
        format!("{found:?}")
    }
}
