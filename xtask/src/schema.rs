//! Helpers for JSON schemas.

use serde_json::{Map, Value};

/// A JSON object: a schema, or a map of schemas by name.
pub type Object = Map<String, Value>;

/// Calls `visit` on a schema and on all schemas inside it, innermost first.
///
/// The walk knows which keys contain schemas: a *property* may be called `minimum` or `title`.
pub fn walk(schema: &mut Value, visit: &mut dyn FnMut(&mut Object)) {
    let Value::Object(object) = schema else {
        return;
    };
    for (key, value) in object.iter_mut() {
        match (key.as_str(), value) {
            ("properties", Value::Object(properties)) => {
                for property in properties.values_mut() {
                    walk(property, visit);
                }
            }
            ("oneOf" | "anyOf" | "allOf", Value::Array(branches)) => {
                for branch in branches {
                    walk(branch, visit);
                }
            }
            ("items" | "additionalProperties", inner) => walk(inner, visit),
            _ => {}
        }
    }
    visit(object);
}

/// The branches of a union, whichever keyword contains them.
pub fn branches(schema: &Object) -> Option<&Vec<Value>> {
    schema
        .get("oneOf")
        .or_else(|| schema.get("anyOf"))
        .and_then(Value::as_array)
}

/// The properties of an object schema; empty if it has none.
pub fn properties(schema: &Object) -> impl Iterator<Item = (&String, &Value)> {
    schema
        .get("properties")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
}

/// Whether the schema requires the property.
pub fn requires(schema: &Object, property: &str) -> bool {
    required(schema).any(|name| name == property)
}

/// The names of the required properties.
pub fn required(schema: &Object) -> impl Iterator<Item = &str> {
    schema
        .get("required")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
}

/// The name in a `$ref`.
pub fn reference(schema: &Value) -> Option<&str> {
    schema.get("$ref")?.as_str()?.strip_prefix("#/definitions/")
}

/// The strings of a string enum.
pub fn strings(schema: &Value) -> Option<Vec<&str>> {
    schema
        .get("enum")?
        .as_array()?
        .iter()
        .map(Value::as_str)
        .collect()
}

/// The only string that a schema allows, if there is exactly one.
pub fn constant(schema: &Value) -> Option<&str> {
    match strings(schema)?.as_slice() {
        [only] => Some(only),
        _ => None,
    }
}

/// The description of a schema.
pub fn description(schema: &Object) -> Option<String> {
    schema
        .get("description")
        .and_then(Value::as_str)
        .map(str::to_owned)
}

/// Whether the schema allows `null`.
pub fn nullable(schema: &Value) -> bool {
    let is_null = |it: &Value| it.get("type").is_some_and(|it| it == "null");
    match schema.get("type") {
        Some(Value::Array(types)) => types.iter().any(|it| it == "null"),
        _ => schema
            .get("anyOf")
            .and_then(Value::as_array)
            .is_some_and(|branches| branches.iter().any(is_null)),
    }
}

/// The schema without its `null`.
pub fn non_null(schema: &Value) -> Value {
    let mut schema = schema.clone();
    let Value::Object(object) = &mut schema else {
        return schema;
    };
    if let Some(Value::Array(types)) = object.get_mut("type") {
        types.retain(|it| it != "null");
        if let [only] = types.as_slice() {
            let only = only.clone();
            object.insert("type".to_owned(), only);
        }
    }
    if let Some(Value::Array(branches)) = object.get_mut("anyOf") {
        branches.retain(|it| it.get("type").is_none_or(|it| it != "null"));
        if let [only] = branches.as_slice() {
            return only.clone();
        }
    }
    schema
}

/// The property that has a different constant in every branch of a union.
pub fn tag(branches: &[Value]) -> Option<String> {
    let tag_of = |branch: &Value| {
        properties(branch.as_object()?)
            .find(|(_, it)| constant(it).is_some())
            .map(|(name, _)| name.clone())
    };
    let tag = tag_of(branches.first()?)?;
    branches
        .iter()
        .all(|it| tag_of(it).as_ref() == Some(&tag))
        .then_some(tag)
}
