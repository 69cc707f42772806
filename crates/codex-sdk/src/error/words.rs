//! What the runtime's messages mean, and how they are shown.

use std::borrow::Cow;

use codex_types::CodexErrorInfo;
use serde_json::Value;

use crate::error::condition::Condition;

/// What operating systems say when a resource has run out. It is the cause, whatever else a message says.
const RUN_OUT: [&str; 6] = [
    "Too many open files",
    "No file descriptors available",
    "No space left on device",
    "Cannot allocate memory",
    "Out of memory",
    "Resource temporarily unavailable",
];

/// Beginnings of refusals.
const BEGINNINGS: [(&str, Condition); 19] = [
    ("failed to load configuration", Condition::ConfigInvalid),
    (
        "failed to read configuration layers",
        Condition::ConfigInvalid,
    ),
    ("invalid configuration", Condition::ConfigInvalid),
    ("Invalid configuration", Condition::ConfigInvalid),
    ("no active turn", Condition::NoActiveTurn),
    ("expected active turn id", Condition::NoActiveTurn),
    ("thread not found", Condition::ThreadNotFound),
    ("thread not loaded", Condition::ThreadNotFound),
    ("no rollout found", Condition::ThreadNotFound),
    ("no archived rollout found", Condition::ThreadNotFound),
    ("invalid thread id", Condition::ThreadNotFound),
    ("invalid session id", Condition::ThreadNotFound),
    ("ephemeral thread", Condition::ThreadNotStored),
    // The refusals for a thread that no turn has run on.
    ("list_turns is not supported", Condition::ThreadNotStored),
    (
        "thread/items/list is not supported",
        Condition::ThreadNotStored,
    ),
    ("Not logged in", Condition::NotAuthenticated),
    ("unknown MCP server", Condition::McpServerFailed),
    ("No MCP server named", Condition::McpServerFailed),
    ("invalid paginated history", Condition::ThreadUnreadable),
];

/// The refusals for a thread that is being unloaded.
const CLOSING: [&str; 2] = [
    "is closing; retry",
    "thread listener command channel is closed",
];

pub(super) fn says_closing(message: &str) -> bool {
    CLOSING.iter().any(|words| message.contains(words))
}

/// The refusals for a thread that has nothing stored.
const UNSTORED: [&str; 4] = [
    "list_turns is not supported",
    "no rollout found",
    "is not materialized yet",
    ".jsonl is empty",
];

pub(super) fn says_new(message: &str) -> bool {
    UNSTORED.iter().any(|words| message.contains(words))
}

/// Phrases anywhere in refusals.
const PARTS: [(&str, Condition); 19] = [
    ("already has an active writer", Condition::ThreadInUse),
    ("is archived", Condition::ThreadArchived),
    ("is not materialized yet", Condition::ThreadNotStored),
    (
        "forked history still references it",
        Condition::ThreadHasForks,
    ),
    (
        "failed to read session metadata",
        Condition::ThreadUnreadable,
    ),
    ("failed to load history", Condition::ThreadUnreadable),
    (CLOSING[0], Condition::ThreadBusy),
    (CLOSING[1], Condition::ThreadBusy),
    ("ActiveTurnNotSteerable", Condition::ThreadBusy),
    ("ActiveTurnOutputSchemaMismatch", Condition::ThreadBusy),
    ("cannot steer a", Condition::ThreadBusy),
    ("while a turn is", Condition::ThreadBusy),
    (
        "required MCP servers failed to initialize",
        Condition::McpServerFailed,
    ),
    ("error sending request", Condition::ProviderUnreachable),
    ("feature is disabled", Condition::FeatureUnsupported),
    ("is not enabled", Condition::FeatureUnsupported),
    ("requires experimentalApi", Condition::FeatureUnsupported),
    ("does not support goals", Condition::FeatureUnsupported),
    ("authentication required", Condition::NotAuthenticated),
];

