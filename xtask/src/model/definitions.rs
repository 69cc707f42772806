//! Builds types from schemas. Every definition is one of six kinds, or a problem.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};
use heck::ToUpperCamelCase;
use serde_json::{Value, json};

use super::{Definition, Field, Kind, Overrides, Struct, Variant, shapes};
use crate::problems::{self, Problems};
use crate::schema::{
    Object, branches, constant, description, non_null, nullable, properties, reference, required,
    requires, strings, tag,
};

/// Builds the types; `RequestId` is handwritten.
pub fn build(
    schemas: &Object,
    overrides: &Overrides,
    problems: &Problems,
) -> BTreeMap<String, Definition> {
    let mut builder = Builder {
        schemas,
        overrides,
        problems,
        done: BTreeMap::new(),
    };
    for (name, schema) in schemas.iter().filter(|(name, _)| *name != "RequestId") {
        builder.define(name, schema);
    }
    builder.done
}

struct Builder<'a> {
    schemas: &'a Object,
    overrides: &'a Overrides,
    problems: &'a Problems,
    done: BTreeMap<String, Definition>,
}

impl Builder<'_> {
    /// Defines a type. A schema that isn't understood becomes an object that may contain anything.
    fn define(&mut self, name: &str, schema: &Value) {
        let kind = self.kind(name, schema).unwrap_or_else(|error| {
            let text = format!("in the definition `{name}`: {error:#}");
            self.problems.add(problems::Kind::New, text, None);
            Kind::Struct(Struct::of_anything())
        });
        let definition = Definition {
            name: name.to_owned(),
            doc: schema.as_object().and_then(description),
            experimental: false,
            kind,
        };
        if self.done.insert(name.to_owned(), definition).is_some() {
            let text = format!(
                "two types want the name `{name}`: name one of the variants under [variants]"
            );
            self.problems.add(problems::Kind::Undecided, text, None);
        }
    }

    fn kind(&mut self, name: &str, schema: &Value) -> Result<Kind> {
        let object = schema.as_object().context("it is not a schema object")?;
        Ok(match branches(object) {
            Some(branches) => self.union(name, branches)?,
            None if object.get("type").is_some_and(|it| it == "object") => {
                Kind::Struct(self::object(object))
            }
            None => match strings(schema) {
                Some(strings) => Kind::StringEnum(
                    strings
                        .into_iter()
                        .map(|it| self.variant(name, it, None))
                        .collect(),
                ),
                None if object.get("type").is_some_and(|it| it == "string") => Kind::Text,
                None => bail!("this kind of definition is new to the generator"),
            },
        })
    }

    fn union(&mut self, name: &str, branches: &[Value]) -> Result<Kind> {
        if let Some(tag) = tag(branches) {
            return self.tagged(name, &tag, branches);
        }
        if branches.iter().all(|it| strings(it).is_some()) {
            return Ok(Kind::StringEnum(self.strings(name, branches)));
        }
        if branches
            .iter()
            .all(|it| strings(it).is_some() || single_key(it).is_some())
        {
            return Ok(self.external(name, branches));
        }
        self.untagged(name, branches)
    }

    fn tagged(&mut self, name: &str, tag: &str, branches: &[Value]) -> Result<Kind> {
        let mut variants = Vec::new();
        for branch in branches {
            let mut body = branch
                .as_object()
                .context("a branch is not an object")?
                .clone();
            let tag = body
                .get_mut("properties")
                .and_then(|it| it.as_object_mut()?.remove(tag));
            let wire = tag
                .as_ref()
                .and_then(constant)
                .context("a branch has no tag")?;
            let mut variant = self.variant(name, wire, description(&body));
            if properties(&body).next().is_some() {
                variant.body = Some(self.hoist(name, &variant.ident, body));
            }
            variants.push(variant);
        }
        Ok(Kind::Tagged {
            tag: tag.to_owned(),
            variants,
        })
    }

    fn external(&mut self, name: &str, branches: &[Value]) -> Kind {
        let mut variants = Vec::new();
        for branch in branches {
            let Some((key, body)) = single_key(branch) else {
                variants.extend(self.strings(name, std::slice::from_ref(branch)));
                continue;
            };
            let mut variant = self.variant(name, key, branch.as_object().and_then(description));
            variant.body = Some(match body.as_object() {
                Some(inner) if inner.contains_key("properties") => {
                    self.hoist(name, &variant.ident, inner.clone())
                }
                _ => body.clone(),
            });
            variants.push(variant);
        }
        Kind::External(variants)
    }

    fn untagged(&mut self, name: &str, branches: &[Value]) -> Result<Kind> {
        let mut variants = Vec::new();
        for (index, branch) in branches.iter().enumerate() {
            let wire = match (
                reference(branch),
                branch.get("type").and_then(Value::as_str),
            ) {
                (Some(target), _) => between(name, target),
                (None, Some("string")) => "string".to_owned(),
                (None, Some("array")) => "list".to_owned(),
                (None, Some("object")) => {
                    distinctive_key(branches, index).context("two branches look alike")?
                }
                _ => bail!("this kind of branch is new to the generator"),
            };
            let mut variant = self.variant(name, &wire, branch.as_object().and_then(description));
            variant.shapes = shapes::of(branch, self.schemas);
            variant.body = Some(match branch.as_object() {
                Some(inner) if inner.contains_key("properties") => {
                    self.hoist(name, &variant.ident, inner.clone())
                }
                _ => branch.clone(),
            });
            variants.push(variant);
        }
        Ok(Kind::Untagged(variants))
    }

    /// Makes the body of a branch a separate type.
    fn hoist(&mut self, union: &str, variant: &str, body: Object) -> Value {
        let name = format!("{union}{variant}");
        self.define(&name, &Value::Object(body));
        json!({ "$ref": format!("#/definitions/{name}") })
    }

    fn strings(&self, name: &str, branches: &[Value]) -> Vec<Variant> {
        let described = |branch: &Value| branch.as_object().and_then(description);
        let each = |branch| {
            strings(branch)
                .into_iter()
                .flatten()
                .map(move |it| (it, described(branch)))
        };
        branches
            .iter()
            .flat_map(each)
            .map(|(wire, doc)| self.variant(name, wire, doc))
            .collect()
    }

    fn variant(&self, definition: &str, wire: &str, doc: Option<String>) -> Variant {
        let renamed = self.overrides.variants.get(&format!("{definition}.{wire}"));
        let ident = renamed
            .cloned()
            .unwrap_or_else(|| wire.to_upper_camel_case());
        Variant {
            ident,
            wire: wire.to_owned(),
            doc,
            experimental: false,
            body: None,
            shapes: Vec::new(),
        }
    }
}

