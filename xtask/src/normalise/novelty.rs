//! What the later stages were written for.

use anyhow::{Result, bail, ensure};
use serde_json::Value;

use crate::schema::{Object, constant, description, properties, walk};

/// Fails on a construct that the later stages were not written for.
pub fn reject(definition: &mut Value) -> Result<()> {
    let mut novelty = None;
    walk(definition, &mut |schema| {
        if let Err(error) = known(schema) {
            novelty.get_or_insert(error);
        }
    });
    novelty.map_or(Ok(()), Err)
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
const FORMATS: [&str; 6] = ["double", "int32", "int64", "uint16", "uint32", "uint64"];
const TYPES: [&str; 7] = [
    "array", "boolean", "integer", "null", "number", "object", "string",
];

fn known(schema: &Object) -> Result<()> {
    if let Some(text) = description(schema) {
        ensure!(
            !starts_with_heading(&text),
            "the description {text:?} starts with a heading: drop it in normalise/rules.rs"
        );
    }
    if let Some(keyword) = schema.keys().find(|it| !KEYWORDS.contains(&it.as_str())) {
        bail!("the keyword `{keyword}` is new to the generator");
    }
    if let Some(format) = schema.get("format") {
        ensure!(
            format.as_str().is_some_and(|it| FORMATS.contains(&it)),
            "the format {format} is new to the generator"
        );
    }
    let known_type = |it: &Value| it.as_str().is_some_and(|it| TYPES.contains(&it));
    match schema.get("type") {
        None => {}
        Some(Value::Array(types)) => {
            let nullable = types.len() == 2
                && types.iter().any(|it| it == "null")
                && types.iter().all(known_type);
            ensure!(nullable, "the type {types:?} is new to the generator");
        }
        Some(other) => ensure!(
            known_type(other),
            "the type {other} is new to the generator"
        ),
    }
    // Tags of unions are the only constants; other inline enums would need names.
    let tags = properties(schema)
        .filter(|(_, it)| constant(it).is_some())
        .count();
    let enums = properties(schema)
        .filter(|(_, it)| it.get("enum").is_some())
        .count();
    ensure!(
        tags == enums && tags <= 1,
        "inline enums are new to the generator"
    );
    Ok(())
}

/// Whether the text starts with two words in capitals and goes on without a dash or an end of a
/// sentence: `NEW APIs Sent when …`, but not `EXPERIMENTAL - sent when …`.
fn starts_with_heading(text: &str) -> bool {
    let capitals = |word: &str| {
        let word = word.strip_suffix('s').unwrap_or(word);
        word.len() > 1 && word.chars().all(char::is_uppercase)
    };
    let mut words = text.split_whitespace();
    words.next().is_some_and(capitals) && words.next().is_some_and(capitals)
}
