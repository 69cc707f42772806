//! Differences between the runtimes that this workspace is pinned to over time. They are read from the
//! types, so a bump changes no test.

use codex_sdk::types::{CodexErrorInfo, CurrentTimeReadParams, ServerMethod, ServerRequest};
use serde_json::Value;

/// The configuration that makes the client the clock.
pub const CLIENT_IS_CLOCK: &str =
    "[features.current_time_reminder]\nenabled = true\nclock_source = \"external\"";
/// The runtime's refusal of a thread with [`CLIENT_IS_CLOCK`] if it no longer asks for the time.
pub const NO_CLOCK: &str = "no external current-time provider is available";

/// Returns whether the runtime asks its client for the time.
pub fn asks_for_time() -> bool {
    !ServerRequest::RETIRED.contains(&CurrentTimeReadParams::METHOD)
}

/// Returns whether the runtime has this kind of failure, by its name in the protocol.
pub fn has_kind(kind: &str) -> bool {
    let kind = serde_json::from_value(Value::from(kind));
    !matches!(kind, Ok(CodexErrorInfo::Unrecognized(_)) | Err(_))
}
