//! The schema of a type, in the part of JSON Schema that can constrain a model's answer.
//!
//! Models accept *strict* schemas: every object is closed and requires all of its keys, there is no
//! `oneOf` and no `allOf`, a `$ref` stands alone, and the root is an object. Derived schemas aren't
//! strict. They are rewritten where the type keeps its meaning, and refused elsewhere, with the path of
//! the place.

pub(crate) mod check;
#[cfg(test)]
mod check_refusals;
#[cfg(test)]
mod check_tests;
mod definitions;
mod keywords;
mod parts;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod twice_tests;

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use crate::error::Result;
use crate::strict::definitions::{Definitions, refused};
use crate::strict::keywords::{implied, is_annotation, names, problem_with, unknown};
use crate::strict::parts::Parts;

/// How deep schemas may nest, with references followed. Only an infinite one goes deeper.
const DEPTH: usize = 128;

/// How many described fields get their type written out. Types that refer to each other would otherwise grow with the
/// factorial of their number. Beyond this limit, the reference stays and the description is dropped.
const MOST_WRITTEN_OUT: usize = 100;

/// A schema that constrains an answer.
#[derive(Debug)]
pub(crate) struct StrictSchema {
    pub(crate) schema: Value,
    /// Whether the type isn't an object and is wrapped in one, under the key `value`.
    pub(crate) wrapped: bool,
}

impl StrictSchema {
    /// # Errors
    /// [`Error::Schema`](crate::Error::Schema) for a type that no strict schema describes.
    pub(crate) fn of<T: JsonSchema>() -> Result<Self> {
        let settings = SchemaSettings::draft2020_12().for_deserialize();
        let mut generator = settings.into_generator();
        let root = generator.subschema_for::<T>().to_value();
        Self::new(&root, &generator.take_definitions(true))
    }

    fn new(root: &Value, definitions: &Map<String, Value>) -> Result<Self> {
        let mut walk = Walk {
            definitions: Definitions(definitions),
            strict: Map::new(),
            open: Vec::new(),
            depth: 0,
            written_out: 0,
        };
        // Written out, because the root mustn't be a reference.
        let mut schema = walk.inline(root, "$")?;
        let wrapped = schema["type"] != "object";
        if wrapped {
            schema = closed([("value".to_owned(), schema)].into_iter().collect());
        }
        if !walk.strict.is_empty() {
            schema["$defs"] = Value::Object(walk.strict);
        }
        Ok(Self { schema, wrapped })
    }
}

/// A walk through a derived schema. Paths use the type's fields: `$.items[].name`.
struct Walk<'a> {
    definitions: Definitions<'a>,
    /// The definitions that the result refers to.
    strict: Map<String, Value>,
    /// The definitions that enclose the current place.
    open: Vec<String>,
    depth: usize,
    /// How many definitions were written out to keep a description.
    written_out: usize,
}

