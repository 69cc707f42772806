//! What no rule can tell, from `schema/overrides.toml`. An entry that no longer applies fails.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;

use super::{Field, Kind, Model};

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
        for path in &self.secret_fields {
            field(model, path)?.secret = true;
        }
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
