//! Exceptions to the rules, from `schema/overrides.toml`. An entry that no longer applies is a problem.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result};
use serde::Deserialize;

use super::secrets::suspects;
use super::{Field, Kind, Model, Struct};
use crate::problems::Problems;

/// Stands for the extra entries of an open struct.
const REST: &str = ".*";

/// The checked-in exceptions.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Overrides {
    /// Fields for which absent, `null` and a value are three different states.
    #[serde(default)]
    pub double_options: BTreeSet<String>,
    /// Fields whose description suggests that, but which were reviewed and don't.
    #[serde(default)]
    pub single_options: BTreeSet<String>,
    /// Fields that `Debug` must not print.
    #[serde(default)]
    pub secret_fields: BTreeSet<String>,
    /// Fields that look like secrets but aren't, with the reason.
    #[serde(default)]
    pub not_secret: BTreeMap<String, String>,
    /// Structs of counts that can be added up.
    #[serde(default)]
    pub sums: BTreeSet<String>,
    /// Methods that the schema lists before the runtime supports them: the first release that does.
    #[serde(default)]
    pub later: BTreeMap<String, String>,
    /// Names for variants that the rule would give the same name.
    #[serde(default)]
    pub variants: BTreeMap<String, String>,
    /// Names for the unit structs of methods without params, if the rule's name is taken.
    #[serde(default)]
    pub units: BTreeMap<String, String>,
    /// Server requests that `codex-sdk` has no handler for, and refuses.
    #[serde(default)]
    pub unhandled_requests: BTreeSet<String>,
    /// Responses that no rule finds.
    #[serde(default)]
    pub responses: BTreeMap<String, String>,
}

impl Overrides {
    /// Parses the file's text.
    pub fn parse(text: &str) -> Result<Self> {
        toml::from_str(text).context("schema/overrides.toml")
    }

    /// Marks the listed fields, and reports stale entries and undecided fields.
    pub fn apply(&self, model: &mut Model, problems: &Problems) {
        for path in &self.double_options {
            match field(model, path) {
                Some(field) if field.nullable && !field.required => field.double = true,
                found => {
                    let what = match found {
                        Some(_) => format!("`{path}` can no longer be absent as well as null"),
                        None => format!("there is no longer a field `{path}`"),
                    };
                    stale(problems, "double_options", path, &what);
                }
            }
        }
        self.apply_secrets(model, problems);
        for path in &self.single_options {
            let field = field(model, path);
            let doc = field.and_then(|it| it.doc.as_deref());
            if !doc.is_some_and(tells_null_from_absent) {
                let what = format!("the description of `{path}` no longer needs an entry");
                stale(problems, "single_options", path, &what);
            }
        }
        for (path, name) in &self.variants {
            let variant = path.split_once('.').and_then(|(definition, wire)| {
                let variants = model.definition(definition)?.variants();
                variants.iter().find(|it| it.wire == wire)
            });
            if variant.is_none_or(|it| it.ident != *name) {
                let what = format!("there is no longer a variant `{path}`");
                stale(problems, "variants", path, &what);
            }
        }
        for name in &self.sums {
            if let Some(body) = counts(model, name) {
                body.sums = true;
            } else {
                let what = format!("`{name}` is no longer a struct of counts");
                stale(problems, "sums", name, &what);
            }
        }
        for method in self.later.keys() {
            if !model.client_requests.iter().any(|it| it.name == *method) {
                let what = format!("`{method}` is no longer a method");
                stale(problems, "later", method, &what);
            }
        }
        for path in self.unreviewed(model) {
            let text = format!(
                "null is taken for absence in `{path}`: if its description says otherwise, move it from `single_options` to `double_options`"
            );
            problems.assumed("single_options", &path, text);
        }
    }

