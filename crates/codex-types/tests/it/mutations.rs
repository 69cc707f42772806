//! What a newer runtime might send, and what none may: instances of every definition with one
//! thing changed.
//!
//! What is known of a change depends on the kind of union:
//!
//! - a string of a list, alone or as a unit of an externally tagged union: kept;
//! - the tag of a tagged union, or the key of an externally tagged one: the value is kept as it
//!   came, with all that is in it;
//! - untagged unions are told apart by shape: a body that lacks a field may be another known
//!   shape, or an unknown one, which is kept. One that has the shape and a field of a wrong type
//!   is an error of the union, not of the field, because it was buffered. So is one of a tagged
//!   union whose tag doesn't come first;
//! - an object of an externally tagged union has one key by its nature: a second one is no extra
//!   field but another union.

use serde_json::{Value, json};

use crate::harness::{Subject, Verdict, each_random, each_systematic, subjects};
use crate::picks::Style;
use crate::sample::{Kind, Sample, Site, Step, Wire, at_mut, render, same};

/// A string, tag, key or field that is in no schema.
const NEW: &str = "brandNew";

const SYSTEMATIC: [Style; 2] = [Style::Minimal, Style::Maximal];

#[test]
fn unknown_strings_and_kinds_are_kept() {
    let one = |subject: &Subject, sample: &Sample, site: &Site| {
        let mut sample = sample.clone();
        renew(&mut sample, site);
        stays(subject, &sample)
    };
    let new = |it: &Site| !matches!(it.kind, Kind::Object(_));
    let (single, together) = (Count::default(), Count::default());
    each_systematic(&SYSTEMATIC, |subject, sample| {
        for site in sample.sites.iter().filter(|it| it.own && new(it)) {
            single.add();
            one(subject, sample, site)?;
        }
        together.add();
        stays(subject, &all_new(sample))
    });
    each_random(
        |subject, sample, seed| {
            if let Some(site) = any(sample, seed, new) {
                single.add();
                one(subject, sample, site)?;
            }
            together.add();
            stays(subject, &all_new(sample))
        },
        |_, _| Ok(()),
    );
    report("unknown values alone", &single);
    report("unknown values together", &together);
}

#[test]
fn extra_fields_are_dropped_and_nothing_else() {
    let count = Count::default();
    let check = |subject: &Subject, sample: &Sample| {
        let mut more = sample.clone();
        for site in &sample.sites {
            let closed = matches!(&site.kind, Kind::Object(fields) if !fields.open);
            if let (true, Some(Value::Object(object))) =
                (closed, at_mut(&mut more.value, &site.path))
            {
                object.insert(NEW.to_owned(), json!({"a": [null, {"type": NEW}]}));
                count.add();
            }
        }
        comes_back_as(subject, &more.value, sample)
    };
    each_systematic(&SYSTEMATIC, check);
    each_random(|subject, sample, _| check(subject, sample), |_, _| Ok(()));
    report("extra fields", &count);
}

#[test]
fn wrong_bodies_are_errors_with_their_path() {
    let count = Count::default();
    let each = |subject: &Subject, sample: &Sample, site: &Site| {
        let Kind::Object(fields) = &site.kind else {
            return Ok(());
        };
        // Envelopes are told apart by their keys: without one, another message is left.
        if site.path.is_empty() && subject.name.starts_with("JSONRPC") {
            return Ok(());
        }
        for (field, wrong) in &fields.required {
            count.add();
            let mut broken = sample.value.clone();
            let object = at_mut(&mut broken, &site.path).unwrap();
            object.as_object_mut().unwrap().remove(field);
            fails(subject, sample, &broken, &site.path, site)?;
            let Some(wrong) = wrong else { continue };
            count.add();
            let object = at_mut(&mut broken, &site.path).unwrap();
            object[field] = wrong.clone();
            let path = [&site.path[..], &[Step::Key(field.clone())]].concat();
            fails(subject, sample, &broken, &path, site)?;
        }
        Ok(())
    };
    each_systematic(&SYSTEMATIC, |subject, sample| {
        let mut own = sample.sites.iter().filter(|it| it.own);
        own.try_for_each(|it| each(subject, sample, it))
    });
    each_random(
        |subject, sample, seed| {
            any(sample, seed, |it| matches!(it.kind, Kind::Object(_)))
                .map_or(Ok(()), |it| each(subject, sample, it))
        },
        |_, _| Ok(()),
    );
    report("wrong bodies", &count);
}

