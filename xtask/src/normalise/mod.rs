//! From the schema as emitted to one that says what it means.
//!
//! Every rule repairs one habit of the emitter and counts what it repaired. A rule without a hit
//! fails: either the emitter changed, and the rule must go, or the rule no longer recognises what
//! it was made for.

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

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

/// Normalises the complete bundle: every rule must hit.
pub fn complete(raw: &Value) -> Result<Bundle> {
    normalise(raw, |rule, hits| {
        ensure!(
            hits > 0,
            "the rule `{rule}` no longer applies to this schema: remove or adapt it in normalise.rs"
        );
        Ok(())
    })
}

/// Normalises a bundle that is a subset of the complete one; a rule may have nothing to do.
pub fn subset(raw: &Value) -> Result<Bundle> {
    normalise(raw, |_, _| Ok(()))
}

fn normalise(raw: &Value, judge: impl Fn(&str, usize) -> Result<()>) -> Result<Bundle> {
    let mut definitions = hoist(raw)?;
    for (name, apply) in rules::RULES {
        judge(name, apply(&mut definitions))?;
    }
    for (name, definition) in &mut definitions {
        novelty::reject(definition).with_context(|| format!("in the definition `{name}`"))?;
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

/// Puts the definitions of `definitions.v2` beside the others.
///
/// The two namespaces share a few names; they must mean the same.
fn hoist(raw: &Value) -> Result<Object> {
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
        if let Some(other) = definitions.get(&name) {
            ensure!(
                bare(other) == bare(&definition),
                "`{name}` means two things in the schema"
            );
        }
        definitions.insert(name, definition);
    }
    Ok(definitions)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// The complete schema as it is checked in.
    fn schema() -> Value {
        serde_json::from_str(include_str!("../../../schema/experimental.json")).unwrap()
    }

    #[test]
    fn every_rule_applies_to_the_schema() {
        complete(&schema()).unwrap();
    }

    #[test]
    fn a_rule_without_a_hit_fails() {
        // Normalised once, nothing is left to repair.
        let bundle = complete(&schema()).unwrap();
        for (name, apply) in rules::RULES {
            let mut definitions = bundle.definitions.clone();
            assert_eq!(apply(&mut definitions), 0, "{name} hits twice");
            assert_eq!(
                definitions, bundle.definitions,
                "{name} changes what it does not count"
            );
        }
        let text = schema()
            .to_string()
            .replace(r#""format":"uint""#, r#""format":"uint64""#);
        let error = complete(&serde_json::from_str(&text).unwrap())
            .unwrap_err()
            .to_string();
        assert!(error.contains("`widen usize` no longer applies"), "{error}");
    }

    #[test]
    fn a_subset_need_not_hit() {
        subset(&serde_json::from_str(include_str!("../../../schema/stable.json")).unwrap())
            .unwrap();
    }

    #[test]
    fn a_name_with_two_meanings_fails() {
        let mut raw = schema();
        raw["definitions"]["RequestId"] = json!({"type": "boolean"});
        let error = complete(&raw).unwrap_err().to_string();
        assert_eq!(error, "`RequestId` means two things in the schema");
    }

    #[test]
    fn a_new_construct_fails_with_its_place() {
        let add = |definition: Value| {
            let mut raw = schema();
            raw["definitions"]["New"] = definition;
            format!("{:#}", complete(&raw).unwrap_err())
        };
        let error = add(json!({"type": "object", "patternProperties": {}}));
        assert_eq!(
            error,
            "in the definition `New`: the keyword `patternProperties` is new to the generator"
        );
        let error = add(json!({"type": "integer", "format": "int128"}));
        assert_eq!(
            error,
            "in the definition `New`: the format \"int128\" is new to the generator"
        );
        let error = add(json!({"type": "object", "description": "OTHER APIs Sent when"}));
        assert_eq!(
            error,
            "in the definition `New`: the description \"OTHER APIs Sent when\" starts with a heading: \
             drop it in normalise/rules.rs"
        );
        let error = add(json!({"properties": {"a": {"enum": ["x", "y"], "type": "string"}}}));
        assert_eq!(
            error,
            "in the definition `New`: inline enums are new to the generator"
        );
    }
}
