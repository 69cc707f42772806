//! How to distinguish the values of untagged unions.

use serde_json::Value;

use crate::schema::{Object, branches, properties, reference, required, strings};

/// The shape a value must have.
#[derive(Debug, Clone, PartialEq)]
pub enum Shape {
    /// A JSON string.
    String,
    /// One of these strings.
    OneOf(Vec<String>),
    /// A JSON array.
    Array,
    /// A JSON object.
    Object {
        /// The keys it must have, with the shapes of their values where those matter.
        required: Vec<(String, Vec<Shape>)>,
        /// All its known keys.
        known: Vec<String>,
    },
}

/// The shapes that a schema accepts.
pub fn of(schema: &Value, schemas: &Object) -> Vec<Shape> {
    let schema = reference(schema)
        .and_then(|name| schemas.get(name))
        .unwrap_or(schema);
    let Some(object) = schema.as_object() else {
        return Vec::new();
    };
    if let Some(branches) = branches(object) {
        return branches.iter().flat_map(|it| of(it, schemas)).collect();
    }
    if let Some(strings) = strings(schema) {
        return vec![Shape::OneOf(
            strings.into_iter().map(str::to_owned).collect(),
        )];
    }
    match schema.get("type").and_then(Value::as_str) {
        Some("string") => vec![Shape::String],
        Some("array") => vec![Shape::Array],
        Some("object") => vec![Shape::Object {
            required: required(object)
                .map(|key| (key.to_owned(), inner(object, key, schemas)))
                .collect(),
            known: properties(object).map(|(name, _)| name.clone()).collect(),
        }],
        _ => Vec::new(),
    }
}

/// The shapes of a property. Plain types don't count: a value of a wrong type is an error, not another
/// kind.
fn inner(object: &Object, key: &str, schemas: &Object) -> Vec<Shape> {
    let shapes = object["properties"]
        .get(key)
        .map(|it| of(it, schemas))
        .unwrap_or_default();
    let tells = |it: &Shape| matches!(it, Shape::OneOf(_) | Shape::Object { .. });
    if shapes.iter().all(tells) {
        shapes
    } else {
        Vec::new()
    }
}
