//! What a turn returns.

use serde_json::Value;

use crate::error::Result;
use crate::results::TurnResult;

/// What a turn returns: a [`TurnResult`], or if its answer is a value of a type, a
/// [`Structured`](crate::Structured). Nothing else implements it.
pub trait TurnOutput: Sized + Send + 'static + sealed::Sealed {}

impl<O: Sized + Send + 'static + sealed::Sealed> TurnOutput for O {}

pub(crate) mod sealed {
    use super::{Result, TurnResult, Value};

    pub trait Sealed: Sized {
        /// The schema that constrains the answer, unless the caller sets it.
        fn schema() -> Result<Option<Value>>;

        fn of(result: TurnResult) -> Result<Self>;
    }
}

impl sealed::Sealed for TurnResult {
    fn schema() -> Result<Option<Value>> {
        Ok(None)
    }

    fn of(result: TurnResult) -> Result<Self> {
        Ok(result)
    }
}