/// Puts something unknown at a place.
fn renew(sample: &mut Sample, site: &Site) {
    let value = at_mut(&mut sample.value, &site.path).unwrap();
    match &site.kind {
        Kind::Choice => *value = json!(NEW),
        Kind::Tagged(tag) => value[tag] = json!(NEW),
        Kind::Keyed => {
            let object = value.as_object_mut().unwrap();
            let body = std::mem::take(object).into_iter().next().unwrap().1;
            object.insert(NEW.to_owned(), body);
        }
        Kind::Object(_) => {}
    }
    match &site.kind {
        Kind::Choice | Kind::Object(_) => {}
        // To the envelope of an unknown method, no params and null params are still the same.
        Kind::Tagged(tag) if tag == "method" => {
            sample.freeze(&[&site.path[..], &[Step::Key("params".to_owned())]].concat());
        }
        _ => sample.freeze(&site.path),
    }
}

/// All of it at once: strings, and outermost unions.
fn all_new(sample: &Sample) -> Sample {
    let mut sample = sample.clone();
    let mut sites = sample.sites.clone();
    sites.retain(|it| !matches!(it.kind, Kind::Object(_)));
    // Outer places first: inner ones are frozen with them.
    sites.sort_by_key(|it| it.path.len());
    for site in &sites {
        if sample.sites.iter().any(|it| it.path == site.path) {
            renew(&mut sample, site);
        }
    }
    sample
}

fn stays(subject: &Subject, sample: &Sample) -> Verdict {
    comes_back_as(subject, &sample.value, sample)
}

/// The value becomes what is expected of the sample.
fn comes_back_as(subject: &Subject, value: &Value, sample: &Sample) -> Verdict {
    let expected = subject.expected(sample);
    for wire in sample.wires {
        let text = wire.write(value);
        let back = (subject.round_trip)(&text).map_err(|it| format!("{}: {text}", it.text))?;
        let back = sample.canonical(serde_json::from_str(&back).unwrap());
        if !same(&back, &expected) {
            return Err(format!("{text} became {back} and not {expected}"));
        }
    }
    Ok(())
}

/// The value is refused, at this place; if it was buffered, at something that holds it.
fn fails(subject: &Subject, sample: &Sample, value: &Value, path: &[Step], site: &Site) -> Verdict {
    // Paths have keys as they are in the text, which nobody wants to read as escapes.
    for wire in sample.wires.iter().filter(|it| **it != Wire::Escaped) {
        let text = wire.write(value);
        let failure = match (subject.round_trip)(&text) {
            Err(failure) => failure,
            // Of another shape, or of none.
            Ok(_) if site.buffered => continue,
            Ok(back) => return Err(format!("{text} became {back}, wrong at {path:?}")),
        };
        let Some(found) = failure.path else { continue };
        let wanted = render(path);
        let exact = *wire == Wire::TagsFirst && !site.buffered;
        let right = if exact {
            found == wanted
        } else {
            wanted.starts_with(&found)
        };
        if !right {
            let why = failure.text;
            return Err(format!(
                "`{found}` and not `{wanted}` is wrong in {text}: {why}"
            ));
        }
    }
    Ok(())
}

/// One of the places, by the seed.
fn any(sample: &Sample, seed: u64, wanted: impl Fn(&Site) -> bool) -> Option<&Site> {
    let sites: Vec<_> = sample.sites.iter().filter(|it| wanted(it)).collect();
    let count = u64::try_from(sites.len()).unwrap();
    let index = (seed >> 32).checked_rem(count)?;
    Some(sites[usize::try_from(index).unwrap()])
}

#[derive(Default)]
struct Count(std::cell::Cell<usize>);

impl Count {
    fn add(&self) {
        self.0.set(self.0.get() + 1);
    }
}

fn report(what: &str, count: &Count) {
    let count = count.0.get();
    assert!(count > subjects().count(), "{what}: {count}");
    eprintln!("{what}: {count}");
}
