//! Whatever stops a turn or refuses a call has a condition: provoked on the real runtime, and compared with
//! the table in the FAQ.

use std::collections::BTreeSet;
use std::fmt::Debug;

use codex_sdk::{Condition, Error, RpcError, TurnFailed};

mod batch;
mod files;
mod refusals;
mod turns;

const FAQ: &str = include_str!("../../docs/faq.md");

/// Checks what an error means, that the predicates say the same, and that its message is one line that ends
/// with the advice.
#[track_caller]
fn means<T: Debug>(refused: codex_sdk::Result<T>, condition: Condition) -> Error {
    let error = refused.unwrap_err();
    assert_eq!(error.condition(), Some(condition), "{error}");
    assert_eq!(error.is_transient(), condition.is_transient(), "{error}");
    assert_eq!(error.is_retryable(), condition.is_retryable(), "{error}");
    let message = error.to_string();
    assert!(!message.contains('\n'), "{message}");
    if matches!(error, Error::Rpc(_) | Error::TurnFailed(_)) {
        let advice = format!(": {}", condition.advice());
        assert!(message.ends_with(&advice), "{message}");
    }
    error
}

fn rpc(error: &Error) -> &RpcError {
    error.rpc().unwrap_or_else(|| panic!("{error:?}"))
}

fn failed(error: &Error) -> &TurnFailed {
    match error {
        Error::TurnFailed(failed) => failed,
        _ => panic!("{error:?}"),
    }
}

#[test]
fn the_table_of_the_faq_has_every_condition_as_the_sdk_has_it() {
    let (_, table) = FAQ.split_once("| condition | when |").unwrap();
    let (table, _) = table.split_once("\n\n").unwrap();
    let rows = table.lines().skip(2).map(|line| {
        let cells = line.trim_matches('|').split(" | ").map(str::trim);
        cells.collect::<Vec<_>>()
    });
    let word = |is: bool| if is { "yes" } else { "no" };
    let mut named = Vec::new();
    for row in rows {
        let [name, when, transient, retryable, advice] = row[..] else {
            panic!("{row:?}");
        };
        let name = name.trim_matches('`');
        let mut all = Condition::ALL.iter();
        let condition = all.find(|it| it.as_str() == name);
        let condition = condition.unwrap_or_else(|| panic!("there is no {name}"));
        assert!(!when.is_empty());
        assert_eq!(transient, word(condition.is_transient()), "{name}");
        assert_eq!(retryable, word(condition.is_retryable()), "{name}");
        assert_eq!(advice, condition.advice(), "{name}");
        named.push(*condition);
    }
    assert_eq!(named, Condition::ALL);
    // What has not begun may be made again all the more.
    let retryable = named.iter().filter(|it| it.is_retryable());
    assert!(retryable.clone().count() > 0);
    assert!(retryable.into_iter().all(|it| it.is_transient()));
    // Each has advice of its own.
    let advice: BTreeSet<_> = named.iter().map(|it| it.advice()).collect();
    assert_eq!(advice.len(), named.len());
}
