//! The keywords of JSON Schema: which are strict, which don't constrain a value, and which have to go.

use serde_json::{Map, Value};

/// The keywords that a strict schema may have for a value that is neither an object nor a union.
const KEYWORDS: [&str; 14] = [
    "const",
    "description",
    "enum",
    "exclusiveMaximum",
    "exclusiveMinimum",
    "format",
    "items",
    "maxItems",
    "maximum",
    "minItems",
    "minimum",
    "multipleOf",
    "pattern",
    "type",
];

/// The formats that a strict schema may name.
const FORMATS: [&str; 9] = [
    "date",
    "date-time",
    "duration",
    "email",
    "hostname",
    "ipv4",
    "ipv6",
    "time",
    "uuid",
];

/// Keywords that may be anywhere in a hand-written schema and don't constrain a value.
const TITLES: [&str; 6] = [
    "$comment",
    "$defs",
    "$id",
    "$schema",
    "definitions",
    "title",
];

const TYPES: [&str; 7] = [
    "array", "boolean", "integer", "null", "number", "object", "string",
];

/// Whether a strict schema may have this keyword somewhere, apart from references.
pub(super) fn is_allowed(key: &str) -> bool {
    KEYWORDS.contains(&key)
        || TITLES.contains(&key)
        || key == "anyOf"
        || only_of(key) == Some("object")
}

/// Whether a keyword may accompany any other.
pub(super) fn of_any(key: &str) -> bool {
    TITLES.contains(&key) || matches!(key, "description" | "type")
}

/// The type with contents, object or array, that this keyword belongs to.
pub(super) fn only_of(key: &str) -> Option<&'static str> {
    match key {
        "additionalProperties" | "properties" | "required" => Some("object"),
        "items" | "maxItems" | "minItems" => Some("array"),
        _ => None,
    }
}

pub(super) fn is_type(name: &str) -> bool {
    TYPES.contains(&name)
}

/// Whether a strict schema may name this format.
pub(super) fn is_format(name: &str) -> bool {
    FORMATS.contains(&name)
}

/// Whether dropping a keyword leaves the set of valid answers unchanged.
///
/// `required` and a closed end are dropped here because every object gets its own. `uniqueItems` isn't
/// needed: a Rust set drops duplicates.
pub(super) fn is_annotation(key: &str, value: &Value) -> bool {
    match key {
        "$schema" | "$id" | "$anchor" | "$comment" | "$defs" | "title" | "default" | "examples"
        | "deprecated" | "readOnly" | "writeOnly" | "contentEncoding" | "contentMediaType"
        | "required" | "uniqueItems" => true,
        "additionalProperties" | "unevaluatedProperties" => *value == Value::Bool(false),
        "format" => value.as_str().is_none_or(|name| !is_format(name)),
        _ => key.starts_with("x-"),
    }
}

/// The type that a schema without `type` implies.
pub(super) fn implied(keywords: &Map<String, Value>) -> Option<Value> {
    if keywords.contains_key("properties") {
        return Some(Value::from("object"));
    }
    if keywords.contains_key("items") {
        return Some(Value::from("array"));
    }
    let one = keywords.get("const").into_iter();
    let listed = keywords.get("enum").and_then(Value::as_array);
    let mut types: Vec<&str> = Vec::new();
    for value in one.chain(listed.into_iter().flatten()) {
        let name = match value {
            Value::Null => "null",
            Value::Bool(_) => "boolean",
            Value::Number(number) if number.is_f64() => "number",
            Value::Number(_) => "integer",
            Value::String(_) => "string",
            Value::Array(_) | Value::Object(_) => return None,
        };
        if !types.contains(&name) {
            types.push(name);
        }
    }
    match types[..] {
        [] => None,
        [one] => Some(Value::from(one)),
        _ => Some(Value::from(types)),
    }
}

/// Why a keyword can't be in a strict schema.
pub(super) fn problem_with(key: &str) -> Option<String> {
    let problem = match key {
        "properties" => return None,
        key if KEYWORDS.contains(&key) => return None,
        "additionalProperties"
        | "unevaluatedProperties"
        | "patternProperties"
        | "propertyNames" => {
            "takes any keys, as a map does: use a `Vec` of structs with a key and a value"
        }
        "prefixItems" => "is a tuple: use a struct with named fields",
        "minLength" | "maxLength" => {
            "limits the length of a text: use a `String` without a limit, and check it afterwards"
        }
        key => return Some(unknown(key)),
    };
    Some(problem.to_owned())
}

/// Why a keyword can't be where it is.
pub(super) fn unknown(key: &str) -> String {
    format!("has the keyword `{key}`: leave it out, and check the value afterwards")
}

/// The names in a `type`, which is one name or a list.
pub(super) fn names(types: &Value) -> Vec<String> {
    let listed = match types {
        Value::Array(types) => types.as_slice(),
        one => std::slice::from_ref(one),
    };
    let names = listed.iter().filter_map(Value::as_str);
    names.map(str::to_owned).collect()
}
