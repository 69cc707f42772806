//! The keywords of a schema, gathered from everywhere that it has them.

use serde_json::{Map, Value};

use crate::error::Result;
use crate::strict::definitions::{Definitions, refused};
use crate::strict::keywords::{is_annotation, names};

/// One schema, with everything that it refers to or combines by `allOf`, as one set of keywords.
///
/// Objects are merged as serde flattens them, with the keys of all.
#[derive(Debug, Default)]
pub(super) struct Parts {
    /// What holds in any case.
    pub(super) keywords: Map<String, Value>,
    /// What holds in addition: one branch of each union.
    pub(super) unions: Vec<Vec<Value>>,
    /// The definitions that were merged in.
    pub(super) names: Vec<String>,
}

impl Parts {
    pub(super) fn gather(
        &mut self,
        schema: &Value,
        definitions: Definitions,
        path: &str,
    ) -> Result<()> {
        let keywords = match schema {
            Value::Object(keywords) => keywords,
            Value::Bool(true) => return Ok(()),
            _ => return refused(path, "has no value at all: give the enum a variant"),
        };
        // The description of this place takes precedence over that of a type it refers to.
        if let Some(description) = keywords.get("description") {
            let own = self.keywords.entry("description");
            own.or_insert_with(|| description.clone());
        }
        for (key, value) in keywords {
            match (key.as_str(), value) {
                ("description", _) => {}
                ("$ref", Value::String(reference)) => {
                    let (name, definition) = definitions.find(reference, path)?;
                    if !self.names.contains(&name) {
                        self.names.push(name);
                        self.gather(definition, definitions, path)?;
                    }
                }
                ("allOf", Value::Array(all)) => {
                    for part in all {
                        self.gather(part, definitions, path)?;
                    }
                }
                ("anyOf" | "oneOf", Value::Array(branches)) => self.unions.push(branches.clone()),
                ("properties", Value::Object(properties)) => self.properties(properties, path)?,
                ("type", value) => self.set_type(value, path)?,
                ("required", Value::Array(required)) => required_once(required, path)?,
                (key, value) if is_annotation(key, value) => {}
                (key, value) => self.set(key, value, path)?,
            }
        }
        Ok(())
    }

    fn properties(&mut self, new: &Map<String, Value>, path: &str) -> Result<()> {
        let own = self.keywords.entry("properties");
        let own = own.or_insert_with(|| Value::Object(Map::new()));
        let Value::Object(own) = own else {
            return Ok(());
        };
        for (name, property) in new {
            let known = own.entry(name.as_str());
            if known.or_insert_with(|| property.clone()) != property {
                let path = format!("{path}.{name}");
                return refused(
                    &path,
                    "is there twice, with two types: rename one of the two",
                );
            }
        }
        Ok(())
    }

    /// Keeps the types that both sides allow.
    fn set_type(&mut self, new: &Value, path: &str) -> Result<()> {
        let Some(own) = self.keywords.get("type") else {
            self.keywords.insert("type".to_owned(), new.clone());
            return Ok(());
        };
        let new = names(new);
        let both = names(own).into_iter().filter(|name| new.contains(name));
        let mut both: Vec<Value> = both.map(Value::from).collect();
        let both = match both.len() {
            0 => {
                return refused(path, "is two types at once: flatten structs and enums only");
            }
            1 => both.remove(0),
            _ => Value::Array(both),
        };
        self.keywords.insert("type".to_owned(), both);
        Ok(())
    }

    fn set(&mut self, key: &str, value: &Value, path: &str) -> Result<()> {
        let own = self.keywords.entry(key);
        if own.or_insert_with(|| value.clone()) != value {
            let problem = format!("has two different `{key}`: leave one of the two out");
            return refused(path, &problem);
        }
        Ok(())
    }
}

/// Refuses a key that two parts of an object require. Each flattened part takes its keys away from the next, but the
/// derived schema has the keys of all in one place: only `required` still has both.
fn required_once(required: &[Value], path: &str) -> Result<()> {
    for (n, key) in required.iter().enumerate() {
        if let Some(key) = key.as_str().filter(|_| required[..n].contains(key)) {
            let path = format!("{path}.{key}");
            return refused(&path, "is there twice, by `flatten`: rename one of the two");
        }
    }
    Ok(())
}
