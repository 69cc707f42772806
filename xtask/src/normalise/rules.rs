//! The repairs.

use heck::{ToLowerCamelCase, ToUpperCamelCase};
use serde_json::{Value, json};

use crate::schema::{Object, branches, constant, description, nullable, tag, walk};

/// A repair of the definitions.
pub struct Rule {
    /// Its name in messages.
    pub name: &'static str,
    /// Applies it, and returns the number of hits.
    pub apply: fn(&mut Object) -> usize,
    /// Whether the pinned runtime needs it: then zero hits are a problem.
    pub is_habit: bool,
}

const fn habit(name: &'static str, apply: fn(&mut Object) -> usize) -> Rule {
    Rule {
        name,
        apply,
        is_habit: true,
    }
}

/// A rule for the schemas of other versions.
const fn tolerance(name: &'static str, apply: fn(&mut Object) -> usize) -> Rule {
    Rule {
        name,
        apply,
        is_habit: false,
    }
}

/// All rules, in an order that respects their dependencies.
pub const RULES: &[Rule] = &[
    habit("drop the JSON-RPC envelopes", drop_envelopes),
    habit("drop titles and dialects", drop_titles),
    habit("drop the heading NEW APIs", |it| {
        drop_heading(it, "NEW APIs")
    }),
    habit("drop the heading NEW NOTIFICATIONS", |it| {
        drop_heading(it, "NEW NOTIFICATIONS")
    }),
    habit("drop the heading DEPRECATED APIs below", |it| {
        drop_heading(it, "DEPRECATED APIs below")
    }),
    habit("widen usize", widen_usize),
    habit("drop lower bounds", drop_lower_bounds),
    tolerance("drop directions", drop_directions),
    tolerance("widen constants", widen_constants),
    habit("open closed objects", open_objects),
    habit("unwrap single allOf", unwrap_all_of),
    habit("collapse doubled null", collapse_doubled_null),
    habit("restore camel case", restore_camel_case),
    habit("spread common properties", spread_common_properties),
    habit("merge alternatives of a branch", merge_alternatives),
    habit("drop the catch-all branch", drop_catch_all),
    tolerance("name inline enums", name_inline_enums),
];

/// Removes definitions that our own envelopes replace, and the emitter's helpers for nullable params.
fn drop_envelopes(definitions: &mut Object) -> usize {
    let before = definitions.len();
    definitions.retain(|name, _| !name.starts_with("JSONRPC") && !name.starts_with("Nullable"));
    before - definitions.len()
}

/// Titles would become type names; `$schema` has no meaning inside a bundle.
fn drop_titles(definitions: &mut Object) -> usize {
    count(definitions, |schema| {
        schema.remove("title").is_some() | schema.remove("$schema").is_some()
    })
}

