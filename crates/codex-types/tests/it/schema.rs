//! The schema as the runtime emits it, before any of the generator's repairs.

use std::sync::OnceLock;

use jsonschema::Validator;
use serde_json::{Map, Value, json};

/// The schema, and what checks values against it.
pub(crate) struct Schema {
    bundle: Value,
    validator: Validator,
}

/// Unions whose fields the emitter writes in snake case, and the runtime in camel case; where they are.
const MISNAMED: [&str; 2] = ["ThreadRealtimeItem", "ThreadTimelineEntry"];

impl Schema {
    /// The committed schema; it is read once.
    pub(crate) fn get() -> &'static Self {
        static SCHEMA: OnceLock<Schema> = OnceLock::new();
        SCHEMA.get_or_init(|| {
            let text = include_str!("../../../../schema/experimental.json");
            let bundle = as_written(serde_json::from_str(text).unwrap());
            let validator = validator(&bundle);
            Self { bundle, validator }
        })
    }

    /// The names of all definitions. A name in both namespaces means the same in both, which the
    /// generator sees to.
    pub(crate) fn names(&self) -> Vec<&str> {
        names(&self.bundle)
    }

    /// The definition with this name.
    pub(crate) fn definition(&self, name: &str) -> Option<&Value> {
        let definitions = &self.bundle["definitions"];
        let inner = definitions["v2"].get(name);
        inner.or_else(|| definitions.get(name).filter(|_| name != "v2"))
    }

    /// What a `$ref` refers to.
    pub(crate) fn target(&self, reference: &str) -> &Value {
        let pointer = reference.strip_prefix('#').unwrap();
        self.bundle.pointer(pointer).unwrap()
    }

    /// What a value does not keep of a definition; nothing if it is valid.
    pub(crate) fn violations(&self, name: &str, value: &Value) -> Vec<String> {
        let wrapped = json!({ name: value });
        let errors = self.validator.iter_errors(&wrapped);
        errors
            .map(|it| format!("{} at `{}`", it, it.instance_path()))
            .collect()
    }

    /// Methods and schemas of params, from one of the message lists.
    pub(crate) fn messages(&self, list: &str) -> Vec<(String, &Value)> {
        let branches = self.definition(list).unwrap()["oneOf"].as_array().unwrap();
        let method = |branch: &Value| {
            let method = &branch["properties"]["method"]["enum"][0];
            method.as_str().unwrap().to_owned()
        };
        branches
            .iter()
            .map(|it| (method(it), &it["properties"]["params"]))
            .collect()
    }
}

/// The bundle, with the names of fields that the runtime writes.
fn as_written(mut bundle: Value) -> Value {
    for union in MISNAMED {
        if let Some(union) = bundle["definitions"]["v2"].get_mut(union) {
            let mut text = union.to_string();
            for name in snake_names(union) {
                text = text.replace(&format!("\"{name}\""), &format!("\"{}\"", camel(&name)));
            }
            *union = serde_json::from_str(&text).unwrap();
        }
    }
    bundle
}

/// The properties with an underscore, anywhere in a schema.
fn snake_names(schema: &Value) -> Vec<String> {
    let inner = match schema {
        Value::Object(object) => object.values().flat_map(snake_names).collect(),
        Value::Array(list) => list.iter().flat_map(snake_names).collect(),
        _ => Vec::new(),
    };
    let own = schema.get("properties").and_then(Value::as_object);
    let own = own.into_iter().flat_map(Map::keys).cloned();
    own.filter(|it| it.contains('_')).chain(inner).collect()
}

fn camel(name: &str) -> String {
    let mut parts = name.split('_');
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |name, part| {
        name + &part[..1].to_uppercase() + &part[1..]
    })
}

fn names(bundle: &Value) -> Vec<&str> {
    let outer = bundle["definitions"].as_object().unwrap();
    let inner = outer["v2"].as_object().unwrap();
    let mut names: Vec<_> = outer
        .keys()
        .filter(|it| *it != "v2")
        .chain(inner.keys())
        .map(String::as_str)
        .collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// One validator for all definitions: of an object whose property `X` is an `X`. Its references
/// are resolved once and not once a definition.
fn validator(bundle: &Value) -> Validator {
    let definitions = &bundle["definitions"];
    let properties: Map<String, Value> = names(bundle)
        .into_iter()
        .map(|name| {
            let namespace = match definitions["v2"].get(name) {
                Some(_) => "#/definitions/v2/",
                None => "#/definitions/",
            };
            (
                name.to_owned(),
                json!({ "$ref": format!("{namespace}{name}") }),
            )
        })
        .collect();
    let schema = json!({
        "$schema": bundle["$schema"],
        "definitions": definitions,
        "properties": properties,
        "additionalProperties": false,
    });
    jsonschema::validator_for(&schema).unwrap()
}
