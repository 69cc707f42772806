//! A batch that loses nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use codex_e2e::{Stage, idle};
use codex_sdk::{Codex, Condition, RetryPolicy, retry_on_transient};
use codex_testkit::Reply;
use serde_json::json;
use tokio::task::JoinSet;

const PROMPTS: usize = 20;
const AT_ONCE: usize = 4;

/// A failure of each transient kind that the scripted model can lead to.
fn failures() -> Vec<(Reply, Condition)> {
    let overloaded = json!({ "error": { "code": "server_is_overloaded", "message": "Full." } });
    vec![
        (Reply::status(429, json!({})), Condition::RateLimited),
        (Reply::status(503, json!({})), Condition::ProviderFailed),
        (Reply::status(500, json!({})), Condition::ProviderFailed),
        (
            Reply::text("Once").then(Reply::disconnect()),
            Condition::StreamBroken,
        ),
        (
            Reply::status(503, overloaded),
            Condition::ProviderOverloaded,
        ),
        (
            Reply::failed("server_error", "Oh."),
            Condition::StreamBroken,
        ),
        (
            Reply::failed("rate_limit_exceeded", "Slowly."),
            Condition::RateLimited,
        ),
        (
            Reply::failed("flex_unavailable", "None."),
            Condition::FlexUnavailable,
        ),
    ]
}

/// How often each condition was seen.
type Seen = Arc<Mutex<BTreeMap<Condition, usize>>>;

/// The answer to one prompt, however often it must be asked.
async fn ask(codex: Codex, number: usize, attempts: u32, seen: Seen) -> (usize, Option<String>) {
    let policy = RetryPolicy::default()
        .max_attempts(attempts)
        .initial_delay(Duration::from_millis(5));
    let attempt = async || {
        let thread = codex.thread_start().ephemeral(true).await?;
        let result = thread.run(format!("Prompt {number}.")).await;
        if let Err(error) = &result {
            let condition = error.condition().unwrap();
            *seen.lock().unwrap().entry(condition).or_default() += 1;
        }
        result
    };
    let result = retry_on_transient(policy, attempt).await.unwrap();
    (number, result.final_response)
}

#[codex_e2e_macros::test]
async fn a_batch_with_every_passing_failure_in_it_loses_no_prompt() {
    let stage = Stage::new().await.unwrap();
    let failures = failures();
    let count = failures.len();
    let mut expected = BTreeMap::new();
    for (reply, condition) in failures {
        *expected.entry(condition).or_default() += 1;
        stage.model.push(Reply::text("An answer."));
        stage.model.push(reply);
    }
    stage.model.default_reply(Reply::text("An answer."));
    let codex = stage.start().await.unwrap();

    // One prompt may meet all of the failures.
    let attempts = u32::try_from(count).unwrap() + 1;
    let seen = Seen::default();
    let mut tasks = JoinSet::new();
    let mut answered = BTreeSet::new();
    for number in 1..=PROMPTS {
        if tasks.len() == AT_ONCE {
            answered.insert(tasks.join_next().await.unwrap().unwrap());
        }
        tasks.spawn(ask(codex.clone(), number, attempts, Arc::clone(&seen)));
    }
    answered.extend(tasks.join_all().await);

    let answer = |number| (number, Some("An answer.".to_owned()));
    assert_eq!(answered, (1..=PROMPTS).map(answer).collect());
    assert_eq!(*seen.lock().unwrap(), expected);
    assert_eq!(stage.model.requests().len(), PROMPTS + count);
    idle(&codex).await;
}
