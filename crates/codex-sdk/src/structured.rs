//! Answers as values of a type.

use std::{fmt, future::IntoFuture};

use schemars::JsonSchema;
use serde::{Deserialize, de::DeserializeOwned};

use crate::{
    Call, Error, Result, StartTurn, TurnResult,
    strict::StrictSchema,
    types::{ClientMethod, DecodeError, TurnStartParams, TurnStatus},
};

/// The answer of a turn as a value, from [`Thread::run_as`](crate::Thread::run_as).
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Structured<T> {
    /// The answer.
    pub value: T,
    /// All that the turn brought; its `final_response` is the answer as text.
    pub result: TurnResult,
}

/// # Errors
/// [`Error::Schema`] before anything is sent, for a type that an answer can't be held to;
/// [`Error::Answer`] for an answer that isn't the type's, or none; and as for
/// `StartTurn<TurnResult>`.
///
/// # Cancel safety
/// As for `StartTurn<TurnResult>`: dropping the call interrupts its turn.
impl<T> IntoFuture for StartTurn<Structured<T>>
where
    T: DeserializeOwned + JsonSchema + Send + 'static,
{
    type Output = Result<Structured<T>>;
    type IntoFuture = Call<Structured<T>>;

    fn into_future(self) -> Self::IntoFuture {
        Call::new(async move {
            let StrictSchema { schema, wrapped } = StrictSchema::of::<T>()?;
            let result = self.answering(schema).await?;
            decode(result, wrapped)
        })
    }
}

/// A type that is no object, within one.
#[derive(Deserialize)]
struct Wrapped<T> {
    value: T,
}

fn decode<T: DeserializeOwned>(result: TurnResult, wrapped: bool) -> Result<Structured<T>> {
    let Some(text) = &result.final_response else {
        return Err(AnswerError::missing(result));
    };
    let value = if wrapped {
        serde_json::from_str(text).map(|Wrapped { value }| value)
    } else {
        serde_json::from_str(text)
    };
    match value {
        Ok(value) => Ok(Structured { value, result }),
        Err(error) => Err(AnswerError::misfit(result, wrapped, error)),
    }
}

/// An answer that isn't a value of its type, or that never came.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct AnswerError {
    /// The answer as it came; `None` if the turn ended without one.
    pub text: Option<String>,
    /// Where it isn't what the type says, such as `$.items[3].name`; `$` is the answer as a whole.
    pub path: String,
    /// What is wrong there, without the texts of the answer.
    pub reason: String,
    /// All that the turn brought.
    pub result: TurnResult,
}

impl AnswerError {
    fn missing(result: TurnResult) -> Error {
        let reason = match result.status {
            TurnStatus::Interrupted => "the turn was interrupted before it answered",
            _ => "the turn ended without an answer",
        };
        Error::Answer(Box::new(Self {
            text: None,
            path: "$".to_owned(),
            reason: reason.to_owned(),
            result,
        }))
    }

    fn misfit(result: TurnResult, wrapped: bool, error: serde_json::Error) -> Error {
        let text = result.final_response.clone();
        let json = text.as_deref().unwrap_or_default();
        let error = DecodeError::new(TurnStartParams::METHOD, json, error);
        Error::Answer(Box::new(Self {
            path: rooted(error.path(), wrapped),
            reason: error.reason(),
            text,
            result,
        }))
    }
}

/// A path in the answer as one in the type.
fn rooted(path: &str, wrapped: bool) -> String {
    let path = match path.strip_prefix("value") {
        Some(rest) if wrapped => rest,
        _ => path,
    };
    match path.chars().next() {
        None | Some('[' | '.') => format!("${path}"),
        Some(_) => format!("$.{path}"),
    }
}

impl fmt::Display for AnswerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, reason, .. } = self;
        match self.text {
            Some(_) => write!(
                f,
                "the answer doesn't fit its type at `{path}` ({reason}): read its text in the error, or ask again"
            ),
            None => write!(
                f,
                "{reason}: what it brought is in the partial result; ask again if it is needed"
            ),
        }
    }
}

impl std::error::Error for AnswerError {}
