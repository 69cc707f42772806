//! Trying again.

use std::time::Duration;

use codex_sdk::{Codex, Condition, Error, RetryPolicy, retry_on_overload, retry_on_transient};
use codex_testkit::Peer;
use serde_json::json;
use tokio::time::Instant;

use crate::support::{accept_turn, begin, connect, settle, start_thread};

/// Refuses a request `times` times as the runtime does when it is overloaded, then answers.
async fn overloaded(peer: &mut Peer, times: usize) {
    for _ in 0..times {
        let request = peer.expect_request("any").await;
        let message = "Server overloaded; retry later.";
        peer.reply_error(&request.id, -32001, message, None).await;
    }
}

async fn retry(codex: &Codex, policy: RetryPolicy) -> codex_sdk::Result<serde_json::Value> {
    retry_on_overload(policy, || codex.request_raw("any", json!({}))).await
}

#[tokio::test(start_paused = true)]
async fn parity_131_an_overload_is_retried_with_growing_delays() {
    let (codex, mut peer) = connect().await;
    let begun = Instant::now();
    let serve = async {
        overloaded(&mut peer, 2).await;
        let request = peer.expect_request("any").await;
        peer.reply(&request.id, json!("at last")).await;
    };
    let policy = RetryPolicy::default().jitter_ratio(0.0);
    let (answer, ()) = tokio::join!(retry(&codex, policy), serve);
    assert_eq!(answer.unwrap(), json!("at last"));
    let expected = Duration::from_millis(250 + 500);
    assert!(begun.elapsed() >= expected && begun.elapsed() < 2 * expected);
}

#[tokio::test(start_paused = true)]
async fn parity_131_it_gives_up_after_the_last_attempt() {
    let (codex, mut peer) = connect().await;
    let policy = RetryPolicy::default();
    let (answer, ()) = tokio::join!(retry(&codex, policy), overloaded(&mut peer, 3));
    assert!(answer.unwrap_err().is_retryable());
}

#[tokio::test]
async fn parity_131_only_an_overload_is_retried() {
    let (codex, mut peer) = connect().await;
    let serve = async {
        let request = peer.expect_request("any").await;
        peer.reply_error(&request.id, -32600, "no", None).await;
    };
    let (answer, ()) = tokio::join!(retry(&codex, RetryPolicy::default()), serve);
    assert!(matches!(answer, Err(Error::Rpc(_))), "{answer:?}");
}

#[tokio::test]
async fn parity_131_a_policy_without_attempts_is_refused() {
    let (codex, _peer) = connect().await;
    let answer = retry(&codex, RetryPolicy::default().max_attempts(0)).await;
    assert!(matches!(answer, Err(Error::InvalidInput(_))), "{answer:?}");
}

#[tokio::test(start_paused = true)]
async fn parity_131_the_delays_are_those_of_the_policy() {
    let (codex, mut peer) = connect().await;
    let begun = Instant::now();
    let policy = RetryPolicy::default()
        .max_attempts(4)
        .initial_delay(Duration::from_secs(4))
        .max_delay(Duration::from_secs(5))
        .jitter_ratio(0.0);
    let (answer, ()) = tokio::join!(retry(&codex, policy), overloaded(&mut peer, 4));
    assert!(answer.unwrap_err().is_retryable());
    let expected = Duration::from_secs(4 + 5 + 5);
    assert!(begun.elapsed() >= expected && begun.elapsed() < expected + Duration::from_secs(1));
}

#[tokio::test(start_paused = true)]
async fn parity_s9_a_jitter_that_is_no_ratio_is_brought_into_range() {
    let (codex, mut peer) = connect().await;
    for ratio in [f64::NAN, f64::INFINITY, -1.0] {
        let begun = Instant::now();
        let serve = async {
            overloaded(&mut peer, 1).await;
            let request = peer.expect_request("any").await;
            peer.reply(&request.id, json!("at last")).await;
        };
        let policy = RetryPolicy::default().jitter_ratio(ratio);
        let (answer, ()) = tokio::join!(retry(&codex, policy), serve);
        assert_eq!(answer.unwrap(), json!("at last"));
        assert!(begun.elapsed() < Duration::from_secs(1), "{ratio}");
    }
}

/// Refuses turns with these answers of the provider, one after the other.
async fn failing(peer: &mut Peer, kinds: &[&str]) {
    for (number, kind) in kinds.iter().enumerate() {
        let id = number.to_string();
        accept_turn(peer, &id).await;
        let mut turn = peer.turn("t", &id);
        turn.started().await;
        turn.failed(json!({ "message": "Oh.", "codexErrorInfo": kind, "additionalDetails": null }))
            .await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_transient_failure_is_run_again_with_growing_delays() {
    let (codex, mut peer) = connect().await;
    let thread = start_thread(&codex, &mut peer, "t").await;
    let begun = Instant::now();
    let serve = async {
        failing(&mut peer, &["serverOverloaded", "internalServerError"]).await;
        // Refused before it began: that is transient, too.
        let request = peer.expect_request("turn/start").await;
        let message = "Server overloaded; retry later.";
        peer.reply_error(&request.id, -32001, message, None).await;
        accept_turn(&mut peer, "last").await;
        peer.turn("t", "last").play("At last.").await;
    };
    let policy = RetryPolicy::default().max_attempts(4).jitter_ratio(0.0);
    let run = retry_on_transient(policy, || thread.run("go"));
    let (result, ()) = tokio::join!(run, serve);
    assert_eq!(result.unwrap().final_response.as_deref(), Some("At last."));
    let expected = Duration::from_millis(250 + 500 + 1000);
    assert!(begun.elapsed() >= expected && begun.elapsed() < 2 * expected);
}

#[tokio::test(start_paused = true)]
async fn what_is_not_transient_is_returned_at_once_and_the_last_failure_in_the_end() {
    for (kinds, condition) in [
        (&["usageLimitExceeded"][..], Condition::UsageLimitReached),
        (&["rateLimitExceeded"; 3], Condition::RateLimited),
    ] {
        let (codex, mut peer) = connect().await;
        let thread = start_thread(&codex, &mut peer, "t").await;
        let run = retry_on_transient(RetryPolicy::default(), || thread.run("go"));
        let (result, ()) = tokio::join!(run, failing(&mut peer, kinds));
        assert_eq!(result.unwrap_err().condition(), Some(condition));
    }
}

/// For somebody who wants no limit. As the jitter may make a delay a little longer than that, each of these
/// panicked half of the times.
#[tokio::test(start_paused = true)]
async fn a_policy_may_have_the_longest_delays_that_there_are() {
    for _ in 0..16 {
        let (codex, mut peer) = connect().await;
        let policy = RetryPolicy::default()
            .initial_delay(Duration::MAX)
            .max_delay(Duration::MAX);
        let attempt = begin(Box::pin(retry(&codex, policy))).await;
        overloaded(&mut peer, 1).await;
        settle(&codex, &mut peer).await;
        // It waits for its second attempt.
        drop(begin(attempt).await);
    }
}
