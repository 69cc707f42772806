//! Every type takes and gives back what its schema says.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::definitions::DEFINITIONS;
use crate::schema::{Schema, Style, kept};

fn every_definition_keeps(style: Style) {
    let schema = Schema::load();
    let mut checked = 0;
    for (name, round_trip) in DEFINITIONS {
        let definition = schema.definition(name);
        // The bodies of union branches are types only here.
        if definition.is_null() {
            continue;
        }
        checked += 1;
        for instance in schema.instances(definition, style) {
            let json = instance.to_string();
            let back = round_trip(&json).unwrap_or_else(|error| panic!("{name}: {error}: {json}"));
            let value: Value = serde_json::from_str(&back).unwrap();
            assert!(kept(&instance, &value), "{name}: {json} became {back}");
            assert_eq!(round_trip(&back).unwrap(), back, "{name} is not stable");
        }
    }
    assert!(checked > 0);
}

#[test]
fn every_definition_takes_its_minimal_instances() {
    every_definition_keeps(Style::Minimal);
}

#[test]
fn every_definition_takes_its_maximal_instances() {
    every_definition_keeps(Style::Maximal);
}

#[test]
fn every_definition_keeps_unknown_kinds_and_values() {
    every_definition_keeps(Style::Unknown);
}

#[test]
fn every_definition_of_the_schema_is_a_type() {
    let text = include_str!("../../../../schema/experimental.json");
    let schema: Value = serde_json::from_str(text).unwrap();
    let mut names: BTreeSet<&str> = BTreeSet::new();
    names.extend(
        schema["definitions"]
            .as_object()
            .unwrap()
            .keys()
            .map(String::as_str),
    );
    names.extend(
        schema["definitions"]["v2"]
            .as_object()
            .unwrap()
            .keys()
            .map(String::as_str),
    );
    // Messages and their envelopes are written by hand, or are enums of their own.
    let ours = [
        "v2",
        "RequestId",
        "ClientNotification",
        "ClientRequest",
        "ServerNotification",
        "ServerRequest",
    ];
    names.retain(|it| {
        !ours.contains(it) && !it.starts_with("JSONRPC") && !it.starts_with("Nullable")
    });
    let types: BTreeSet<&str> = DEFINITIONS.iter().map(|(name, _)| *name).collect();
    assert_eq!(
        names.difference(&types).collect::<Vec<_>>(),
        Vec::<&&str>::new()
    );
}
