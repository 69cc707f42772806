//! Answers as values of a type.

use codex_types::{ClientMethod, DecodeError, TurnStartParams, TurnStatus};
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::turn::AnswerError;
use crate::error::{Error, Result};
use crate::results::TurnResult;
use crate::strict::StrictSchema;
use crate::turn::output::sealed::Sealed;

/// A turn's answer as a value, from [`Thread::run_as`](crate::Thread::run_as) and
/// [`Thread::turn_as`](crate::Thread::turn_as).
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Structured<T> {
    /// The answer.
    pub value: T,
    /// Everything that the turn produced; its `final_response` is the answer as text.
    pub result: TurnResult,
}

/// Returns the schema of a type, as [`run_as`](crate::Thread::run_as) uses it to constrain an answer. Pass it
/// to [`output_schema`](crate::StartTurn::output_schema); [`TurnResult::parse`] reads the answer.
///
/// # Errors
/// [`Error::Schema`], with the path, for a type that can't constrain an answer.
pub fn strict_schema<T: JsonSchema>() -> Result<Value> {
    Ok(StrictSchema::of::<T>()?.schema)
}

impl TurnResult {
    /// Reads the answer as a value of this type. `1.0` counts as an integer, as in JSON Schema. A type that
    /// isn't an object is taken out of the object that [`strict_schema`] puts it into; a type without such a
    /// schema, such as a map, is read as it stands.
    ///
    /// # Errors
    /// [`Error::Answer`] for an answer that doesn't fit the type, or none.
    pub fn parse<T: DeserializeOwned + JsonSchema>(&self) -> Result<T> {
        let wrapped = StrictSchema::of::<T>().is_ok_and(|it| it.wrapped);
        Ok(decode(self.clone(), wrapped)?.value)
    }
}

impl<T> Sealed for Structured<T>
where
    T: DeserializeOwned + JsonSchema + Send + 'static,
{
    fn schema() -> Result<Option<Value>> {
        strict_schema::<T>().map(Some)
    }

    fn of(result: TurnResult) -> Result<Self> {
        let wrapped = StrictSchema::of::<T>()?.wrapped;
        decode(result, wrapped)
    }
}

/// A type that isn't an object, within one.
#[derive(Deserialize)]
struct Wrapped<T> {
    value: T,
}

fn decode<T: DeserializeOwned>(result: TurnResult, wrapped: bool) -> Result<Structured<T>> {
    let Some(text) = &result.final_response else {
        return Err(missing(result));
    };
    let read = |text: &str| {
        if wrapped {
            serde_json::from_str(text).map(|Wrapped { value }| value)
        } else {
            serde_json::from_str(text)
        }
    };
    match read(text).or_else(|error| read(&with_integers(text)).map_err(|_| error)) {
        Ok(value) => Ok(Structured { value, result }),
        Err(error) => Err(misfit(result, wrapped, &error)),
    }
}

/// JSON with its whole numbers as integers: `1.0` is one to a JSON Schema, but not to serde.
fn with_integers(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    let (mut in_string, mut is_escaped) = (false, false);
    let mut rest = json.chars();
    while let Some(char) = rest.next() {
        if in_string {
            in_string = is_escaped || char != '"';
            is_escaped = !is_escaped && char == '\\';
        } else if char == '.' && text.ends_with(|it: char| it.is_ascii_digit()) {
            let fraction = rest.as_str();
            let after = fraction.trim_start_matches('0');
            let goes_on = |it: char| it.is_ascii_digit() || matches!(it, 'e' | 'E');
            if after.len() < fraction.len() && !after.starts_with(goes_on) {
                rest = after.chars();
                continue;
            }
        } else {
            in_string = char == '"';
        }
        text.push(char);
    }
    text
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

/// Turns a path in the answer into a path in the type.
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

#[cfg(test)]
mod tests {
    use super::with_integers;

    #[test]
    fn whole_numbers_become_integers_and_all_else_stays() {
        let json = r#"{"1.0": "2.0 \"3.0\\", "a": [1.0, -4.00,5.5, 6.05, 7.0e3, 80, 0.0], "b": 18446744073709551615.0}"#;
        let expected = r#"{"1.0": "2.0 \"3.0\\", "a": [1, -4,5.5, 6.05, 7.0e3, 80, 0], "b": 18446744073709551615}"#;
        assert_eq!(with_integers(json), expected);
        for broken in ["1.", "[.0]", "{\"a\": -.0}", "\"1.0"] {
            assert_eq!(with_integers(broken), broken);
        }
    }
}
