//! Decoding lines to notifications, compared with decoding to values.

use std::hint::black_box;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use codex_bench::messages;
use codex_sdk::types::{NotificationEnvelope, ServerNotification};
use serde_json::Value;

use crate::cases::{Outcome, Stage, Table};
use crate::rows::{Row, median};

/// How often each line is read in a run.
const TIMES: u32 = 2_000;

pub fn case(stage: &Stage) -> Result<Outcome> {
    let lines = messages::small_turn();
    for line in &lines {
        let read = NotificationEnvelope::decode_line(line.as_bytes());
        let notification = read.context("a line of the bench")?.notification;
        ensure!(
            !matches!(notification, ServerNotification::Unrecognized { .. }),
            "{line}"
        );
    }
    let (mut typed, mut values) = (Vec::new(), Vec::new());
    for _ in 0..stage.runs {
        typed.push(time(&lines, |line| {
            black_box(NotificationEnvelope::decode_line(line.as_bytes()));
        }));
        values.push(time(&lines, |line| {
            black_box(serde_json::from_str::<Value>(line).ok());
        }));
    }
    let (typed, values) = (median(typed), median(values));
    let what = "lines to notifications, as fast as to `serde_json::Value`";
    Ok(Outcome {
        rows: vec![Row::at_least("decode", what, values / typed, 1.2, "×")],
        tables: vec![Table {
            title: "A mixed notification".to_owned(),
            columns: vec!["decoded, µs", "as `Value`, µs"],
            lines: vec![("a line".to_owned(), vec![typed, values])],
        }],
    })
}

/// Microseconds per line.
fn time(lines: &[String], read: impl Fn(&str)) -> f64 {
    let begun = Instant::now();
    for _ in 0..TIMES {
        for line in lines {
            read(line);
        }
    }
    let count = TIMES * u32::try_from(lines.len()).unwrap_or(u32::MAX);
    begun.elapsed().as_secs_f64() * 1e6 / f64::from(count)
}
