//! Schemas that `output_schema` refuses although all of their keywords are strict.

use serde_json::json;

use crate::error::Error;
use crate::strict::check::check;
use crate::strict::check_tests::{a, closed, refused, text, with};

#[test]
fn output_schema_refuses_objects_that_are_open_or_require_other_keys() {
    let ghost = with(
        &json!({ "a": text() }),
        &json!({ "required": ["a", "ghost"] }),
    );
    let twice = with(&json!({ "a": text() }), &json!({ "required": ["a", "a"] }));
    let open = json!({ "type": "object", "properties": {}, "required": [] });
    let mut none = closed(&json!({}));
    none.as_object_mut().unwrap().remove("required");
    let mut bare = closed(&json!({}));
    bare.as_object_mut().unwrap().remove("properties");
    let list_or_open = json!({ "type": ["object", "null"], "properties": {}, "required": [] });
    refused(&[
        ("an open root", open.clone(), "$", "takes other keys"),
        ("an open object", a(&open), "$.a", "takes other keys"),
        (
            "an open object or null",
            a(&list_or_open),
            "$.a",
            "takes other keys",
        ),
        (
            "an open object in a list",
            a(&json!({ "type": "array", "items": open })),
            "$.a[]",
            "takes other keys",
        ),
        (
            "an open object in a union",
            a(&json!({ "anyOf": [open] })),
            "$.a",
            "takes other keys",
        ),
        (
            "additionalProperties with a schema",
            with(
                &json!({}),
                &json!({
                    "additionalProperties": text(),
                }),
            ),
            "$",
            "takes other keys",
        ),
        (
            "an open definition",
            with(&json!({}), &json!({ "$defs": { "X": open } })),
            "$defs.X",
            "takes other keys",
        ),
        (
            "an open definition of the old name",
            with(
                &json!({ "a": { "$ref": "#/definitions/X" } }),
                &json!({
                    "definitions": { "X": open },
                }),
            ),
            "definitions.X",
            "takes other keys",
        ),
        (
            "a key that isn't required",
            with(&json!({ "a": text() }), &json!({ "required": [] })),
            "$.a",
            "`required`",
        ),
        ("required that names another key", ghost, "$", "`ghost`"),
        ("required that names a key twice", twice, "$", "twice"),
        ("no required", none, "$", "`required`"),
        (
            "required that is no list",
            with(&json!({}), &json!({ "required": "a" })),
            "$",
            "`required`",
        ),
        (
            "required with a number",
            with(&json!({}), &json!({ "required": [1] })),
            "$",
            "`required`",
        ),
        ("no properties", bare, "$", "`properties`"),
        (
            "properties that are a list",
            with(&json!({}), &json!({ "properties": [] })),
            "$",
            "`properties`",
        ),
    ]);
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn output_schema_refuses_what_has_no_shape() {
    let beside = json!({ "anyOf": [text()], "type": "string" });
    refused(&[
        (
            "no object at the root",
            json!({ "type": "array", "items": text() }),
            "$",
            "no object",
        ),
        ("no schema at the root", json!(true), "$", "no object"),
        (
            "a union at the root",
            with(&json!({}), &json!({ "anyOf": [closed(&json!({}))] })),
            "$",
            "a union",
        ),
        ("anything", a(&json!({})), "$.a", "anything"),
        (
            "anything with a description",
            a(&json!({ "description": "d" })),
            "$.a",
            "anything",
        ),
        (
            "keys without a type",
            a(&json!({ "properties": {} })),
            "$.a",
            "anything",
        ),
        ("true", a(&json!(true)), "$.a", "no schema"),
        (
            "a list of anything",
            a(&json!({ "type": "array" })),
            "$.a",
            "`items`",
        ),
        (
            "a list of nothing",
            a(&json!({ "type": "array", "items": false })),
            "$.a[]",
            "no schema",
        ),
        (
            "a list or null, of anything",
            a(&json!({ "type": ["array", "null"] })),
            "$.a",
            "`items`",
        ),
        (
            "an unknown type",
            a(&json!({ "type": "text" })),
            "$.a",
            "\"text\"",
        ),
        (
            "an unknown type among others",
            a(&json!({ "type": ["string", "text"] })),
            "$.a",
            "\"text\"",
        ),
        (
            "a type that is a number",
            a(&json!({ "type": 3 })),
            "$.a",
            "type 3",
        ),
        ("no types", a(&json!({ "type": [] })), "$.a", "type []"),
        (
            "an enum of nothing",
            a(&json!({ "type": "string", "enum": [] })),
            "$.a",
            "`enum`",
        ),
        (
            "an enum that is no list",
            a(&json!({ "type": "string", "enum": "a" })),
            "$.a",
            "`enum`",
        ),
        (
            "an enum of another type",
            a(&json!({ "type": "string", "enum": [1] })),
            "$.a",
            "`enum`",
        ),
        (
            "an enum of objects alone",
            a(&json!({ "enum": [{ "x": 1 }] })),
            "$.a",
            "anything",
        ),
        (
            "a constant of another type",
            a(&json!({ "type": "string", "const": 1 })),
            "$.a",
            "`const`",
        ),
        (
            "a union of nothing",
            a(&json!({ "anyOf": [] })),
            "$.a",
            "`anyOf`",
        ),
        (
            "a union that is no list",
            a(&json!({ "anyOf": {} })),
            "$.a",
            "`anyOf`",
        ),
        (
            "a union of anything",
            a(&json!({ "anyOf": [text(), {}] })),
            "$.a",
            "anything",
        ),
        (
            "a union with a type beside it",
            a(&beside),
            "$.a",
            "`type` beside",
        ),
    ]);
}

#[test]
fn output_schema_refuses_references_that_lead_nowhere() {
    let to = |place: &str| a(&json!({ "$ref": place }));
    let circle = with(
        &json!({ "a": { "$ref": "#/$defs/A" } }),
        &json!({
            "$defs": { "A": { "$ref": "#/$defs/A" } },
        }),
    );
    refused(&[
        (
            "no such definition",
            to("#/$defs/Nope"),
            "$.a",
            "#/$defs/Nope",
        ),
        (
            "no such definition of the old name",
            to("#/definitions/Nope"),
            "$.a",
            "#/definitions/Nope",
        ),
        (
            "a place that is no schema",
            to("#/properties"),
            "$.a",
            "#/properties",
        ),
        (
            "another document",
            to("https://example.com/schema"),
            "$.a",
            "example.com",
        ),
        ("itself", to("#/properties/a"), "$.a", "no schema"),
        ("a number", a(&json!({ "$ref": 1 })), "$.a", "`$ref`"),
        (
            "something beside it",
            a(&json!({ "$ref": "#", "description": "d" })),
            "$.a",
            "beside",
        ),
        (
            "a definition of a definition",
            with(
                &json!({}),
                &json!({
                    "$defs": { "A": { "$ref": "#/$defs/B" } },
                }),
            ),
            "$defs.A",
            "#/$defs/B",
        ),
        (
            "definitions that are a list",
            with(&json!({}), &json!({ "$defs": [] })),
            "$",
            "`$defs`",
        ),
        (
            "old definitions that are a list",
            with(&json!({}), &json!({ "definitions": [] })),
            "$",
            "`definitions`",
        ),
    ]);
    let Err(Error::Schema { problem, .. }) = check(&circle) else {
        panic!("a circle");
    };
    assert!(problem.contains("no schema"), "{problem}");
}
