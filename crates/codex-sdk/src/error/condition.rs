//! What refusals mean to a program.

use codex_types::CodexErrorInfo;

/// What an error means to a program, from [`Error::condition`](crate::Error::condition).
///
/// The runtime answers nearly every refusal with the same code. These are told apart by its words, as
/// the pinned version has them; another version may word one differently, and then it has no condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Condition {
    /// The thread does something that this can't be done beside: wait for its end, or interrupt it.
    ThreadBusy,
    /// There is no running turn to steer or to interrupt: it has ended.
    NoActiveTurn,
    /// There is no such thread, or it isn't loaded: resume it, or look for its id with `thread_list`.
    ThreadNotFound,
    /// There is no login, or the provider refused it: log in.
    NotAuthenticated,
    /// The provider doesn't know the model, or refuses it to this account: choose one of
    /// [`Codex::models`](crate::Codex::models).
    ModelUnavailable,
    /// The database in the runtime's home can't be opened: other runtimes are starting on the same new home,
    /// which are waited for, for 15 s; or it is damaged.
    HomeDatabase,
    /// The runtime can't write to its home.
    HomeUnwritable,
    /// No space is left where the runtime's home is.
    NoSpace,
    /// The runtime may open too few files (`ulimit -n`).
    TooManyOpenFiles,
    /// A value of the configuration has the wrong type, or isn't known.
    InvalidConfig,
    /// The runtime needs `/proc`, which isn't there.
    ProcUnavailable,
    /// The runtime was still working when the program's own deadline passed.
    StillStarting,
    /// The runtime is older than an option that was used.
    RuntimeTooOld,
    /// The runtime doesn't know the method, or has the feature switched off.
    FeatureUnsupported,
}

/// The beginnings of the runtime's words, or any part of them.
const WORDS: [(&str, Condition); 16] = [
    ("no active turn", Condition::NoActiveTurn),
    ("expected active turn id", Condition::NoActiveTurn),
    ("thread not found", Condition::ThreadNotFound),
    ("thread not loaded", Condition::ThreadNotFound),
    ("no rollout found", Condition::ThreadNotFound),
    ("invalid thread id", Condition::ThreadNotFound),
    ("invalid session id", Condition::ThreadNotFound),
    ("cannot steer a", Condition::ThreadBusy),
    ("while a turn is", Condition::ThreadBusy),
    ("unknown variant", Condition::FeatureUnsupported),
    ("feature is disabled", Condition::FeatureUnsupported),
    ("is not enabled", Condition::FeatureUnsupported),
    ("requires experimentalApi", Condition::FeatureUnsupported),
    ("does not support goals", Condition::FeatureUnsupported),
    ("authentication required", Condition::NotAuthenticated),
    ("Not logged in", Condition::NotAuthenticated),
];

/// What the refusal of a method means.
pub(crate) fn of_refusal(method: &str, message: &str) -> Option<Condition> {
    let says = |(words, _): &&(&str, Condition)| message.contains(words);
    WORDS
        .iter()
        .find(says)
        .map(|(_, condition)| *condition)
        .filter(|condition| {
            // An unknown variant may be the method, or some value in the parameters.
            *condition != Condition::FeatureUnsupported
                || !message.contains("unknown variant")
                || message.contains(&format!("`{method}`"))
        })
}

/// What providers say of a model, in a message that has that word. They have no code in common.
const REFUSED_MODEL: [&str; 3] = [
    "model_not_found",
    "does not exist",
    "is not supported when using Codex",
];

/// A turn fails with this status where the login is missing or refused.
const UNAUTHORIZED: Option<u16> = Some(401);

/// What the failure of a turn means.
pub(crate) fn of_failure(message: &str, info: Option<&CodexErrorInfo>) -> Option<Condition> {
    if message.contains("model") && REFUSED_MODEL.iter().any(|words| message.contains(words)) {
        return Some(Condition::ModelUnavailable);
    }
    let status = match info? {
        CodexErrorInfo::Unauthorized => UNAUTHORIZED,
        CodexErrorInfo::HttpConnectionFailed(it) => it.http_status_code,
        CodexErrorInfo::ResponseStreamConnectionFailed(it) => it.http_status_code,
        CodexErrorInfo::ResponseTooManyFailedAttempts(it) => it.http_status_code,
        CodexErrorInfo::ActiveTurnNotSteerable(_) => return Some(Condition::ThreadBusy),
        _ => None,
    };
    (status == UNAUTHORIZED).then_some(Condition::NotAuthenticated)
}

/// What to do next, as the end of a message.
pub(crate) fn advice(condition: Option<Condition>) -> &'static str {
    match condition {
        Some(Condition::ThreadBusy) => {
            ": wait for its turn or goal to end, steer it, or interrupt it"
        }
        Some(Condition::NoActiveTurn) => ": it has ended, so there is nothing left to do",
        Some(Condition::ThreadNotFound) => {
            ": look for its id with `thread_list`, or resume it first if it isn't loaded"
        }
        Some(Condition::NotAuthenticated) => {
            ": log in (`login_chatgpt`, `login_chatgpt_device_code` or `login_api_key`), or mend the \
             key of the provider in `config.toml`"
        }
        Some(Condition::ModelUnavailable) => ": choose another model (`codex.models()` lists them)",
        Some(Condition::FeatureUnsupported) => {
            ": use the pinned runtime, or switch the feature on (`config`)"
        }
        Some(Condition::HomeDatabase) => {
            ": the database in its home can't be opened: if no other runtime is starting there, move `state*.sqlite` away, and it is made anew"
        }
        Some(Condition::HomeUnwritable) => {
            ": it can't write to its home: make that writable, or choose another with `codex_home`"
        }
        Some(Condition::NoSpace) => {
            ": no space is left for its home: free some, or choose another with `codex_home`"
        }
        Some(Condition::TooManyOpenFiles) => {
            ": it may open too few files: raise the limit (`ulimit -n`)"
        }
        Some(Condition::InvalidConfig) => {
            ": its configuration is invalid: correct what it names below, in `config.toml` or in `config`"
        }
        Some(Condition::ProcUnavailable) => ": it needs `/proc`: mount it",
        Some(Condition::StillStarting) => {
            ", but was still working: leave `startup_timeout` out, or raise it; if it was indexing its home, that is locked for 15 min now"
        }
        Some(Condition::RuntimeTooOld) | None => "",
    }
}

/// The turn that runs, as a refusal names it which expected another one.
pub(crate) fn actual_turn(message: &str) -> Option<String> {
    let (_, found) = message
        .strip_prefix("expected active turn id")?
        .split_once("but found")?;
    let id = found.trim().trim_matches('`');
    (!id.is_empty()).then(|| id.to_owned())
}
