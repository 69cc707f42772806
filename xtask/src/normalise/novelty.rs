//! Finds constructs that the later stages don't support.

use serde_json::{Value, json};

use crate::problems::{Kind, Problems};
use crate::schema::{Object, description, walk};

/// Reports each construct that the later stages don't support, and leaves it out.
pub fn settle(name: &str, definition: &mut Value, problems: &Problems) {
    walk(definition, &mut |schema| {
        let mut tell = |text: String| {
            problems.add(Kind::New, format!("in `{name}`: {text}"), None);
        };
        heading(schema, &mut tell);
        keywords(schema, &mut tell);
        types(schema, &mut tell);
    });
}

const KEYWORDS: [&str; 12] = [
    "$ref",
    "additionalProperties",
    "anyOf",
    "default",
    "description",
    "enum",
    "format",
    "items",
    "oneOf",
    "properties",
    "required",
    "type",
];
const FORMATS: [&str; 10] = [
    "double", "float", "int16", "int32", "int64", "int8", "uint16", "uint32", "uint64", "uint8",
];
const TYPES: [&str; 7] = [
    "array", "boolean", "integer", "null", "number", "object", "string",
];

fn heading(schema: &mut Object, tell: &mut dyn FnMut(String)) {
    if let Some(text) = description(schema).filter(|it| starts_with_heading(it)) {
        tell(format!(
            "the description {text:?} starts with a heading: drop it in xtask/src/normalise/rules.rs"
        ));
    }
}

fn keywords(schema: &mut Object, tell: &mut dyn FnMut(String)) {
    let known = |it: &str| KEYWORDS.contains(&it);
    for keyword in schema.keys().filter(|it| !known(it)) {
        tell(format!("the keyword `{keyword}` is new to the generator"));
    }
    schema.retain(|it, _| known(it));
    let format = schema.get("format");
    let is_known = |it: &Value| it.as_str().is_some_and(|it| FORMATS.contains(&it));
    if let Some(format) = format.filter(|it| !is_known(it)) {
        tell(format!("the format {format} is new to the generator"));
        schema.remove("format");
    }
}

fn types(schema: &mut Object, tell: &mut dyn FnMut(String)) {
    let known = |it: &Value| it.as_str().is_some_and(|it| TYPES.contains(&it));
    let is_known = match schema.get("type") {
        None => true,
        Some(Value::Array(types)) => {
            types.len() == 2 && types.contains(&json!("null")) && types.iter().all(known)
        }
        Some(other) => known(other),
    };
    if !is_known {
        tell(format!(
            "the type {} is new to the generator",
            schema["type"]
        ));
        // A JSON value holds anything.
        schema.clear();
    }
}

/// Whether the text starts with two words in capitals and continues without a dash or the end of a
/// sentence: `NEW APIs Sent when …`, but not `EXPERIMENTAL - sent when …`.
fn starts_with_heading(text: &str) -> bool {
    let capitals = |word: &str| {
        let word = word.strip_suffix('s').unwrap_or(word);
        word.len() > 1 && word.chars().all(char::is_uppercase)
    };
    let mut words = text.split_whitespace();
    words.next().is_some_and(capitals) && words.next().is_some_and(capitals)
}
