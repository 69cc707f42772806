//! From the schema as emitted to one that says what it means.
//!
//! Every rule repairs one habit of the emitter and counts what it repaired. A rule without a hit
//! fails: either the emitter changed, and the rule must go, or the rule no longer recognises what
//! it was made for.

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};

use crate::schema::{Object, branches, constant, properties, walk};

/// A normalised bundle: all definitions in one flat map, and the four message lists.
#[derive(Debug, Clone)]
pub struct Bundle {
    /// Types by name.
    pub definitions: Object,
    /// The branches of `ClientRequest`.
    pub client_requests: Vec<Value>,
    /// The branches of `ServerRequest`.
    pub server_requests: Vec<Value>,
    /// The branches of `ServerNotification`.
    pub server_notifications: Vec<Value>,
    /// The branches of `ClientNotification`.
    pub client_notifications: Vec<Value>,
}

/// One repair of the definitions; returns its number of hits.
struct Rule {
    name: &'static str,
    apply: fn(&mut Object) -> usize,
}

const RULES: &[Rule] = &[
    Rule { name: "drop the JSON-RPC envelopes", apply: drop_envelopes },
    Rule { name: "drop titles and dialects", apply: drop_titles },
    Rule { name: "widen usize", apply: widen_usize },
    Rule { name: "drop lower bounds", apply: drop_lower_bounds },
    Rule { name: "open closed objects", apply: open_objects },
    Rule { name: "unwrap single allOf", apply: unwrap_all_of },
    Rule { name: "collapse doubled null", apply: collapse_doubled_null },
    Rule { name: "spread common properties", apply: spread_common_properties },
    Rule { name: "merge alternatives of a branch", apply: merge_alternatives },
    Rule { name: "drop the catch-all branch", apply: drop_catch_all },
];

/// Normalises the complete bundle: every rule must hit.
pub fn complete(raw: &Value) -> Result<Bundle> {
    normalise(raw, |rule, hits| {
        ensure!(hits > 0, "the rule `{rule}` no longer applies to this schema: remove or adapt it in normalise.rs");
        Ok(())
    })
}

/// Normalises a bundle that is a subset of the complete one; a rule may have nothing to do.
pub fn subset(raw: &Value) -> Result<Bundle> {
    normalise(raw, |_, _| Ok(()))
}

fn normalise(raw: &Value, judge: impl Fn(&str, usize) -> Result<()>) -> Result<Bundle> {
    let mut definitions = hoist(raw)?;
    let mut take = |name: &str| -> Result<Vec<Value>> {
        let root = definitions.remove(name).with_context(|| format!("the schema has no `{name}`"))?;
        Ok(root.as_object().and_then(branches).cloned().unwrap_or_default())
    };
    let (client_requests, server_requests) = (take("ClientRequest")?, take("ServerRequest")?);
    let (server_notifications, client_notifications) = (take("ServerNotification")?, take("ClientNotification")?);
    for rule in RULES {
        let hits = (rule.apply)(&mut definitions);
        judge(rule.name, hits)?;
    }
    for (name, definition) in &mut definitions {
        reject_novelty(definition).with_context(|| format!("in the definition `{name}`"))?;
    }
    Ok(Bundle { definitions, client_requests, server_requests, server_notifications, client_notifications })
}

/// Puts the definitions of `definitions.v2` beside the others.
///
/// The two namespaces share a few names; they must mean the same.
fn hoist(raw: &Value) -> Result<Object> {
    let text = raw.to_string().replace("#/definitions/v2/", "#/definitions/");
    let mut raw: Value = serde_json::from_str(&text)?;
    let mut definitions = match raw.get_mut("definitions").map(Value::take) {
        Some(Value::Object(definitions)) => definitions,
        _ => bail!("the schema has no `definitions`"),
    };
    let Some(Value::Object(inner)) = definitions.remove("v2") else {
        bail!("the schema has no `definitions.v2`: the rule `hoist` no longer applies");
    };
    for (name, definition) in inner {
        let bare = |it: &Value| {
            let mut it = it.clone();
            if let Value::Object(it) = &mut it {
                it.remove("$schema");
                it.remove("title");
            }
            it
        };
        if let Some(other) = definitions.get(&name) {
            ensure!(bare(other) == bare(&definition), "`{name}` means two things in the schema");
        }
        definitions.insert(name, definition);
    }
    Ok(definitions)
}

/// Removes what our own envelopes stand for, and the emitter's helpers for nullable params.
fn drop_envelopes(definitions: &mut Object) -> usize {
    let before = definitions.len();
    definitions.retain(|name, _| !name.starts_with("JSONRPC") && !name.starts_with("Nullable"));
    before - definitions.len()
}

/// Titles would become type names; `$schema` says nothing inside a bundle.
fn drop_titles(definitions: &mut Object) -> usize {
    count(definitions, |schema| schema.remove("title").is_some() | schema.remove("$schema").is_some())
}

/// `uint` is `usize` upstream: 64 bits on every platform that the runtime supports.
fn widen_usize(definitions: &mut Object) -> usize {
    count(definitions, |schema| {
        let hit = schema.get("format").is_some_and(|format| format == "uint");
        if hit {
            schema.insert("format".to_owned(), json!("uint64"));
        }
        hit
    })
}

/// A value below a bound is the runtime's affair; here it would lose the whole message.
fn drop_lower_bounds(definitions: &mut Object) -> usize {
    count(definitions, |schema| schema.remove("minimum").is_some() | schema.remove("minLength").is_some())
}