impl Walk<'_> {
    fn node(&mut self, schema: &Value, path: &str) -> Result<Value> {
        let Some(reference) = lone_reference(schema) else {
            return self.inline(schema, path);
        };
        let (name, definition) = self.definitions.find(reference, path)?;
        // A description can't accompany a reference, so the definition is written out for it. Within
        // itself that would never end, and the description is dropped.
        let described = schema.get("description").is_some() && !self.open.contains(&name);
        if described && self.written_out < MOST_WRITTEN_OUT {
            self.written_out += 1;
            return self.inline(schema, path);
        }
        if !self.strict.contains_key(&name) {
            // Inserted before it is built, because it may contain itself.
            self.strict.insert(name.clone(), Value::Null);
            self.open.push(name.clone());
            let strict = self.inline(definition, path)?;
            self.open.pop();
            self.strict.insert(name, strict);
        }
        Ok(json!({ "$ref": reference }))
    }

    /// Rewrites a schema, and writes out everything that it refers to at this place.
    fn inline(&mut self, schema: &Value, path: &str) -> Result<Value> {
        if self.depth == DEPTH {
            return refused(path, "contains itself without an end: put a field between");
        }
        let mut parts = Parts::default();
        parts.gather(schema, self.definitions, path)?;
        split_types(&mut parts);

        let outside = self.open.len();
        self.open.append(&mut parts.names);
        self.depth += 1;
        let strict = if parts.unions.is_empty() {
            self.typed(parts.keywords, path)
        } else {
            self.union(parts, path)
        };
        self.depth -= 1;
        self.open.truncate(outside);
        strict
    }

    /// Rewrites a union. Keywords beside the union move into each branch, where it can be closed.
    fn union(&mut self, parts: Parts, path: &str) -> Result<Value> {
        let mut keywords = parts.keywords;
        let description = keywords.remove("description");
        let mut unions = parts.unions.into_iter();
        let branches = unions.next().unwrap_or_default();
        let mut beside: Vec<Value> = unions.map(|union| json!({ "anyOf": union })).collect();
        if !keywords.is_empty() {
            beside.push(Value::Object(keywords));
        }

        let mut any_of: Vec<Value> = Vec::new();
        for branch in branches {
            let strict = if beside.is_empty() {
                self.node(&branch, path)?
            } else {
                let all: Vec<&Value> = [&branch].into_iter().chain(&beside).collect();
                self.inline(&json!({ "allOf": all }), path)?
            };
            match strict.get("anyOf").and_then(Value::as_array) {
                Some(inner) if strict.get("description").is_none() => {
                    any_of.extend(inner.iter().cloned());
                }
                _ if any_of.contains(&strict) => {}
                _ => any_of.push(strict),
            }
        }
        if any_of.is_empty() {
            return refused(path, "has no value at all: give the enum a variant");
        }
        Ok(one_of_them(any_of, description))
    }

    /// Rewrites a value of one type, or of several scalar ones.
    fn typed(&mut self, mut keywords: Map<String, Value>, path: &str) -> Result<Value> {
        if let Some(problem) = keywords.keys().find_map(|key| problem_with(key)) {
            return refused(path, &problem);
        }
        let Some(types) = keywords.get("type").cloned().or_else(|| implied(&keywords)) else {
            return refused(
                path,
                "may be anything, as a `serde_json::Value` is: give it a type",
            );
        };
        if types == "object" {
            return self.object(keywords, path);
        }
        if types == "array" {
            let any = Value::Bool(true);
            let items = keywords.get("items").unwrap_or(&any);
            let items = self.node(items, &format!("{path}[]"))?;
            keywords.insert("items".to_owned(), items);
        }
        keywords.insert("type".to_owned(), types);
        Ok(Value::Object(keywords))
    }

    fn object(&mut self, mut keywords: Map<String, Value>, path: &str) -> Result<Value> {
        let properties = match keywords.remove("properties") {
            Some(Value::Object(properties)) => properties,
            _ => Map::new(),
        };
        let mut strict = Map::new();
        for (name, property) in properties {
            let path = format!("{path}.{name}");
            strict.insert(name, self.node(&property, &path)?);
        }
        let mut object = closed(strict);
        if let Some(description) = keywords.remove("description") {
            object["description"] = description;
        }
        keywords.remove("type");
        match keywords.keys().next() {
            Some(key) => refused(path, &unknown(key)),
            None => Ok(object),
        }
    }
}

/// An object with exactly these keys.
fn closed(properties: Map<String, Value>) -> Value {
    let required: Vec<&String> = properties.keys().collect();
    let mut object = json!({
        "type": "object",
        "required": required,
        "additionalProperties": false,
    });
    object["properties"] = Value::Object(properties);
    object
}

/// A union of these branches, or the only branch. Nothing may accompany a reference.
fn one_of_them(mut any_of: Vec<Value>, description: Option<Value>) -> Value {
    let reference = any_of.iter().any(|branch| branch.get("$ref").is_some());
    let mut union = match any_of.len() {
        1 if description.is_none() || !reference => any_of.remove(0),
        _ => json!({ "anyOf": any_of }),
    };
    if let Some(description) = description {
        union["description"] = description;
    }
    union
}

/// The reference that a schema consists of, if its other keywords don't constrain the value.
fn lone_reference(schema: &Value) -> Option<&str> {
    let keywords = schema.as_object()?;
    let reference = keywords.get("$ref")?.as_str()?;
    let alone = keywords.iter().all(|(key, value)| {
        matches!(key.as_str(), "$ref" | "description") || is_annotation(key, value)
    });
    alone.then_some(reference)
}

/// Turns several types into a union if one is an object or an array, which can only be closed in its
/// own branch.
fn split_types(parts: &mut Parts) {
    let types = parts.keywords.get("type").map(names).unwrap_or_default();
    let inside = |name: &String| matches!(name.as_str(), "object" | "array");
    if types.len() < 2 || !types.iter().any(inside) {
        return;
    }
    let description = parts.keywords.remove("description");
    let keywords = std::mem::take(&mut parts.keywords);
    let branches = types.into_iter().map(|name| {
        let mut branch = keywords.clone();
        if name == "null" {
            branch = Map::new();
        }
        branch.insert("type".to_owned(), Value::from(name));
        Value::Object(branch)
    });
    parts.unions.push(branches.collect());
    if let Some(description) = description {
        let own = &mut parts.keywords;
        own.insert("description".to_owned(), description);
    }
}
