//! What no rule can tell, from `schema/overrides.toml`. An entry that no longer applies fails.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;

use super::secrets::suspects;
use super::{Field, Kind, Model, Struct};

/// Stands for the entries of an open struct that have no field.
const REST: &str = ".*";

/// The checked-in exceptions.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Overrides {
    /// Fields where absent, `null` and a value are three things.
    #[serde(default)]
    pub double_options: BTreeSet<String>,
    /// Fields whose prose sounds as if they were, but which were looked at.
    #[serde(default)]
    pub single_options: BTreeSet<String>,
    /// Fields that `Debug` must not print.
    #[serde(default)]
    pub secret_fields: BTreeSet<String>,
    /// Fields that look as if they held secrets and don't: why not.
    #[serde(default)]
    pub not_secret: BTreeMap<String, String>,
    /// Names of variants that the rule would name alike.
    #[serde(default)]
    pub variants: BTreeMap<String, String>,
    /// Names of the unit structs that stand for no params, where the rule's is taken.
    #[serde(default)]
    pub units: BTreeMap<String, String>,
    /// Responses that no rule finds.
    #[serde(default)]
    pub responses: BTreeMap<String, String>,
}

impl Overrides {
    /// Reads the file's text.
    pub fn parse(text: &str) -> Result<Self> {
        toml::from_str(text).context("schema/overrides.toml")
    }

    /// Marks the listed fields, and checks that every entry still means something.
    pub fn apply(&self, model: &mut Model) -> Result<()> {
        for path in &self.double_options {
            let field = field(model, path)?;
            ensure!(
                field.nullable && !field.required,
                "schema/overrides.toml: `{path}` cannot be absent as well as null any more"
            );
            field.double = true;
        }
        self.apply_secrets(model)?;
        for path in &self.single_options {
            ensure!(
                field(model, path)?
                    .doc
                    .as_deref()
                    .is_some_and(tells_null_from_absent),
                "schema/overrides.toml: the description of `{path}` no longer needs an entry"
            );
        }
        for (path, name) in &self.variants {
            let (definition, wire) = path
                .split_once('.')
                .with_context(|| format!("`{path}` is not Type.variant"))?;
            let variants = model
                .definition(definition)
                .map(super::Definition::variants)
                .unwrap_or_default();
            ensure!(
                variants
                    .iter()
                    .any(|it| it.wire == wire && it.ident == *name),
                "schema/overrides.toml: there is no variant `{path}` any more"
            );
        }
        Ok(())
    }

    /// Marks what `Debug` hides. Every field that looks like a secret is decided, one way or the other.
    fn apply_secrets(&self, model: &mut Model) -> Result<()> {
        for path in &self.secret_fields {
            if let Some(definition) = path.strip_suffix(REST) {
                let rest = rest(model, definition).with_context(|| {
                    format!("schema/overrides.toml: `{path}` has no such entries")
                })?;
                rest.secret_extra = true;
            } else {
                field(model, path)?.secret = true;
            }
        }
        let suspects = suspects(model);
        for (path, reason) in &self.not_secret {
            ensure!(
                suspects.get(path).is_some_and(|it| !it.secret) && !reason.is_empty(),
                "schema/overrides.toml: `{path}` doesn't look like a secret any more, or is one"
            );
        }
        let undecided = suspects
            .iter()
            .filter(|(path, it)| !it.secret && !self.not_secret.contains_key(*path));
        let undecided: Vec<_> = undecided.map(|(path, _)| path.as_str()).collect();
        ensure!(
            undecided.is_empty(),
            "these fields look as if they held secrets. List each in schema/overrides.toml, in \
             `secret_fields`, or with a reason in `not_secret`: {}",
            undecided.join(", ")
        );
        Ok(())
    }

    /// Fields of params whose description distinguishes absence from `null`, and nobody has looked
    /// at them. In what the runtime sends, the two mean the same.
    pub fn unreviewed(&self, model: &Model) -> Vec<String> {
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

/// Whether a description sounds as if `null` and absence differed.
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

/// A struct whose entries beyond the known ones are part of the value.
fn rest<'a>(model: &'a mut Model, definition: &str) -> Option<&'a mut Struct> {
    match &mut model.definitions.get_mut(definition)?.kind {
        Kind::Struct(body) if body.open => Some(body),
        _ => None,
    }
}

fn field<'a>(model: &'a mut Model, path: &str) -> Result<&'a mut Field> {
    let missing = || format!("schema/overrides.toml: there is no field `{path}` any more");
    let (definition, wire) = path.split_once('.').with_context(missing)?;
    match &mut model
        .definitions
        .get_mut(definition)
        .with_context(missing)?
        .kind
    {
        Kind::Struct(body) => body
            .fields
            .iter_mut()
            .find(|it| it.wire == wire)
            .with_context(missing),
        _ => bail!(missing()),
    }
}
