use serde_json::{Map, Value};

use super::script::ScriptError;

type Result<T> = std::result::Result<T, ScriptError>;

/// A value in the script with its path in `jq` notation: `.[3].failed.code`.
pub(super) struct Node {
    path: String,
    pub(super) value: Value,
}

/// An object in the script, without the fields that were already taken.
pub(super) struct Object {
    path: String,
    fields: Map<String, Value>,
}

impl Node {
    pub(super) fn root(value: Value) -> Self {
        let path = ".".into();
        Self { path, value }
    }

    pub(super) fn error(&self, problem: impl Into<String>) -> ScriptError {
        error_at(&self.path, problem)
    }

    pub(super) fn has(&self, field: &str) -> bool {
        self.value.get(field).is_some()
    }

    pub(super) fn text(self) -> Result<String> {
        match self.value {
            Value::String(text) => Ok(text),
            _ => Err(self.unexpected("text")),
        }
    }

    /// One text or several.
    pub(super) fn texts(self) -> Result<Vec<String>> {
        match self.value {
            Value::String(text) => Ok(vec![text]),
            _ => self
                .list("a list of texts")?
                .into_iter()
                .map(Self::text)
                .collect(),
        }
    }

    pub(super) fn list(self, what: &str) -> Result<Vec<Self>> {
        let Value::Array(values) = self.value else {
            return Err(self.unexpected(what));
        };
        let values = values.into_iter().enumerate();
        let node = |(index, value)| Self {
            path: format!("{}[{index}]", self.path),
            value,
        };
        Ok(values.map(node).collect())
    }

    pub(super) fn object(self, what: &str) -> Result<Object> {
        match self.value {
            Value::Object(fields) => Ok(Object {
                path: self.path,
                fields,
            }),
            _ => Err(self.unexpected(what)),
        }
    }

    pub(super) fn number(self) -> Result<u64> {
        let number = self.value.as_u64();
        number.ok_or_else(|| self.unexpected("a whole number"))
    }

    pub(super) fn yes(self) -> Result<()> {
        match self.value {
            Value::Bool(true) => Ok(()),
            _ => Err(self.unexpected("true")),
        }
    }

    pub(super) fn unexpected(&self, expected: &str) -> ScriptError {
        let found = match self.value {
            Value::Null => "null",
            Value::Bool(true) => "true",
            Value::Bool(false) => "false",
            Value::Number(_) => "a number",
            Value::String(_) => "text",
            Value::Array(_) => "a list",
            Value::Object(_) => "an object",
        };
        self.error(format!("expected {expected}, found {found}"))
    }
}

impl Object {
    pub(super) fn error(&self, problem: impl Into<String>) -> ScriptError {
        error_at(&self.path, problem)
    }

    pub(super) fn has(&self, field: &str) -> bool {
        self.fields.contains_key(field)
    }

    /// The names of the fields that were not taken.
    pub(super) fn names(&self) -> Vec<&str> {
        self.fields.keys().map(String::as_str).collect()
    }

    pub(super) fn take(&mut self, field: &str) -> Option<Node> {
        let value = self.fields.remove(field)?;
        let path = format!("{}.{field}", self.path);
        Some(Node { path, value })
    }

    pub(super) fn need(&mut self, field: &str) -> Result<Node> {
        self.take(field)
            .ok_or_else(|| error_at(&self.path, format!("`{field}` is missing")))
    }

    /// Fails if any field was not taken.
    pub(super) fn finish(self, beside: &str) -> Result<()> {
        match self.fields.keys().next() {
            Some(field) => Err(self.error(format!("`{field}` has no meaning in `{beside}`"))),
            None => Ok(()),
        }
    }
}

fn error_at(path: &str, problem: impl Into<String>) -> ScriptError {
    ScriptError::Entry {
        path: path.to_owned(),
        problem: problem.into(),
    }
}
