//! All definitions, and instances of each.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fmt::Write as _;

use proptest::prelude::{Strategy as _, any};
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestRng, TestRunner};
use serde_json::{Value, json};

use crate::definitions::NULLABLE;
use crate::dispatch;
use crate::dispatch::RoundTrip;
use crate::generate::{sample, systematic};
use crate::picks::{Picks, Seen, Style, Taken};
use crate::sample::{Sample, Wire};
use crate::schema::Schema;

/// A definition under test.
pub(crate) struct Subject {
    pub(crate) name: &'static str,
    pub(crate) root: &'static Value,
    pub(crate) round_trip: RoundTrip,
}

impl Subject {
    /// What comes back, with the two exceptions.
    pub(crate) fn expected(&self, sample: &Sample) -> Value {
        let mut expected = sample.expected();
        let Some(object) = expected.as_object_mut() else {
            return expected;
        };
        // Envelopes don't keep `trace`: nothing that this runtime sends or needs.
        if self.name.starts_with("JSONRPC") {
            object.remove("trace");
        }
        // Some methods take no params for empty ones, which are sent instead.
        let method = object.get("method").and_then(Value::as_str);
        if self.name == "ClientRequest" && method.is_some_and(|it| NULLABLE.contains(&it)) {
            object.entry("params").or_insert_with(|| json!({}));
        }
        expected
    }
}

/// What a check says; an error shows the instance.
pub(crate) type Verdict = Result<(), String>;

/// Random instances of each definition in a round, and rounds at most.
const CASES: u32 = 100;
const ROUNDS: u8 = 40;

/// How far random instances differ from the minimal one.
const SIZE: usize = 200;

/// All definitions of the schema.
pub(crate) fn subjects() -> impl Iterator<Item = Subject> {
    let schema = Schema::get();
    schema.names().into_iter().map(|name| Subject {
        name,
        root: schema.definition(name).unwrap(),
        round_trip: dispatch::of(name).unwrap_or_else(|| panic!("`{name}` has no type")),
    })
}

/// Checks the systematic instances of all definitions, each up to its first failure; returns how
/// many there were.
pub(crate) fn each_systematic(
    styles: &[Style],
    check: impl Fn(&Subject, &Sample) -> Verdict,
) -> usize {
    let mut failures = Vec::new();
    let mut count = 0;
    for subject in subjects() {
        let samples = styles
            .iter()
            .flat_map(|style| systematic(Schema::get(), subject.root, *style));
        let mut verdicts = samples.map(|sample| {
            count += 1;
            check(&subject, &sample)
        });
        let failure = verdicts.find_map(Verdict::err);
        failures.extend(failure.map(|it| (subject.name, it)));
    }
    report(&failures);
    count
}

/// Checks random instances of all definitions, each written in one way, the same in every run, in
/// rounds until `enough`.
/// A failure is shrunk to the smallest size at which its seed fails. Returns how many there were.
pub(crate) fn each_random(
    check: impl Fn(&Subject, &Sample, u64) -> Verdict,
    enough: impl Fn(&Subject, &Seen) -> Verdict,
) -> usize {
    let mut failures = Vec::new();
    let count = RefCell::new(0);
    for subject in subjects() {
        let seen = RefCell::new(Seen::new());
        let strategy = (any::<u64>().no_shrink(), 0..SIZE);
        let round = |round| {
            let result = runner(round).run(&strategy, |(seed, size)| {
                *count.borrow_mut() += 1;
                let mut picks = Picks::random(seed, size);
                let mut sample = sample(Schema::get(), subject.root, &mut picks);
                let wire = usize::try_from(seed % 3).unwrap();
                sample.wires = &Wire::ALL[wire..=wire];
                merge(&mut seen.borrow_mut(), picks.seen);
                check(&subject, &sample, seed).map_err(TestCaseError::fail)
            });
            result.map_err(|it| (true, it.to_string()))?;
            enough(&subject, &seen.borrow()).map_err(|it| (false, it))
        };
        let mut result = round(0);
        for next in 1..ROUNDS {
            if let Err((false, _)) = result {
                result = round(next);
            }
        }
        failures.extend(result.err().map(|(_, it)| (subject.name, it)));
    }
    report(&failures);
    count.into_inner()
}

fn runner(round: u8) -> TestRunner {
    let config = Config {
        cases: CASES,
        failure_persistence: None,
        ..Config::default()
    };
    // Unoptimised, the default algorithm would take a fifth of the time of these tests.
    let rng = TestRng::from_seed(RngAlgorithm::XorShift, &[round + 1; 16]);
    TestRunner::new_with_rng(config, rng)
}

fn merge(seen: &mut Seen, more: Seen) {
    for (key, mut more) in more {
        let known = seen.entry(key).or_insert_with(|| Taken {
            picked: BTreeSet::new(),
            ..more
        });
        known.picked.append(&mut more.picked);
    }
}

fn report(failures: &[(&str, String)]) {
    let mut text = String::new();
    for (name, failure) in failures.iter().take(8) {
        let shown: String = failure.chars().take(2000).collect();
        write!(text, "\n{name}: {shown}").unwrap();
    }
    assert!(failures.is_empty(), "{} failures:{text}", failures.len());
}