fn object(schema: &Object) -> Struct {
    let field = |(wire, property): (&String, &Value)| {
        let mut inner = non_null(property);
        let doc = property.as_object().and_then(description);
        let default = property.get("default").filter(|it| !it.is_null()).cloned();
        if let Value::Object(inner) = &mut inner {
            inner.remove("default");
            inner.remove("description");
        }
        Field {
            wire: wire.clone(),
            doc,
            schema: inner,
            required: requires(schema, wire),
            nullable: nullable(property),
            default,
            experimental: false,
            double: false,
            secret: false,
        }
    };
    Struct {
        fields: properties(schema).map(field).collect(),
        open: schema.contains_key("additionalProperties"),
        secret_extra: false,
        sums: false,
    }
}

/// The key and body of an object with exactly one key, which is required.
fn single_key(branch: &Value) -> Option<(&str, &Value)> {
    let object = branch.as_object()?;
    let mut properties = properties(object);
    let (key, body) = properties.next()?;
    (properties.next().is_none() && requires(object, key)).then_some((key, body))
}

/// What remains of a name without the parts it shares with its union's name.
fn between(union: &str, target: &str) -> String {
    let shared =
        |pairs: &mut dyn Iterator<Item = (char, char)>| pairs.take_while(|(a, b)| a == b).count();
    let start = shared(&mut union.chars().zip(target.chars()));
    let rest = &target[start..];
    let end = shared(&mut union.chars().rev().zip(rest.chars().rev()));
    rest[..rest.len() - end].to_owned()
}

/// A key that only this branch requires.
fn distinctive_key(branches: &[Value], index: usize) -> Option<String> {
    let own = required(branches[index].as_object()?);
    let others = branches
        .iter()
        .enumerate()
        .filter(|(other, _)| *other != index);
    let others: Vec<_> = others.filter_map(|(_, it)| it.as_object()).collect();
    own.into_iter()
        .find(|key| !others.iter().any(|it| requires(it, key)))
        .map(str::to_owned)
}
