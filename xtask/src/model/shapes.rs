//! How the values of untagged unions are told apart.

use serde_json::Value;

use crate::schema::{Object, branches, properties, reference, required, requires, strings};

/// What a value must look like.
#[derive(Debug, Clone, PartialEq)]
pub enum Shape {
    /// A JSON string.
    String,
    /// A JSON array.
    Array,
    /// A JSON object.
    Object {
        /// Keys it must have.
        required: Vec<String>,
        /// Keys that must hold one of these strings.
        constants: Vec<(String, Vec<String>)>,
        /// All keys it may have.
        known: Vec<String>,
    },
}

/// The shapes that a schema accepts.
pub fn of(schema: &Value, schemas: &Object) -> Vec<Shape> {
    let schema = resolve(schema, schemas);
    let Some(object) = schema.as_object() else { return Vec::new() };
    if let Some(branches) = branches(object) {
        return branches.iter().flat_map(|it| of(it, schemas)).collect();
    }
    match schema.get("type").and_then(Value::as_str) {
        Some("string") => vec![Shape::String],
        Some("array") => vec![Shape::Array],
        _ => vec![Shape::Object {
            required: required(object).map(str::to_owned).collect(),
            constants: properties(object)
                .filter(|(name, _)| requires(object, name))
                .filter_map(|(name, it)| Some((name.clone(), owned(strings(resolve(it, schemas))?))))
                .collect(),
            known: properties(object).map(|(name, _)| name.clone()).collect(),
        }],
    }
}

fn resolve<'a>(schema: &'a Value, schemas: &'a Object) -> &'a Value {
    reference(schema).and_then(|name| schemas.get(name)).unwrap_or(schema)
}

fn owned(strings: Vec<&str>) -> Vec<String> {
    strings.into_iter().map(str::to_owned).collect()
}