/// Denying unknown fields would refuse every message of a newer runtime.
fn open_objects(definitions: &mut Object) -> usize {
    count(definitions, |schema| {
        let hit = schema.get("additionalProperties").is_some_and(|it| it == false);
        if hit {
            schema.remove("additionalProperties");
        }
        hit
    })
}

/// `allOf` around one reference only carries a description or a default.
fn unwrap_all_of(definitions: &mut Object) -> usize {
    count(definitions, |schema| match schema.get("allOf").and_then(Value::as_array).map(Vec::as_slice) {
        Some([Value::Object(only)]) => {
            let only = only.clone();
            schema.remove("allOf");
            schema.extend(only);
            true
        }
        _ => false,
    })
}

/// `T | null | null` is an optional field of a type that is optional itself.
fn collapse_doubled_null(definitions: &mut Object) -> usize {
    count(definitions, |schema| {
        let Some(branches) = schema.get_mut("anyOf").and_then(Value::as_array_mut) else { return false };
        let nested = branches.iter().find_map(|it| it.get("anyOf").and_then(Value::as_array)).cloned();
        match nested {
            Some(nested) if nested.contains(&json!({"type": "null"})) => {
                *branches = nested;
                true
            }
            _ => false,
        }
    })
}

/// Properties beside a tagged `oneOf` belong to each of its branches.
fn spread_common_properties(definitions: &mut Object) -> usize {
    let unions = definitions.values_mut().filter_map(Value::as_object_mut);
    unions
        .filter(|it| it.contains_key("oneOf") && it.contains_key("properties"))
        .map(|union| {
            let (common, required) = (union.remove("properties"), union.remove("required"));
            union.remove("type");
            for branch in union.get_mut("oneOf").and_then(Value::as_array_mut).into_iter().flatten() {
                extend(branch, "properties", common.as_ref());
                extend(branch, "required", required.as_ref());
            }
        })
        .count()
}

/// Alternatives inside a tagged branch (`url` or `fileId`) become optional properties of it.
fn merge_alternatives(definitions: &mut Object) -> usize {
    let branches = definitions.values_mut().filter_map(|it| it.get_mut("oneOf")?.as_array_mut()).flatten();
    branches
        .filter_map(|branch| Some((branch.as_object_mut()?.remove("anyOf")?, branch)))
        .map(|(alternatives, branch)| {
            for alternative in alternatives.as_array().into_iter().flatten() {
                extend(branch, "properties", alternative.get("properties"));
            }
        })
        .count()
}

/// A branch that takes any string or object is what our `Unrecognized` is for.
fn drop_catch_all(definitions: &mut Object) -> usize {
    count(definitions, |schema| {
        let Some(branches) = schema.get_mut("anyOf").and_then(Value::as_array_mut) else { return false };
        let before = branches.len();
        branches.retain(|it| *it != json!({"type": ["string", "object"]}));
        before != branches.len()
    })
}

/// Fails on a construct that the later stages were not written for.
fn reject_novelty(definition: &mut Value) -> Result<()> {
    let mut novelty = None;
    walk(definition, &mut |schema| {
        if let Err(error) = known(schema) {
            novelty.get_or_insert(error);
        }
    });
    novelty.map_or(Ok(()), Err)
}

fn known(schema: &Object) -> Result<()> {
    const KEYWORDS: &[&str] = &[
        "$ref", "additionalProperties", "anyOf", "default", "description", "enum", "format", "items", "oneOf",
        "properties", "required", "type",
    ];
    const FORMATS: &[&str] = &["double", "int32", "int64", "uint16", "uint32", "uint64"];
    const TYPES: &[&str] = &["array", "boolean", "integer", "null", "number", "object", "string"];

    if let Some(keyword) = schema.keys().find(|it| !KEYWORDS.contains(&it.as_str())) {
        bail!("the keyword `{keyword}` is new to the generator");
    }
    if let Some(format) = schema.get("format") {
        ensure!(format.as_str().is_some_and(|it| FORMATS.contains(&it)), "the format {format} is new to the generator");
    }
    let known_type = |it: &Value| it.as_str().is_some_and(|it| TYPES.contains(&it));
    match schema.get("type") {
        None => {}
        Some(Value::Array(types)) => {
            let nullable = types.len() == 2 && types.iter().any(|it| it == "null") && types.iter().all(known_type);
            ensure!(nullable, "the type {types:?} is new to the generator");
        }
        Some(other) => ensure!(known_type(other), "the type {other} is new to the generator"),
    }
    // Tags of unions are the only constants; other inline enums would need names.
    let tags = properties(schema).filter(|(_, it)| constant(it).is_some()).count();
    let enums = properties(schema).filter(|(_, it)| it.get("enum").is_some()).count();
    ensure!(tags == enums && tags <= 1, "inline enums are new to the generator");
    Ok(())
}

/// Applies a repair to every schema in the definitions and counts its hits.
fn count(definitions: &mut Object, repair: impl Fn(&mut Object) -> bool) -> usize {
    let mut hits = 0;
    for definition in definitions.values_mut() {
        walk(definition, &mut |schema| hits += usize::from(repair(schema)));
    }
    hits
}

/// Adds the entries of `more` to the map or list under `key`.
fn extend(schema: &mut Value, key: &str, more: Option<&Value>) {
    let Value::Object(schema) = schema else { return };
    match (more, schema.get_mut(key)) {
        (Some(Value::Object(more)), Some(Value::Object(known))) => known.extend(more.clone()),
        (Some(Value::Array(more)), Some(Value::Array(known))) => known.extend(more.iter().cloned()),
        (Some(more), None) => {
            schema.insert(key.to_owned(), more.clone());
        }
        _ => {}
    }
}
