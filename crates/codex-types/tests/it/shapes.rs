//! What a schema looks like, to tell kinds of unions and of properties apart.

use serde_json::{Value, json};

pub(crate) fn not_null(kind: &Value) -> Option<&str> {
    kind.as_str().filter(|it| *it != "null")
}

pub(crate) fn branches(schema: &Value) -> Option<&Vec<Value>> {
    let found = schema.get("oneOf").or_else(|| schema.get("anyOf"));
    found.and_then(Value::as_array)
}

pub(crate) fn is_null(schema: &Value) -> bool {
    schema.get("type").is_some_and(|it| it == "null")
}

pub(crate) fn is_anything(schema: &Value) -> bool {
    schema.get("type").is_none() && branches(schema).is_none()
}

pub(crate) fn is_required(schema: &Value, property: &str) -> bool {
    let required = schema.get("required").and_then(Value::as_array);
    required.is_some_and(|it| it.iter().any(|it| it == property))
}

/// The property that is another constant in every branch.
pub(crate) fn tag<'a>(branches: &[&'a Value]) -> Option<&'a str> {
    let constant = |branch: &'a Value| {
        let mut properties = branch.get("properties")?.as_object()?.iter();
        let found =
            properties.find(|(_, it)| it["enum"].as_array().is_some_and(|it| it.len() == 1));
        found.map(|(name, _)| name.as_str())
    };
    let tag = constant(branches.first()?)?;
    branches
        .iter()
        .all(|it| constant(it) == Some(tag))
        .then_some(tag)
}

/// Whether a branch is strings, or the branch for strings and objects of newer runtimes.
pub(crate) fn strings(branch: &Value) -> bool {
    branch.get("enum").is_some() || *branch == catch_all()
}

pub(crate) fn catch_all() -> Value {
    json!({"type": ["string", "object"]})
}

pub(crate) fn single_key(branch: &Value) -> bool {
    branch["properties"]
        .as_object()
        .is_some_and(|it| it.len() == 1)
        && branch["required"]
            .as_array()
            .is_some_and(|it| it.len() == 1)
}

/// The least and the greatest that a format can say, and what lies between.
pub(crate) fn limits(schema: &Value) -> Vec<Value> {
    let least = schema
        .get("minimum")
        .and_then(Value::as_f64)
        .unwrap_or(f64::MIN);
    let limits = match schema.get("format").and_then(Value::as_str) {
        Some("int8") => vec![json!(1), json!(0), json!(i8::MIN), json!(i8::MAX)],
        Some("int16") => vec![json!(1), json!(0), json!(i16::MIN), json!(i16::MAX)],
        Some("int32") => vec![json!(1), json!(0), json!(i32::MIN), json!(i32::MAX)],
        Some("int64") => vec![json!(1), json!(0), json!(i64::MIN), json!(i64::MAX)],
        Some("uint8") => vec![json!(1), json!(0), json!(u8::MAX)],
        Some("uint16") => vec![json!(1), json!(0), json!(u16::MAX)],
        Some("uint32") => vec![json!(1), json!(0), json!(u32::MAX)],
        Some("uint64" | "uint") => vec![json!(1), json!(0), json!(1_u64 << 53), json!(u64::MAX)],
        other => panic!("the format {other:?} is new to the tests"),
    };
    let enough = |it: &Value| it.as_f64().unwrap() >= least;
    limits.into_iter().filter(enough).collect()
}
