//! What refusals mean to a program.

use crate::{
    Error, RpcError,
    types::{CodexErrorInfo, TurnError},
};

/// What an error means to a program, from [`Error::condition`].
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

impl Error {
    /// What this means to a program, where that is known.
    pub fn condition(&self) -> Option<Condition> {
        match self {
            Self::Rpc(error) => of_refusal(error),
            Self::TurnFailed(failed) => of_turn(failed.result.error.as_ref()?),
            Self::ThreadBusy { .. } => Some(Condition::ThreadBusy),
            Self::RuntimeTooOld { .. } => Some(Condition::RuntimeTooOld),
            _ => None,
        }
    }
}

fn of_refusal(error: &RpcError) -> Option<Condition> {
    let says = |(words, _): &&(&str, Condition)| error.message.contains(words);
    WORDS
        .iter()
        .find(says)
        .map(|(_, condition)| *condition)
        .filter(|condition| {
            // An unknown variant may be the method, or some value in the parameters.
            *condition != Condition::FeatureUnsupported
                || !error.message.contains("unknown variant")
                || error.message.contains(&format!("`{}`", error.method))
        })
}

/// A turn fails with this status where the login is missing or refused.
const UNAUTHORIZED: Option<u16> = Some(401);

fn of_turn(error: &TurnError) -> Option<Condition> {
    let info = error.codex_error_info.as_ref()?;
    let status = match info {
        CodexErrorInfo::Unauthorized => UNAUTHORIZED,
        CodexErrorInfo::HttpConnectionFailed(it) => it.http_status_code,
        CodexErrorInfo::ResponseStreamConnectionFailed(it) => it.http_status_code,
        CodexErrorInfo::ResponseTooManyFailedAttempts(it) => it.http_status_code,
        CodexErrorInfo::ActiveTurnNotSteerable(_) => return Some(Condition::ThreadBusy),
        _ => None,
    };
    (status == UNAUTHORIZED).then_some(Condition::NotAuthenticated)
}

/// The turn that runs, as a refusal names it which expected another one.
pub(crate) fn actual_turn(error: &Error) -> Option<String> {
    let (_, found) = error
        .rpc()?
        .message
        .strip_prefix("expected active turn id")?
        .split_once("but found")?;
    let id = found.trim().trim_matches('`');
    (!id.is_empty()).then(|| id.to_owned())
}