/// What the refusal of a method means.
pub(super) fn of_refusal(
    method: &str,
    code: i64,
    message: &str,
    data: Option<&Value>,
) -> Option<Condition> {
    let tag = data.and_then(|data| data["config_write_error_code"].as_str());
    match tag {
        Some("configVersionConflict") => return Some(Condition::ConfigChanged),
        Some("configValidationError") => return Some(Condition::ConfigInvalid),
        _ => {}
    }
    if data.is_some_and(|data| data["reason"] == "serverShuttingDown") {
        return Some(Condition::ServerDraining);
    }
    if has_run_out(message) {
        return Some(Condition::ResourcesExhausted);
    }
    // An unknown variant may be the method, or some value in the parameters.
    if message.contains(&format!("unknown variant `{method}`")) {
        return Some(Condition::FeatureUnsupported);
    }
    let begins = BEGINNINGS
        .iter()
        .find(|(words, _)| message.starts_with(words));
    let found = begins.or_else(|| PARTS.iter().find(|(words, _)| message.contains(words)));
    found.map(|(_, condition)| *condition).or(match code {
        -32600 | -32602 => Some(Condition::InvalidRequest),
        -32601 => Some(Condition::FeatureUnsupported),
        -32603 => Some(Condition::RuntimeFailed),
        _ => None,
    })
}

fn has_run_out(message: &str) -> bool {
    RUN_OUT.iter().any(|words| message.contains(words))
}

/// What providers say about a model that they refuse, in a message that contains `model`. They share no code.
const REFUSED_MODEL: [&str; 3] = [
    "model_not_found",
    "does not exist",
    "is not supported when using Codex",
];

/// What the failure of a turn means.
pub(super) fn of_failure(message: &str, info: Option<&CodexErrorInfo>) -> Option<Condition> {
    if message.contains("model") && REFUSED_MODEL.iter().any(|words| message.contains(words)) {
        return Some(Condition::ModelUnavailable);
    }
    Some(match info? {
        CodexErrorInfo::ContextWindowExceeded => Condition::ContextWindowExceeded,
        CodexErrorInfo::SessionBudgetExceeded => Condition::TokenBudgetSpent,
        CodexErrorInfo::UsageLimitExceeded => Condition::UsageLimitReached,
        CodexErrorInfo::RateLimitExceeded => Condition::RateLimited,
        CodexErrorInfo::FlexUnavailable => Condition::FlexUnavailable,
        CodexErrorInfo::ServerOverloaded => Condition::ProviderOverloaded,
        CodexErrorInfo::CyberPolicy | CodexErrorInfo::MisalignmentPolicyViolation => {
            Condition::PolicyViolation
        }
        CodexErrorInfo::TooManyDenials => Condition::TooManyDenials,
        CodexErrorInfo::InternalServerError => Condition::ProviderFailed,
        CodexErrorInfo::Unauthorized => Condition::NotAuthenticated,
        CodexErrorInfo::BadRequest => Condition::RequestRejected,
        CodexErrorInfo::ThreadRollbackFailed => Condition::RuntimeFailed,
        CodexErrorInfo::SandboxError => Condition::SandboxFailed,
        CodexErrorInfo::HttpConnectionFailed(it) => of_status(it.http_status_code),
        CodexErrorInfo::ResponseStreamConnectionFailed(it) => of_status(it.http_status_code),
        CodexErrorInfo::ResponseTooManyFailedAttempts(it) => of_status(it.http_status_code),
        CodexErrorInfo::ResponseStreamDisconnected(_) => Condition::StreamBroken,
        CodexErrorInfo::ActiveTurnNotSteerable(_) => Condition::ThreadBusy,
        CodexErrorInfo::Other => of_other(message),
        newer => return of_newer(newer.tag()),
    })
}

/// What the kinds added after runtime 0.163.0 mean. They are matched by name, which works whether or not the pinned
/// schema has them.
fn of_newer(kind: &str) -> Option<Condition> {
    Some(match kind {
        "modelNotFound" => Condition::ModelUnavailable,
        "bioPolicy" => Condition::PolicyViolation,
        // A hook of the workspace runs before the model.
        "inferenceHookDenied" => Condition::AccessDenied,
        "policyCapacityUnavailable" => Condition::ProviderOverloaded,
        _ => return None,
    })
}