    /// Marks what `Debug` hides. A field that looks like a secret is hidden until somebody decides.
    fn apply_secrets(&self, model: &mut Model, problems: &Problems) {
        for path in &self.secret_fields {
            let secret = match path.strip_suffix(REST) {
                Some(definition) => rest(model, definition).map(|it| &mut it.secret_extra),
                None => field(model, path).map(|it| &mut it.secret),
            };
            match secret {
                Some(secret) => *secret = true,
                None if path.ends_with(REST) => {
                    let what = format!("`{path}` has no such entries");
                    stale(problems, "secret_fields", path, &what);
                }
                None => {
                    let what = format!("there is no longer a field `{path}`");
                    stale(problems, "secret_fields", path, &what);
                }
            }
        }
        let suspects = suspects(model);
        for path in self.not_secret.keys() {
            if suspects.get(path).is_none_or(|it| it.secret) {
                let what = format!("`{path}` no longer looks like a secret, or is one");
                stale(problems, "not_secret", path, &what);
            }
        }
        let undecided = suspects.iter().filter(|(path, it)| {
            let reason = self.not_secret.get(*path);
            !it.secret && reason.is_none_or(String::is_empty)
        });
        let undecided: Vec<_> = undecided.map(|(path, _)| path.clone()).collect();
        for path in undecided {
            let text = format!(
                "`{path}` looks as if it held a secret: list it in `secret_fields`, or with a reason in `not_secret`"
            );
            problems.undecided("secret_fields", &path, None, text);
            if let Some(field) = field(model, &path) {
                field.secret = true;
            }
        }
    }

    /// Fields of params whose description distinguishes absence from `null`, and that nobody has
    /// reviewed. In what the runtime sends, the two mean the same.
    fn unreviewed(&self, model: &Model) -> Vec<String> {
        let mut found = Vec::new();
        for definition in model
            .definitions
            .values()
            .filter(|it| it.name.ends_with("Params"))
        {
            for field in definition.fields().iter().filter(|it| it.nullable) {
                let path = format!("{}.{}", definition.name, field.wire);
                let listed =
                    self.double_options.contains(&path) || self.single_options.contains(&path);
                if !listed && field.doc.as_deref().is_some_and(tells_null_from_absent) {
                    found.push(path);
                }
            }
        }
        found
    }
}

/// Whether a description suggests that `null` and absence differ.
fn tells_null_from_absent(description: &str) -> bool {
    let text = description.to_lowercase();
    let follows = |first: &str, second: &str| {
        text.split_once(first)
            .is_some_and(|(_, rest)| rest.contains(second))
    };
    follows("omit", "null")
        || ["clear", "disable", "unset"]
            .iter()
            .any(|it| follows("null", it))
}

/// The struct, if it consists of integers that can't be absent.
fn counts<'a>(model: &'a mut Model, definition: &str) -> Option<&'a mut Struct> {
    let is_count =
        |it: &Field| !it.is_option() && it.schema.get("type").is_some_and(|it| it == "integer");
    match &mut model.definitions.get_mut(definition)?.kind {
        Kind::Struct(body) if body.fields.iter().all(is_count) => Some(body),
        _ => None,
    }
}

/// The struct, if its entries beyond the known ones are part of the value.
fn rest<'a>(model: &'a mut Model, definition: &str) -> Option<&'a mut Struct> {
    match &mut model.definitions.get_mut(definition)?.kind {
        Kind::Struct(body) if body.open => Some(body),
        _ => None,
    }
}

fn field<'a>(model: &'a mut Model, path: &str) -> Option<&'a mut Field> {
    let (definition, wire) = path.split_once('.')?;
    match &mut model.definitions.get_mut(definition)?.kind {
        Kind::Struct(body) => body.fields.iter_mut().find(|it| it.wire == wire),
        _ => None,
    }
}

fn stale(problems: &Problems, section: &'static str, entry: &str, what: &str) {
    problems.stale_entry(section, entry, format!("schema/overrides.toml: {what}"));
}
