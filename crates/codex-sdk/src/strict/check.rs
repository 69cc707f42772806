//! Whether a schema that a program has written itself is strict.

use serde_json::{Map, Value};

use crate::error::Result;
use crate::strict::definitions::refused;

/// What a strict schema doesn't have.
const REFUSED: [&str; 13] = [
    "allOf",
    "contains",
    "dependentRequired",
    "dependentSchemas",
    "else",
    "if",
    "not",
    "oneOf",
    "patternProperties",
    "prefixItems",
    "propertyNames",
    "then",
    "unevaluatedProperties",
];

/// # Errors
/// [`Error::Schema`](crate::Error::Schema) for one that a provider would refuse.
pub(crate) fn check(schema: &Value) -> Result<()> {
    if schema["type"] != "object" {
        return refused("$", "is no object: put it into one, under a key");
    }
    walk(schema, "$")
}

fn walk(schema: &Value, path: &str) -> Result<()> {
    let Some(keywords) = schema.as_object() else {
        return refused(path, "is no schema: write a JSON object");
    };
    if keywords.contains_key("$ref") && keywords.len() > 1 {
        return refused(path, "has something beside its `$ref`: leave that out");
    }
    if let Some(key) = REFUSED.iter().find(|key| keywords.contains_key(**key)) {
        return refused(path, &format!("has the keyword `{key}`: say it without"));
    }
    object(keywords, path)?;
    if let Some(items) = keywords.get("items") {
        walk(items, &format!("{path}[]"))?;
    }
    let branches = keywords.get("anyOf").and_then(Value::as_array);
    for branch in branches.into_iter().flatten() {
        walk(branch, path)?;
    }
    let definitions = keywords.get("$defs").and_then(Value::as_object);
    for (name, definition) in definitions.into_iter().flatten() {
        walk(definition, &format!("$defs.{name}"))?;
    }
    Ok(())
}

/// Whether an object is closed, and requires all of its keys.
fn object(keywords: &Map<String, Value>, path: &str) -> Result<()> {
    let named = match keywords.get("type") {
        Some(Value::Array(types)) => types.iter().any(|it| it == "object"),
        one => one.is_some_and(|it| it == "object"),
    };
    if !named && !keywords.contains_key("properties") {
        return Ok(());
    }
    if keywords.get("additionalProperties") != Some(&Value::Bool(false)) {
        return refused(
            path,
            "takes other keys: add `\"additionalProperties\": false`",
        );
    }
    let required = keywords.get("required").and_then(Value::as_array);
    let is_required = |key: &str| required.is_some_and(|it| it.iter().any(|it| it == key));
    let properties = keywords.get("properties").and_then(Value::as_object);
    for (key, property) in properties.into_iter().flatten() {
        let path = format!("{path}.{key}");
        if !is_required(key) {
            return refused(
                &path,
                "isn't in `required`: add it there, and let it be `null`",
            );
        }
        walk(property, &path)?;
    }
    Ok(())
}
