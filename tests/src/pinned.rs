//! What differs between the runtimes that this workspace is pinned to, one after the other: as the types
//! have it, so that a bump changes no test.

use codex_sdk::types::{CodexErrorInfo, CurrentTimeReadParams, ServerMethod, ServerRequest};
use serde_json::Value;

/// The configuration in which the client is the clock.
pub const CLIENT_IS_CLOCK: &str =
    "[features.current_time_reminder]\nenabled = true\nclock_source = \"external\"";
/// How the runtime refuses a thread with [`CLIENT_IS_CLOCK`] where it doesn't ask for the time any more.
pub const NO_CLOCK: &str = "no external current-time provider is available";

/// Whether the runtime asks its client for the time.
pub fn asks_for_time() -> bool {
    !ServerRequest::RETIRED.contains(&CurrentTimeReadParams::METHOD)
}

/// Whether the runtime has this kind of failure, by its name in the protocol.
pub fn has_kind(kind: &str) -> bool {
    let kind = serde_json::from_value(Value::from(kind));
    !matches!(kind, Ok(CodexErrorInfo::Unrecognized(_)) | Err(_))
}
