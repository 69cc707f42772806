//! Normalises the emitted schema to one that states what it means.
//!
//! Every rule repairs one habit of the emitter and counts its repairs. A habit that isn't found is a
//! problem: either the emitter changed and the rule must go, or the rule no longer recognises its
//! target. Rules for other versions of the runtime may have nothing to do.

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::problems::{Kind, Problems};
use crate::schema::{Object, branches};

mod novelty;
mod rules;

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

/// Normalises the complete bundle; a missing habit is a problem.
pub fn complete(raw: &Value, problems: &Problems) -> Result<Bundle> {
    let mut definitions = hoist(raw, problems)?;
    for rule in rules::RULES {
        if (rule.apply)(&mut definitions) == 0 && rule.is_habit {
            problems.add(
                Kind::Stale,
                format!(
                    "the rule `{}` no longer applies to this schema: remove or adapt it in xtask/src/normalise/rules.rs",
                    rule.name
                ),
                None,
            );
        }
    }
    bundle(definitions, problems)
}

/// Normalises a subset of the complete bundle, whose problems are already those of the complete one.
pub fn subset(raw: &Value) -> Result<Bundle> {
    complete(raw, &Problems::default())
}

fn bundle(mut definitions: Object, problems: &Problems) -> Result<Bundle> {
    for (name, definition) in &mut definitions {
        novelty::settle(name, definition, problems);
    }
    let mut take = |name: &str| -> Result<Vec<Value>> {
        let root = definitions
            .remove(name)
            .with_context(|| format!("the schema has no `{name}`"))?;
        Ok(root
            .as_object()
            .and_then(branches)
            .cloned()
            .unwrap_or_default())
    };
    let (client_requests, server_requests) = (take("ClientRequest")?, take("ServerRequest")?);
    let (server_notifications, client_notifications) =
        (take("ServerNotification")?, take("ClientNotification")?);
    Ok(Bundle {
        definitions,
        client_requests,
        server_requests,
        server_notifications,
        client_notifications,
    })
}

/// Merges the definitions in `definitions.v2` into the others.
///
/// The two namespaces share a few names, which must mean the same.
fn hoist(raw: &Value, problems: &Problems) -> Result<Object> {
    let text = raw
        .to_string()
        .replace("#/definitions/v2/", "#/definitions/");
    let mut raw: Value = serde_json::from_str(&text)?;
    let Some(Value::Object(mut definitions)) = raw.get_mut("definitions").map(Value::take) else {
        bail!("the schema has no `definitions`");
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
        let other = definitions.get(&name);
        if other.is_some_and(|it| bare(it) != bare(&definition)) {
            let text = format!("`{name}` means two things in the schema");
            problems.add(Kind::New, text, None);
        }
        definitions.insert(name, definition);
    }
    Ok(definitions)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// The complete checked-in schema.
    fn schema() -> Value {
        serde_json::from_str(include_str!("../../../schema/experimental.json")).unwrap()
    }

    /// The reported problems of a schema.
    fn told(raw: &Value) -> String {
        let problems = Problems::default();
        complete(raw, &problems).unwrap();
        problems.to_string()
    }

    #[test]
    fn every_habit_is_one_of_the_schema() {
        assert_eq!(told(&schema()), "");
    }

    #[test]
    fn a_habit_that_the_schema_does_not_have_is_a_problem() {
        // After one normalisation, there is nothing left to repair.
        let bundle = complete(&schema(), &Problems::default()).unwrap();
        for rule in rules::RULES {
            let mut definitions = bundle.definitions.clone();
            assert_eq!(
                (rule.apply)(&mut definitions),
                0,
                "{} hits twice",
                rule.name
            );
            assert_eq!(
                definitions, bundle.definitions,
                "{} changes what it does not count",
                rule.name
            );
        }
        let text = schema()
            .to_string()
            .replace(r#""format":"uint""#, r#""format":"uint64""#);
        let told = told(&serde_json::from_str(&text).unwrap());
        assert!(told.contains("`widen usize` no longer applies"), "{told}");
    }

    #[test]
    fn a_name_with_two_meanings_is_a_problem() {
        let mut raw = schema();
        raw["definitions"]["RequestId"] = json!({"type": "boolean"});
        let told = told(&raw);
        assert!(
            told.contains("`RequestId` means two things in the schema"),
            "{told}"
        );
    }

    #[test]
    fn all_new_constructs_are_told_with_their_places_at_once() {
        let mut raw = schema();
        for (name, definition) in [
            (
                "NewKeyword",
                json!({"type": "object", "patternProperties": {}}),
            ),
            ("NewFormat", json!({"type": "integer", "format": "int128"})),
            ("NewType", json!({"type": ["string", "integer"]})),
            (
                "NewHeading",
                json!({"type": "object", "description": "OTHER APIs Sent when"}),
            ),
        ] {
            raw["definitions"][name] = definition;
        }
        let told = told(&raw);
        for expected in [
            "4 constructs that are new to the generator",
            "`NewKeyword`: the keyword `patternProperties` is new",
            "`NewFormat`: the format \"int128\" is new",
            "`NewType`: the type [\"string\",\"integer\"] is new",
            "`NewHeading`: the description \"OTHER APIs Sent when\" starts with a heading: drop it in \
             xtask/src/normalise/rules.rs",
        ] {
            assert!(told.contains(expected), "{expected}: {told}");
        }
    }
}