/// A heading in the runtime's source ends up at the start of the next description.
fn drop_heading(definitions: &mut Object, heading: &str) -> usize {
    count(definitions, |schema| {
        let Some(rest) =
            description(schema).and_then(|it| Some(it.strip_prefix(heading)?.to_owned()))
        else {
            return false;
        };
        match rest.trim_start() {
            "" => schema.remove("description"),
            rest => schema.insert("description".to_owned(), json!(rest)),
        };
        true
    })
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

/// A value below a bound is the runtime's concern; rejecting it here would lose the whole message.
fn drop_lower_bounds(definitions: &mut Object) -> usize {
    count(definitions, |schema| {
        schema.remove("minimum").is_some() | schema.remove("minLength").is_some()
    })
}

/// Each type goes in only one direction, which its method determines.
fn drop_directions(definitions: &mut Object) -> usize {
    count(definitions, |schema| {
        schema.remove("readOnly").is_some() | schema.remove("writeOnly").is_some()
    })
}

/// A number with a single value today is a version, and will change.
fn widen_constants(definitions: &mut Object) -> usize {
    count(definitions, |schema| {
        let values = schema.get("enum").and_then(Value::as_array);
        let hit = values.is_some_and(|it| it.iter().any(|it| !it.is_string()));
        if hit {
            schema.remove("enum");
        }
        hit
    })
}

/// Denying unknown fields would reject every message of a newer runtime.
fn open_objects(definitions: &mut Object) -> usize {
    count(definitions, |schema| {
        let hit = schema
            .get("additionalProperties")
            .is_some_and(|it| it == false);
        if hit {
            schema.remove("additionalProperties");
        }
        hit
    })
}

/// `allOf` around one reference only carries a description or a default.
fn unwrap_all_of(definitions: &mut Object) -> usize {
    count(definitions, |schema| {
        match schema
            .get("allOf")
            .and_then(Value::as_array)
            .map(Vec::as_slice)
        {
            Some([Value::Object(only)]) => {
                let only = only.clone();
                schema.remove("allOf");
                schema.extend(only);
                true
            }
            _ => false,
        }
    })
}

/// `T | null | null` is an optional field whose type is itself optional.
fn collapse_doubled_null(definitions: &mut Object) -> usize {
    count(definitions, |schema| {
        let Some(branches) = schema.get_mut("anyOf").and_then(Value::as_array_mut) else {
            return false;
        };
        let nested = branches
            .iter()
            .find_map(|it| it.get("anyOf").and_then(Value::as_array))
            .cloned();
        match nested {
            Some(nested) if nested.contains(&json!({"type": "null"})) => {
                *branches = nested;
                true
            }
            _ => false,
        }
    })
}

/// These unions rename the fields of their variants (`rename_all_fields`), which the emitter overlooks.
/// The runtime writes camel case, and so does its TypeScript.
fn restore_camel_case(definitions: &mut Object) -> usize {
    let unions = ["ThreadRealtimeItem", "ThreadTimelineEntry"];
    let mut hits = 0;
    for name in unions {
        if let Some(union) = definitions.get_mut(name) {
            walk(union, &mut |schema| hits += camel_case_fields(schema));
        }
    }
    hits
}

fn camel_case_fields(schema: &mut Object) -> usize {
    let Some(Value::Object(properties)) = schema.get_mut("properties") else {
        return 0;
    };
    let snake: Vec<_> = properties
        .keys()
        .filter(|it| it.contains('_'))
        .cloned()
        .collect();
    for name in &snake {
        if let Some(property) = properties.remove(name) {
            properties.insert(name.to_lower_camel_case(), property);
        }
    }
    for required in schema
        .get_mut("required")
        .and_then(Value::as_array_mut)
        .into_iter()
        .flatten()
    {
        if let Some(name) = required.as_str().filter(|it| it.contains('_')) {
            *required = json!(name.to_lower_camel_case());
        }
    }
    snake.len()
}

/// Properties next to a tagged `oneOf` belong to each of its branches.
fn spread_common_properties(definitions: &mut Object) -> usize {
    let unions = definitions.values_mut().filter_map(Value::as_object_mut);
    unions
        .filter(|it| it.contains_key("oneOf") && it.contains_key("properties"))
        .map(|union| {
            let (common, required) = (union.remove("properties"), union.remove("required"));
            union.remove("type");
            for branch in union
                .get_mut("oneOf")
                .and_then(Value::as_array_mut)
                .into_iter()
                .flatten()
            {
                extend(branch, "properties", common.as_ref());
                extend(branch, "required", required.as_ref());
            }
        })
        .count()
}

/// Alternatives inside a tagged branch (`url` or `fileId`) become optional properties of it.
fn merge_alternatives(definitions: &mut Object) -> usize {
    let branches = definitions
        .values_mut()
        .filter_map(|it| it.get_mut("oneOf")?.as_array_mut())
        .flatten();
    branches
        .filter_map(|branch| Some((branch.as_object_mut()?.remove("anyOf")?, branch)))
        .map(|(alternatives, branch)| {
            for alternative in alternatives.as_array().into_iter().flatten() {
                extend(branch, "properties", alternative.get("properties"));
            }
        })
        .count()
}

/// Our `Unrecognized` replaces a branch that takes any string or object.
fn drop_catch_all(definitions: &mut Object) -> usize {
    count(definitions, |schema| {
        let Some(branches) = schema.get_mut("anyOf").and_then(Value::as_array_mut) else {
            return false;
        };
        let before = branches.len();
        branches.retain(|it| *it != json!({"type": ["string", "object"]}));
        before != branches.len()
    })
}

/// A property's inline list of strings becomes a type named after both; the tag of a union stays.
fn name_inline_enums(definitions: &mut Object) -> usize {
    let mut named = Vec::new();
    for (name, definition) in definitions.iter_mut() {
        let Value::Object(definition) = definition else {
            continue;
        };
        let tag = branches(definition).and_then(|it| tag(it));
        let is_external = branches(definition).is_some() && tag.is_none();
        let key = ["oneOf", "anyOf"]
            .into_iter()
            .find(|it| definition.contains_key(*it));
        match key.and_then(|it| definition.get_mut(it)?.as_array_mut()) {
            Some(branches) => {
                for branch in branches.iter_mut().filter_map(Value::as_object_mut) {
                    name_enums_of(branch, name, tag.as_deref(), is_external, &mut named);
                }
            }
            None => name_enums_of(definition, name, None, false, &mut named),
        }
    }
    let hits = named.len();
    for (name, definition) in named {
        definitions.entry(name).or_insert(definition);
    }
    hits
}

fn name_enums_of(
    object: &mut Object,
    owner: &str,
    tag: Option<&str>,
    keeps_constants: bool,
    named: &mut Vec<(String, Value)>,
) {
    let Some(Value::Object(properties)) = object.get_mut("properties") else {
        return;
    };
    for (wire, property) in properties
        .iter_mut()
        .filter(|(wire, _)| Some(wire.as_str()) != tag)
    {
        let may_be_null = nullable(property);
        let Some(property) = property.as_object_mut() else {
            continue;
        };
        let is_constant = constant(&Value::Object(property.clone())).is_some();
        if !property.contains_key("enum") || (is_constant && keeps_constants) {
            continue;
        }
        let strings = property.remove("enum");
        property.remove("type");
        let name = format!("{owner}{}", wire.to_upper_camel_case());
        let reference = json!({ "$ref": format!("#/definitions/{name}") });
        named.push((name, json!({"type": "string", "enum": strings})));
        if may_be_null {
            property.insert("anyOf".to_owned(), json!([reference, {"type": "null"}]));
        } else if let Value::Object(reference) = reference {
            property.extend(reference);
        }
    }
}

/// Applies a repair to every schema in the definitions, and counts the hits.
fn count(definitions: &mut Object, repair: impl Fn(&mut Object) -> bool) -> usize {
    let mut hits = 0;
    for definition in definitions.values_mut() {
        walk(definition, &mut |schema| {
            hits += usize::from(repair(schema));
        });
    }
    hits
}

/// Adds the entries of `more` to the map or list under `key`.
fn extend(schema: &mut Value, key: &str, more: Option<&Value>) {
    let Value::Object(schema) = schema else {
        return;
    };
    match (more, schema.get_mut(key)) {
        (Some(Value::Object(more)), Some(Value::Object(known))) => known.extend(more.clone()),
        (Some(Value::Array(more)), Some(Value::Array(known))) => known.extend(more.iter().cloned()),
        (Some(more), None) => {
            schema.insert(key.to_owned(), more.clone());
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests;
