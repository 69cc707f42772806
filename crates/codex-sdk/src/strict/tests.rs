//! How the shapes that serde knows are rewritten.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use schemars::JsonSchema;
use serde_json::{Value, json};

use super::StrictSchema;
use crate::error::Error;

/// Types of which only the schema is looked at.
macro_rules! types {
    ($($(#[$meta:meta])* $kind:ident $name:ident $body:tt)*) => {$(
        #[derive(JsonSchema)]
        #[expect(dead_code, reason = "only the schema is looked at")]
        $(#[$meta])*
        $kind $name $body
    )*};
}

fn schema<T: JsonSchema>() -> Value {
    let strict = StrictSchema::of::<T>().unwrap();
    assert!(!strict.wrapped, "{}", strict.schema);
    strict.schema
}

/// The schema of a type that isn't an object, unwrapped.
fn within<T: JsonSchema>() -> Value {
    let mut strict = StrictSchema::of::<T>().unwrap();
    assert!(strict.wrapped, "{}", strict.schema);
    assert_eq!(strict.schema["required"], json!(["value"]));
    strict.schema["properties"]["value"].take()
}

/// The path and the problem of a refused type.
fn refused<T: JsonSchema>() -> (String, String) {
    match StrictSchema::of::<T>() {
        Err(Error::Schema { path, problem }) => (path, problem),
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn refused_at<T: JsonSchema>(expected: &str, words: &str) {
    let (path, problem) = refused::<T>();
    assert_eq!(path, expected);
    assert!(problem.contains(words), "{problem}");
}

/// A closed object that requires all its keys.
fn object(properties: &Value) -> Value {
    let keys: Vec<&String> = properties.as_object().unwrap().keys().collect();
    json!({
        "type": "object", "properties": properties, "required": keys,
        "additionalProperties": false,
    })
}

types! {
    /// A point.
    struct Point {
        /// To the right.
        x: f64,
        #[serde(default)]
        label: Option<String>,
    }
    struct Plain { n: u8 }
    enum Colour { Red, #[serde(rename = "blue")] Blue }
    enum Documented {
        /// The first.
        A,
        B,
    }
}

#[test]
fn run_as_closes_a_struct_and_keeps_its_documentation() {
    let mut expected = object(&json!({
        "x": {"type": "number", "description": "To the right."},
        "label": {"type": ["string", "null"]},
    }));
    expected["description"] = json!("A point.");
    assert_eq!(schema::<Point>(), expected);
}

#[test]
fn run_as_refers_to_nested_types_and_requires_what_has_a_default() {
    types! {
        struct Outer {
            points: Vec<Point>,
            colour: Option<Colour>,
            #[serde(default)]
            tags: BTreeSet<String>,
            array: [u8; 2],
        }
    }
    let byte = json!({"type": "integer", "minimum": 0, "maximum": 255});
    let mut expected = object(&json!({
        "points": {"type": "array", "items": {"$ref": "#/$defs/Point"}},
        "colour": {"anyOf": [{"$ref": "#/$defs/Colour"}, {"type": "null"}]},
        "tags": {"type": "array", "items": {"type": "string"}},
        "array": {"type": "array", "items": byte, "minItems": 2, "maxItems": 2},
    }));
    expected["$defs"] = json!({
        "Point": schema::<Point>(),
        "Colour": {"type": "string", "enum": ["Red", "blue"]},
    });
    assert_eq!(schema::<Outer>(), expected);
}

#[test]
fn run_as_lets_a_type_contain_itself() {
    types! {
        struct Node {
            next: Option<Box<Node>>,
            /// What is below.
            children: Vec<Node>,
            /// Its twin.
            twin: Box<Node>,
        }
    }
    let to_itself = json!({"$ref": "#/$defs/Node"});
    let node = object(&json!({
        "next": {"anyOf": [to_itself, {"type": "null"}]},
        "children": {"type": "array", "items": to_itself, "description": "What is below."},
        // Within itself, writing the description out would never end.
        "twin": to_itself,
    }));
    let mut expected = node.clone();
    expected["$defs"] = json!({"Node": node});
    assert_eq!(schema::<Node>(), expected);
}

#[test]
fn run_as_writes_out_what_a_field_describes() {
    types! {
        struct Holder {
            /// The one.
            plain: Plain,
            /// Another.
            colour: Option<Colour>,
        }
    }
    let mut plain = schema::<Plain>();
    plain["description"] = json!("The one.");
    let colour = json!([{"$ref": "#/$defs/Colour"}, {"type": "null"}]);
    let holder = schema::<Holder>();
    assert_eq!(holder["properties"]["plain"], plain);
    let expected = json!({"anyOf": colour, "description": "Another."});
    assert_eq!(holder["properties"]["colour"], expected);
}

#[test]
fn run_as_wraps_what_is_no_object() {
    assert_eq!(
        within::<Colour>(),
        json!({"type": "string", "enum": ["Red", "blue"]})
    );
    assert_eq!(within::<bool>(), json!({"type": "boolean"}));
    let items = within::<Vec<Option<i64>>>();
    assert_eq!(
        items,
        json!({"type": "array", "items": {"type": ["integer", "null"]}})
    );
    let documented = json!({"anyOf": [
        {"type": "string", "enum": ["B"]},
        {"type": "string", "const": "A", "description": "The first."},
    ]});
    assert_eq!(within::<Documented>(), documented);
}

#[test]
fn run_as_makes_enums_unions_of_closed_objects() {
    types! {
        enum External { Unit, Newtype(Plain), Struct { x: bool } }
        #[serde(tag = "kind")]
        enum Internal { Unit, Newtype(Plain), Struct { x: bool } }
        #[serde(tag = "kind", content = "is")]
        enum Adjacent { Unit, Newtype(Plain) }
        #[serde(untagged)]
        enum Untagged { Text(String), Newtype(Plain), Struct { x: bool } }
    }
    let plain = json!({"$ref": "#/$defs/Plain"});
    let x = json!({"type": "boolean"});
    let tag = |name: &str| json!({"type": "string", "const": name});
    let external = json!({"anyOf": [
        {"type": "string", "enum": ["Unit"]},
        object(&json!({"Newtype": plain})),
        object(&json!({"Struct": object(&json!({"x": x}))})),
    ]});
    assert_eq!(within::<External>(), external);
    let byte = schema::<Plain>()["properties"]["n"].clone();
    let internal = json!({"anyOf": [
        object(&json!({"kind": tag("Unit")})),
        object(&json!({"kind": tag("Newtype"), "n": byte})),
        object(&json!({"kind": tag("Struct"), "x": x})),
    ]});
    assert_eq!(within::<Internal>(), internal);
    let adjacent = json!({"anyOf": [
        object(&json!({"kind": tag("Unit")})),
        object(&json!({"kind": tag("Newtype"), "is": plain})),
    ]});
    assert_eq!(within::<Adjacent>(), adjacent);
    let untagged = json!({"anyOf": [{"type": "string"}, plain, object(&json!({"x": x}))]});
    assert_eq!(within::<Untagged>(), untagged);
}

#[test]
fn run_as_takes_newtypes_for_what_is_in_them() {
    #[derive(JsonSchema)]
    #[expect(dead_code, reason = "only the schema is looked at")]
    struct Newtype(Plain);
    assert_eq!(schema::<Newtype>(), schema::<Plain>());
    assert_eq!(schema::<Box<Plain>>(), schema::<Plain>());
    types! {
        enum Only { This { n: u8 } }
    }
    assert_eq!(schema::<Only>()["required"], json!(["This"]));
}

#[test]
fn run_as_flattens_structs_and_enums() {
    types! {
        struct Flat { #[serde(flatten)] plain: Plain, own: bool }
        #[serde(tag = "kind")]
        enum Kind { Round, Square { side: bool } }
        struct OfKind { own: bool, #[serde(flatten)] kind: Kind, #[serde(flatten)] plain: Plain }
        struct Perhaps { own: bool, #[serde(flatten)] kind: Option<Kind> }
    }
    let (byte, own) = (
        schema::<Plain>()["properties"]["n"].clone(),
        json!({"type": "boolean"}),
    );
    assert_eq!(schema::<Flat>(), object(&json!({"n": byte, "own": own})));
    let tag = |name: &str| json!({"type": "string", "const": name});
    let round = json!({"kind": tag("Round"), "own": own, "n": byte});
    let square = json!({"kind": tag("Square"), "own": own, "n": byte, "side": own});
    let union = json!({"anyOf": [object(&round), object(&square)]});
    assert_eq!(within::<OfKind>(), union);
    let perhaps = within::<Perhaps>();
    let keys = perhaps["anyOf"].as_array().unwrap().iter();
    let keys = keys.map(|branch| branch["required"].clone());
    let expected = [
        json!(["kind", "own"]),
        json!(["kind", "own", "side"]),
        json!(["own"]),
    ];
    assert_eq!(keys.collect::<Vec<_>>(), expected);
}

#[test]
fn run_as_refuses_maps_by_their_path() {
    types! {
        struct Scores { scores: HashMap<String, u32> }
        struct Rounds { rounds: Vec<Round> }
        struct Round { best: Option<BTreeMap<u32, Plain>> }
        struct Rest { own: bool, #[serde(flatten)] rest: HashMap<String, u32> }
        struct HasRest { inner: Rest }
    }
    refused_at::<Scores>("$.scores", "map");
    refused_at::<Rounds>("$.rounds[].best", "map");
    refused_at::<HasRest>("$.inner", "map");
    refused_at::<Rest>("$", "map");
    let error = StrictSchema::of::<Scores>().unwrap_err().to_string();
    assert_eq!(
        error,
        "an answer can't be constrained to this type: `$.scores` takes any keys, as a map does: \
         use a `Vec` of structs with a key and a value"
    );
}

#[test]
fn run_as_refuses_what_may_be_anything() {
    types! {
        struct Meta { items: Vec<Item> }
        struct Item { meta: Value }
        struct Open { open: serde_json::Map<String, Value> }
        struct List { list: Vec<Value> }
        enum External { Known { value: Option<Value> } }
    }
    refused_at::<Meta>("$.items[].meta", "anything");
    refused_at::<Open>("$.open", "any keys");
    refused_at::<List>("$.list[]", "anything");
    refused_at::<External>("$.Known.value", "anything");
    refused_at::<Value>("$", "anything");
}

#[test]
fn run_as_refuses_tuples_lengths_and_empty_enums() {
    #[derive(JsonSchema)]
    enum Never {}
    types! {
        struct Pair { pair: (u8, String) }
        struct Letter { letter: char }
        struct Nothing { nothing: Option<Never> }
    }
    refused_at::<Pair>("$.pair", "tuple");
    refused_at::<Letter>("$.letter", "length");
    refused_at::<Never>("$", "no value");
    refused_at::<Nothing>("$.nothing", "no value");
}

#[test]
fn run_as_refuses_keywords_that_it_would_lose() {
    types! {
        struct Extended {
            #[schemars(extend("not" = {"const": "x"}))]
            text: String,
        }
        struct Odd {
            #[schemars(extend("x-note" = "kept out", "format" = "date"))]
            day: String,
        }
        struct Twice {
            #[serde(flatten)]
            plain: Plain,
            #[serde(flatten)]
            other: Other,
        }
        struct Other { #[schemars(with = "String")] inner: Value }
    }
    refused_at::<Extended>("$.text", "`not`");
    let day = json!({"day": {"type": "string", "format": "date"}});
    assert_eq!(schema::<Odd>(), object(&day));
    assert_eq!(schema::<Twice>()["required"], json!(["inner", "n"]));
}

/// What only a hand-written schema can say.
fn by_hand(root: &Value, definitions: &Value) -> crate::error::Result<StrictSchema> {
    StrictSchema::new(root, definitions.as_object().unwrap())
}

#[test]
fn run_as_merges_what_is_said_together_or_says_why_not() {
    let a = json!({"type": "object", "properties": {"a": {"type": "string"}}});
    let b = json!({"properties": {"b": {"enum": [1, null]}}, "additionalProperties": false});
    let strict = by_hand(&json!({"allOf": [a, b]}), &json!({})).unwrap();
    let merged =
        json!({"a": {"type": "string"}, "b": {"type": ["integer", "null"], "enum": [1, null]}});
    assert_eq!(strict.schema, object(&merged));

    let other = json!({"type": "object", "properties": {"a": {"type": "null"}}});
    let error = by_hand(&json!({"allOf": [a, other]}), &json!({})).unwrap_err();
    assert!(
        error.to_string().contains("`$.a` is there twice"),
        "{error}"
    );
    let error = by_hand(&json!({"allOf": [a, {"type": "string"}]}), &json!({})).unwrap_err();
    assert!(error.to_string().contains("`$` is two types"), "{error}");
}

#[test]
fn run_as_splits_types_with_an_inside_and_stops_at_endless_ones() {
    let nullable = json!({"type": ["object", "null"], "properties": {}, "description": "d"});
    let strict = by_hand(&nullable, &json!({})).unwrap();
    let expected = json!({"anyOf": [object(&json!({})), {"type": "null"}], "description": "d"});
    assert_eq!(strict.schema["properties"]["value"], expected);

    let endless = json!({"A": {"anyOf": [{"$ref": "#/$defs/A", "type": "object"}]}});
    let error = by_hand(&json!({"$ref": "#/$defs/A"}), &endless).unwrap_err();
    assert!(error.to_string().contains("without an end"), "{error}");
    let error = by_hand(&json!({"anyOf": []}), &json!({})).unwrap_err();
    assert!(error.to_string().contains("no value"), "{error}");
    let listed = json!({"type": "object", "enum": [{"a": 1}]});
    let error = by_hand(&listed, &json!({})).unwrap_err();
    assert!(error.to_string().contains("`enum`"), "{error}");
    let error = by_hand(&json!({"$ref": "#/elsewhere"}), &json!({})).unwrap_err();
    assert!(error.to_string().contains("name"), "{error}");
}

macro_rules! mutual {
    ($($name:ident),*) => {
        $(
            #[derive(JsonSchema)]
            #[expect(dead_code, reason = "it is its schema that counts")]
            enum $name {
                End,
                /// Any of them.
                Next(Box<Any>),
            }
        )*

        #[derive(JsonSchema)]
        #[expect(dead_code, non_snake_case, reason = "it is its schema that counts")]
        struct Any {
            $(
                /// One of them.
                $name: Option<$name>,
            )*
        }
    };
}

mutual!(A, B, C, D, E, F, G, H, I, J);

#[test]
fn documented_types_that_refer_to_each_other_have_a_schema_of_bounded_size() {
    let schema = StrictSchema::of::<Any>().unwrap().schema.to_string();
    assert!(schema.len() < 1 << 20, "{} bytes", schema.len());
}
