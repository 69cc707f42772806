//! What `output_schema` accepts, and what it refuses.

use serde_json::{Value, json};

use crate::error::Error;
use crate::strict::check::check;

/// A closed object that requires all its keys.
pub(super) fn closed(properties: &Value) -> Value {
    let keys = properties.as_object().unwrap().keys();
    let keys: Vec<_> = keys.cloned().collect();
    json!({
        "type": "object", "properties": properties, "required": keys,
        "additionalProperties": false,
    })
}

/// A closed object with a single key, `a`.
pub(super) fn a(schema: &Value) -> Value {
    closed(&json!({ "a": schema }))
}

/// A closed object with other things in it.
pub(super) fn with(properties: &Value, more: &Value) -> Value {
    let mut object = closed(properties);
    let more = more.as_object().unwrap().clone();
    object.as_object_mut().unwrap().extend(more);
    object
}

pub(super) fn text() -> Value {
    json!({ "type": "string" })
}

#[track_caller]
pub(super) fn refused(cases: &[(&str, Value, &str, &str)]) {
    for (name, schema, at, words) in cases {
        let Err(Error::Schema { path, problem }) = check(schema) else {
            panic!("{name} is let through: {schema}");
        };
        assert_eq!(path, *at, "{name}: {problem}");
        assert!(problem.contains(words), "{name}: {problem}");
    }
}

#[test]
fn output_schema_takes_what_is_strict() {
    let node = a(&json!({ "anyOf": [{ "$ref": "#/$defs/N" }, { "type": "null" }] }));
    let to_root = a(&json!({ "anyOf": [{ "$ref": "#" }, { "type": "null" }] }));
    let both = json!({ "a": { "$ref": "#/$defs/A" }, "b": { "$ref": "#/definitions/B" } });
    let odd = json!({ "$ref": "#/$defs/a~1b%20c" });
    let nullable = with(&json!({}), &json!({ "type": ["object", "null"] }));
    let list = json!({ "type": "array", "items": text(), "minItems": 1, "maxItems": 2 });
    for (name, schema) in [
        ("nothing", closed(&json!({}))),
        ("a text", a(&text())),
        (
            "a text with a format",
            a(&json!({ "type": "string", "format": "date" })),
        ),
        (
            "a text with a pattern",
            a(&json!({ "type": "string", "pattern": "^a" })),
        ),
        ("a text or null", a(&json!({ "type": ["string", "null"] }))),
        (
            "a number",
            a(&json!({ "type": "number", "minimum": 0, "exclusiveMaximum": 1.5 })),
        ),
        (
            "an integer",
            a(&json!({ "type": "integer", "multipleOf": 5 })),
        ),
        ("a list", a(&list)),
        (
            "an enum",
            a(&json!({ "type": "string", "enum": ["a", "b"] })),
        ),
        (
            "an enum with null",
            a(&json!({ "type": ["string", "null"], "enum": ["a", null] })),
        ),
        ("an enum without a type", a(&json!({ "enum": ["a", 1] }))),
        ("a constant", a(&json!({ "const": "a" }))),
        ("an object or null", a(&nullable)),
        (
            "a union",
            a(&json!({ "description": "d", "anyOf": [text(), closed(&json!({}))] })),
        ),
        (
            "a key that is called like a keyword",
            closed(&json!({ "minLength": text(), "$ref": text() })),
        ),
        (
            "titles",
            with(
                &json!({ "a": { "title": "A", "type": "string" } }),
                &json!({
                    "$schema": "https://json-schema.org/draft/2020-12/schema", "title": "T",
                    "description": "d",
                }),
            ),
        ),
        (
            "definitions of both names",
            with(
                &both,
                &json!({
                    "$defs": { "A": text() }, "definitions": { "B": closed(&json!({})) },
                }),
            ),
        ),
        (
            "a definition within itself",
            with(
                &json!({ "a": { "$ref": "#/$defs/N" } }),
                &json!({
                    "$defs": { "N": node },
                }),
            ),
        ),
        ("the root within itself", to_root),
        (
            "a reference to a key",
            closed(&json!({ "a": text(), "b": { "$ref": "#/properties/a" } })),
        ),
        (
            "a reference with escapes",
            with(
                &json!({ "a": odd }),
                &json!({
                    "$defs": { "a/b c": text() },
                }),
            ),
        ),
        (
            "a reference to a reference",
            with(
                &json!({ "a": { "$ref": "#/$defs/A" } }),
                &json!({
                    "$defs": { "A": { "$ref": "#/$defs/B" }, "B": text() },
                }),
            ),
        ),
    ] {
        check(&schema).unwrap_or_else(|error| panic!("{name}: {error}"));
    }
}

#[test]
fn output_schema_refuses_keywords_that_are_not_strict() {
    for key in [
        "$anchor",
        "$dynamicRef",
        "additionalItems",
        "allOf",
        "contains",
        "default",
        "dependencies",
        "dependentRequired",
        "dependentSchemas",
        "else",
        "examples",
        "if",
        "maxLength",
        "maxProperties",
        "minLength",
        "minProperties",
        "not",
        "oneOf",
        "patternProperties",
        "prefixItems",
        "propertyNames",
        "then",
        "unevaluatedProperties",
        "uniqueItems",
    ] {
        let mut schema = json!({ "type": ["string", "array"], "items": text() });
        schema[key] = json!(1);
        refused(&[(key, a(&schema), "$.a", &format!("`{key}`"))]);
        refused(&[(
            key,
            with(&json!({}), &json!({ key: 1 })),
            "$",
            &format!("`{key}`"),
        )]);
    }
    refused(&[
        (
            "a format",
            a(&json!({ "type": "string", "format": "uri" })),
            "$.a",
            "\"uri\"",
        ),
        (
            "a format that is no text",
            a(&json!({ "type": "string", "format": 1 })),
            "$.a",
            "format",
        ),
        (
            "items of a text",
            a(&json!({ "type": "string", "items": text() })),
            "$.a",
            "`items`",
        ),
        (
            "keys of a text",
            a(&json!({ "type": "string", "properties": {} })),
            "$.a",
            "`properties`",
        ),
        (
            "a pattern of an object",
            with(&json!({}), &json!({ "pattern": "a" })),
            "$",
            "`pattern`",
        ),
        (
            "an enum of objects",
            with(&json!({}), &json!({ "enum": [{}] })),
            "$",
            "`enum`",
        ),
        (
            "minItems that is no count",
            a(&json!({
                "type": "array", "items": text(), "minItems": -1,
            })),
            "$.a",
            "`minItems`",
        ),
        (
            "a minimum that is no number",
            a(&json!({ "type": "integer", "minimum": "1" })),
            "$.a",
            "`minimum`",
        ),
        (
            "a description that is no text",
            a(&json!({ "type": "string", "description": 1 })),
            "$.a",
            "`description`",
        ),
    ]);
}
