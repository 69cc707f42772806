//! Instances of every definition, there and back.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::dispatch;
use crate::generate::systematic;
use crate::harness::{Subject, Verdict, each_random, each_systematic, subjects};
use crate::picks::{Seen, Style, Taken};
use crate::sample::{Sample, same};
use crate::schema::Schema;
use crate::shapes::branches;

#[test]
fn minimal_instances_survive() {
    let count = each_systematic(&[Style::Minimal], survives);
    assert!(count >= subjects().count());
    eprintln!(
        "{count} minimal instances of {} definitions",
        subjects().count()
    );
}

#[test]
fn maximal_instances_survive() {
    let count = each_systematic(&[Style::Maximal, Style::Null], survives);
    assert!(count >= 2 * subjects().count());
    eprintln!("{count} maximal instances");
}

#[test]
fn random_instances_survive_and_leave_nothing_out() {
    let count = each_random(
        |subject, sample, _| survives(subject, sample),
        leaves_nothing_out,
    );
    assert!(count >= 100 * subjects().count(), "{count}");
    eprintln!("{count} random instances");
}

/// Everywhere else they are the same, and the comparisons above take them for that.
#[test]
fn null_and_absence_stay_two_things_where_they_are() {
    let overrides = include_str!("../../../../schema/overrides.toml");
    let list = overrides.split_once("double_options = [").unwrap().1;
    let list = list.split_once(']').unwrap().0;
    let fields: Vec<_> = list
        .split('"')
        .filter_map(|it| it.split_once('.'))
        .collect();
    assert!(fields.len() > 5, "{fields:?}");
    for (name, field) in fields {
        let root = Schema::get().definition(name).unwrap();
        let mut value = systematic(Schema::get(), root, Style::Minimal)
            .remove(0)
            .value;
        for expected in [None, Some(&Value::Null)] {
            if expected.is_some() {
                value[field] = Value::Null;
            }
            let back = dispatch::of(name).unwrap()(&value.to_string()).unwrap();
            let back: Value = serde_json::from_str(&back).unwrap();
            assert_eq!(back.get(field), expected, "{name}.{field}");
        }
    }
}

/// The instance is valid; it comes back valid and the same, however it is written.
fn survives(subject: &Subject, sample: &Sample) -> Verdict {
    let schema = Schema::get();
    let expected = subject.expected(sample);
    for (index, wire) in sample.wires.iter().enumerate() {
        let text = wire.write(&sample.value);
        let back = (subject.round_trip)(&text).map_err(|it| format!("{}: {text}", it.text))?;
        let value: Value = serde_json::from_str(&back).unwrap();
        let canonical = sample.canonical(value.clone());
        if !same(&canonical, &expected) {
            return Err(format!("{text} became {canonical} and not {expected}"));
        }
        // The schema takes values: how they were written is nothing to it.
        if index > 0 {
            continue;
        }
        for value in [&sample.value, &value] {
            let violations = schema.violations(subject.name, value);
            if !violations.is_empty() {
                return Err(format!("{value}: {violations:?}"));
            }
        }
    }
    Ok(())
}

/// Of each list of options of a definition, each was taken: branches, values of enums, absence
/// and null, lengths, limits of integers.
fn leaves_nothing_out(subject: &Subject, seen: &Seen) -> Verdict {
    for ((_, what), seen) in seen {
        let Taken {
            schema,
            options,
            picked,
        } = seen;
        if picked.len() < *options {
            return Err(format!("{what}: just {picked:?} of {options}: {schema}"));
        }
    }
    let known: BTreeSet<_> = seen.keys().map(|(schema, _)| *schema).collect();
    let mut missing = None;
    unions_in(subject.root, &mut |union| {
        if !known.contains(&std::ptr::from_ref(union)) {
            missing = Some(format!("no instance of {union}"));
        }
    });
    missing.map_or(Ok(()), Err)
}

/// Calls `visit` with every schema in a definition that leaves a choice.
fn unions_in<'a>(schema: &'a Value, visit: &mut impl FnMut(&'a Value)) {
    if branches(schema).is_some() || schema.get("enum").is_some_and(|it| it[1].is_string()) {
        visit(schema);
    }
    for key in ["items", "additionalProperties"] {
        if let Some(inner) = schema.get(key) {
            unions_in(inner, visit);
        }
    }
    for inner in schema["properties"].as_object().into_iter().flatten() {
        unions_in(inner.1, visit);
    }
    for key in ["oneOf", "anyOf", "allOf"] {
        for inner in schema[key].as_array().into_iter().flatten() {
            unions_in(inner, visit);
        }
    }
}
