//! Checks whether a hand-written schema is strict.

use std::collections::{HashMap, HashSet};

use serde_json::{Map, Value};

use crate::error::Result;
use crate::strict::definitions::refused;
use crate::strict::keywords::{implied, is_allowed, is_format, is_type, of_any, only_of, unknown};

/// # Errors
/// [`Error::Schema`](crate::Error::Schema) for a schema that a provider would refuse.
pub(crate) fn check(schema: &Value) -> Result<()> {
    if schema["type"] != "object" {
        return refused("$", "is no object: put it into one, under a key");
    }
    if schema.get("anyOf").is_some() {
        return refused("$", "is a union: put it into an object, under a key");
    }
    let mut walk = Walk::default();
    walk.schema(schema, "$", "#")?;
    walk.references_lead_somewhere()
}

/// A walk through a schema. Paths are for people: `$.items[].name`. Places are written as in references:
/// `#/properties/items/items/properties/name`.
#[derive(Default)]
struct Walk {
    places: HashSet<String>,
    /// The schemas that are references, by place: their path, and the place that they refer to.
    references: HashMap<String, (String, String)>,
}

impl Walk {
    fn schema(&mut self, schema: &Value, path: &str, place: &str) -> Result<()> {
        let Some(keywords) = schema.as_object() else {
            return refused(path, "is no schema: write a JSON object");
        };
        self.places.insert(place.to_owned());
        if let Some(reference) = keywords.get("$ref") {
            return self.reference(reference, keywords.len(), path, place);
        }
        if let Some(key) = keywords.keys().find(|key| !is_allowed(key)) {
            return refused(path, &unknown(key));
        }
        self.definitions(keywords, path, place)?;
        if let Some(branches) = keywords.get("anyOf") {
            return self.union(keywords, branches, path, place);
        }
        let types = types(keywords, path)?;
        for (key, value) in keywords {
            says_something(key, value, &types, path)?;
        }
        if types.contains(&"object") {
            self.object(keywords, path, place)?;
        }
        if types.contains(&"array") {
            let Some(items) = keywords.get("items") else {
                return refused(path, "has no `items`: say what the list is of");
            };
            self.schema(items, &format!("{path}[]"), &format!("{place}/items"))?;
        }
        Ok(())
    }

    fn reference(&mut self, to: &Value, keywords: usize, path: &str, place: &str) -> Result<()> {
        if keywords > 1 {
            return refused(path, "has something beside its `$ref`: leave that out");
        }
        let Some(to) = to.as_str() else {
            return refused(path, "has a `$ref` that is no text");
        };
        let meant = (path.to_owned(), unescaped(to));
        self.references.insert(place.to_owned(), meant);
        Ok(())
    }

    fn definitions(
        &mut self,
        keywords: &Map<String, Value>,
        path: &str,
        place: &str,
    ) -> Result<()> {
        for key in ["$defs", "definitions"] {
            let Some(definitions) = keywords.get(key) else {
                continue;
            };
            let Some(definitions) = definitions.as_object() else {
                return refused(path, &format!("has `{key}` that are no JSON object"));
            };
            for (name, definition) in definitions {
                let place = format!("{place}/{key}/{}", escaped(name));
                self.schema(definition, &format!("{key}.{name}"), &place)?;
            }
        }
        Ok(())
    }

    fn union(
        &mut self,
        keywords: &Map<String, Value>,
        branches: &Value,
        path: &str,
        place: &str,
    ) -> Result<()> {
        let beside = keywords
            .keys()
            .find(|key| *key != "anyOf" && (!of_any(key) || *key == "type"));
        if let Some(key) = beside {
            let problem = format!("has `{key}` beside its `anyOf`: put it into the branches");
            return refused(path, &problem);
        }
        let Some(branches) = branches.as_array().filter(|branches| !branches.is_empty()) else {
            return refused(path, "has an `anyOf` that is no list of schemas");
        };
        for (n, branch) in branches.iter().enumerate() {
            self.schema(branch, path, &format!("{place}/anyOf/{n}"))?;
        }
        Ok(())
    }

