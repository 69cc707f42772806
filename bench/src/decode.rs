//! Lines to notifications, beside lines to values.

use std::hint::black_box;
use std::time::Instant;

use anyhow::{Context, Result};
use codex_sdk::types::{NotificationEnvelope, ServerNotification};
use codex_testkit::peer::shapes;
use serde_json::{Value, json};

use crate::cases::{Outcome, Stage, Table};
use crate::rows::{Row, median};

/// How often each line is read in a run.
const TIMES: u32 = 2_000;

/// The lines of a small turn: what begins and ends it, an item of each of two kinds, pieces of text.
pub fn lines() -> Result<Vec<String>> {
    let turn = |status| json!({"threadId": "thread", "turn": shapes::turn("turn", status)});
    let item = |item: Value| json!({"threadId": "thread", "turnId": "turn", "item": item, "startedAtMs": 1, "completedAtMs": 2});
    let message = json!({"type": "agentMessage", "id": "m", "text": "All tests pass now."});
    let command = json!({
        "type": "commandExecution", "id": "c", "command": "cargo test", "cwd": "/workspace", "status": "completed",
        "commandActions": [], "aggregatedOutput": "running 3 tests\n...\n\ntest result: ok", "exitCode": 0, "durationMs": 1234,
    });
    let delta =
        json!({"threadId": "thread", "turnId": "turn", "itemId": "m", "delta": "All tests "});
    let mut messages = vec![
        ("turn/started", turn("inProgress")),
        ("item/started", item(message.clone())),
    ];
    messages.extend(std::iter::repeat_n(("item/agentMessage/delta", delta), 8));
    messages.extend([
        ("item/completed", item(message)),
        ("item/completed", item(command)),
        ("turn/completed", turn("completed")),
    ]);
    let lines = messages.into_iter().map(|(method, params)| {
        let line =
            format!(r#"{{"method":"{method}","params":{params},"emittedAtMs":1767225600000}}"#);
        let read =
            NotificationEnvelope::decode_line(line.as_bytes()).context("a line of the bench")?;
        anyhow::ensure!(!matches!(
            read.notification,
            ServerNotification::Unrecognized { .. }
        ));
        Ok(line)
    });
    lines.collect()
}

pub fn case(stage: &Stage) -> Result<Outcome> {
    let lines = lines()?;
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
