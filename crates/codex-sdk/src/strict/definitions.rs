//! The definitions of a derived schema.

use serde_json::{Map, Value};

use crate::error::{Error, Result};

/// The definitions of a derived schema.
#[derive(Clone, Copy)]
pub(super) struct Definitions<'a>(pub(super) &'a Map<String, Value>);

impl<'a> Definitions<'a> {
    /// The name and the content of the definition that a reference names.
    pub(super) fn find(self, reference: &str, path: &str) -> Result<(String, &'a Value)> {
        let name = reference.strip_prefix("#/$defs/");
        let found = name.and_then(|name| Some((name.to_owned(), self.0.get(name)?)));
        match found {
            Some(found) => Ok(found),
            None => refused(
                path,
                "has a type whose name can't be referred to: name it in ASCII letters, with `schemars(rename)`",
            ),
        }
    }
}

/// The error for a type or schema that can't constrain an answer.
pub(super) fn refused<T>(path: &str, problem: &str) -> Result<T> {
    Err(Error::Schema {
        path: path.to_owned(),
        problem: problem.to_owned(),
    })
}