    /// Checks that an object is closed and requires exactly its keys.
    fn object(&mut self, keywords: &Map<String, Value>, path: &str, place: &str) -> Result<()> {
        if keywords.get("additionalProperties") != Some(&Value::Bool(false)) {
            return refused(
                path,
                "takes other keys: add `\"additionalProperties\": false`",
            );
        }
        let Some(properties) = keywords.get("properties").and_then(Value::as_object) else {
            return refused(path, "has no `properties`: write a JSON object, or `{}`");
        };
        let required = keywords.get("required").and_then(Value::as_array);
        let required = required.map(|it| it.iter().map(Value::as_str).collect::<Option<Vec<_>>>());
        let Some(Some(required)) = required else {
            return refused(path, "has no `required`: list all of its keys there");
        };
        for (n, key) in required.iter().enumerate() {
            let problem = if !properties.contains_key(*key) {
                "which isn't among its `properties`"
            } else if required[..n].contains(key) {
                "twice"
            } else {
                continue;
            };
            return refused(path, &format!("requires `{key}`, {problem}"));
        }
        for (key, property) in properties {
            let path = format!("{path}.{key}");
            if !required.contains(&key.as_str()) {
                return refused(
                    &path,
                    "isn't in `required`: add it there, and let it be `null`",
                );
            }
            self.schema(
                property,
                &path,
                &format!("{place}/properties/{}", escaped(key)),
            )?;
        }
        Ok(())
    }

    fn references_lead_somewhere(&self) -> Result<()> {
        for (path, first) in self.references.values() {
            let mut meant = first;
            // Follows a reference to a reference; a cycle of them leads nowhere.
            for _ in 0..self.references.len() {
                let Some((_, next)) = self.references.get(meant) else {
                    break;
                };
                meant = next;
            }
            if !self.places.contains(meant) || self.references.contains_key(meant) {
                let problem = format!("refers to `{first}`, where no schema is");
                return refused(path, &problem);
            }
        }
        Ok(())
    }
}

/// The types of a value, which a schema has to name, or to imply by the values that it lists.
fn types<'a>(keywords: &'a Map<String, Value>, path: &str) -> Result<Vec<&'a str>> {
    let Some(types) = keywords.get("type") else {
        let lists = keywords.contains_key("const") || keywords.contains_key("enum");
        // A schema with the keys of an object or an array isn't of the listed values' types.
        if lists && implied(keywords).is_some() {
            return Ok(Vec::new());
        }
        return refused(path, "may be anything: give it a `type`");
    };
    let names = match types {
        Value::Array(names) => names.iter().map(Value::as_str).collect(),
        one => one.as_str().map(|one| vec![one]),
    };
    match names {
        Some(names) if !names.is_empty() && names.iter().all(|name| is_type(name)) => Ok(names),
        _ => {
            let problem = format!("has the type {types}, which JSON Schema doesn't know");
            refused(path, &problem)
        }
    }
}

/// Checks that a keyword belongs to one of these types and has a value of its own kind.
fn says_something(key: &str, value: &Value, types: &[&str], path: &str) -> Result<()> {
    let elsewhere = only_of(key).is_some_and(|only| !types.contains(&only));
    if elsewhere || types == ["object"] && !of_any(key) && only_of(key) != Some("object") {
        return refused(path, &unknown(key));
    }
    let fits = |value: &Value| types.is_empty() || types.iter().any(|it| is_of(value, it));
    let right = match key {
        "const" => fits(value),
        "enum" => value
            .as_array()
            .is_some_and(|them| !them.is_empty() && them.iter().all(fits)),
        "minItems" | "maxItems" => value.is_u64(),
        "minimum" | "maximum" | "exclusiveMinimum" | "exclusiveMaximum" | "multipleOf" => {
            value.is_number()
        }
        "pattern" | "description" | "title" => value.is_string(),
        "format" => return format(value, path),
        _ => true,
    };
    if right {
        return Ok(());
    }
    let problem = format!("has a `{key}` that no value of its type can have");
    refused(path, &problem)
}

fn format(name: &Value, path: &str) -> Result<()> {
    if name.as_str().is_some_and(is_format) {
        return Ok(());
    }
    refused(
        path,
        &format!("has the format {name}: leave it out, and check the value afterwards"),
    )
}

fn is_of(value: &Value, name: &str) -> bool {
    match name {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        _ => value.is_object(),
    }
}

/// A name, escaped for a reference.
fn escaped(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

/// A reference, with its URL escapes decoded.
fn unescaped(reference: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = reference.as_bytes();
    while let [first, left @ ..] = rest {
        let code = left.get(..2).filter(|_| *first == b'%');
        let code = code.and_then(|digits| std::str::from_utf8(digits).ok());
        let code = code.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        bytes.push(code.unwrap_or(*first));
        rest = &left[if code.is_some() { 2 } else { 0 }..];
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
