//! Answers as values of a type.

use std::future::IntoFuture;

use codex_types::{ClientMethod, DecodeError, TurnStartParams, TurnStatus};
use schemars::JsonSchema;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::call::Call;
use crate::error::turn::AnswerError;
use crate::error::{Error, Result};
use crate::results::TurnResult;
use crate::run_as::strict::StrictSchema;
use crate::turn::start::StartTurn;

mod strict;

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
        return Err(missing(result));
    };
    let value = if wrapped {
        serde_json::from_str(text).map(|Wrapped { value }| value)
    } else {
        serde_json::from_str(text)
    };
    match value {
        Ok(value) => Ok(Structured { value, result }),
        Err(error) => Err(misfit(result, wrapped, &error)),
    }
}

fn missing(result: TurnResult) -> Error {
    let reason = match result.status {
        TurnStatus::Interrupted => "the turn was interrupted before it answered",
        _ => "the turn ended without an answer",
    };
    Error::Answer(Box::new(AnswerError {
        text: None,
        path: "$".to_owned(),
        reason: reason.to_owned(),
        result,
    }))
}

fn misfit(result: TurnResult, wrapped: bool, error: &serde_json::Error) -> Error {
    let text = result.final_response.clone();
    let json = text.as_deref().unwrap_or_default();
    let error = DecodeError::new(TurnStartParams::METHOD, error).within(json);
    Error::Answer(Box::new(AnswerError {
        path: rooted(error.path(), wrapped),
        reason: error.reason().to_owned(),
        text,
        result,
    }))
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