/// What a provider's HTTP status means. Without one, the provider wasn't reached.
fn of_status(status: Option<u16>) -> Condition {
    match status {
        None => Condition::ProviderUnreachable,
        Some(401) => Condition::NotAuthenticated,
        Some(402) => Condition::UsageLimitReached,
        Some(403) => Condition::AccessDenied,
        Some(429) => Condition::RateLimited,
        Some(529) => Condition::ProviderOverloaded,
        Some(408 | 425 | 500..) => Condition::ProviderFailed,
        Some(_) => Condition::RequestRejected,
    }
}

/// What a failure of the kind `other` means. The runtime uses it for a provider's 400, and for much else.
fn of_other(message: &str) -> Condition {
    match provider_code(message).as_deref() {
        Some("context_length_exceeded") => return Condition::ContextWindowExceeded,
        Some("insufficient_quota") => return Condition::UsageLimitReached,
        Some("content_filter" | "content_policy_violation") => return Condition::PolicyViolation,
        _ if has_run_out(message) => return Condition::ResourcesExhausted,
        _ => {}
    }
    let words = [
        ("reason: content_filter", Condition::PolicyViolation),
        ("reason: max_output_tokens", Condition::AnswerTruncated),
        ("stream disconnected", Condition::StreamBroken),
        ("Missing environment variable", Condition::NotAuthenticated),
        ("current time", Condition::HandlerFailed),
        ("Fatal error", Condition::RuntimeFailed),
    ];
    let found = words.into_iter().find(|(words, _)| message.contains(words));
    found.map_or(Condition::RequestRejected, |(_, condition)| condition)
}

/// The error code in a provider's answer, if the runtime passed that on unchanged, as JSON.
fn provider_code(message: &str) -> Option<String> {
    let body: Value = serde_json::from_str(message).ok()?;
    Some(body["error"]["code"].as_str()?.to_owned())
}

/// The message in a provider's answer, else `message` itself.
pub(super) fn of_provider(message: &str) -> Cow<'_, str> {
    let Ok(body) = serde_json::from_str::<Value>(message) else {
        return message.into();
    };
    let words = [&body["error"]["message"], &body["message"], &body["detail"]];
    let words = words.into_iter().find_map(Value::as_str);
    words.map_or(message.into(), |words| words.to_owned().into())
}

/// The id of the running turn, from the refusal of a request that expected another one.
pub(crate) fn actual_turn(message: &str) -> Option<String> {
    let (_, found) = message
        .strip_prefix("expected active turn id")?
        .split_once("but found")?;
    let id = found.trim().trim_matches('`');
    (!id.is_empty()).then(|| id.to_owned())
}

/// A message lists at most this many of the values that were expected.
const MOST_VALUES: usize = 12;
/// A message shows at most this many characters of the runtime's message.
const MOST_CHARACTERS: usize = 1000;

/// The runtime's message as part of one sentence: on one line, and without long lists.
pub(super) fn shown(words: &str) -> String {
    let lines: Vec<_> = words.split_whitespace().collect();
    let mut words = without_list(&lines.join(" "));
    if let Some((end, _)) = words.char_indices().nth(MOST_CHARACTERS) {
        words.truncate(end);
        words.push('…');
    }
    words
}

/// Drops a long list: for an unknown method, the runtime lists all methods that it has.
fn without_list(words: &str) -> String {
    let whole = || words.to_owned();
    let Some((before, values)) = words.split_once(", expected one of `") else {
        return whole();
    };
    if values.matches("`, `").count() < MOST_VALUES {
        return whole();
    }
    let (_, end) = values.rsplit_once("`, `").unwrap_or_default();
    let (_, after) = end.split_once('`').unwrap_or_default();
    format!("{before}{after}")
}
