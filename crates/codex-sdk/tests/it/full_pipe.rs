//! An other side that has stopped reading.

use std::time::Duration;

use codex_sdk::{Call, CloseReason, Codex, Result};
use codex_testkit::peer::shapes;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, duplex};

use crate::support::{begin, idle};

/// A client whose other side completes the handshake and reads nothing more; it lives as long as
/// the second value.
async fn connect() -> (Codex, impl Sized) {
    let (input, heard) = duplex(1024);
    let (mut said, output) = duplex(64 * 1024);
    let shake_hands = async {
        let mut heard = BufReader::new(heard).lines();
        heard.next_line().await.unwrap();
        let reply = json!({"id": 0, "result": shapes::initialize_response()});
        said.write_all(format!("{reply}\n").as_bytes())
            .await
            .unwrap();
        heard.next_line().await.unwrap();
        (heard, said)
    };
    let start = Codex::builder().start_with_io(output, input);
    let (codex, other_side) = tokio::join!(start, shake_hands);
    (codex.unwrap(), other_side)
}

/// Requests that fill the pipe, the queue behind it, and the places before the queue.
async fn flood(codex: &Codex) -> Vec<Call<Value>> {
    let mut calls = Vec::new();
    for number in 0..300 {
        // Steering needs no place in flight, so that these fill the queue.
        let method = if number % 2 == 0 { "turn/steer" } else { "any" };
        let params = json!({ "text": "x".repeat(500) });
        let call = codex.request_raw(method, params);
        let call = call.timeout(Duration::from_secs(5)).into_future();
        calls.push(begin(call).await);
    }
    calls
}

async fn outcomes(calls: Vec<Call<Value>>) -> Vec<Result<Value>> {
    let mut outcomes = Vec::new();
    for call in calls {
        outcomes.push(call.await);
    }
    outcomes
}

#[tokio::test(start_paused = true)]
async fn parity_s2_a_deadline_covers_the_wait_for_a_place_the_queue_and_the_reply() {
    let (codex, _other_side) = connect().await;
    let calls = flood(&codex).await;
    let begun = tokio::time::Instant::now();
    let outcomes = tokio::time::timeout(Duration::from_secs(60), outcomes(calls));
    for outcome in outcomes.await.unwrap() {
        assert!(outcome.unwrap_err().is_timeout());
    }
    // The clock is the test's: it moves only when all wait.
    assert_eq!(begun.elapsed().as_secs(), 5);
    idle(&codex).await;
}

#[tokio::test]
async fn parity_s1_closing_doesnt_wait_for_a_pipe_that_is_full() {
    let (codex, _other_side) = connect().await;
    let calls = flood(&codex).await;
    let closed = tokio::time::timeout(Duration::from_secs(3), codex.close());
    closed.await.unwrap().unwrap();
    for outcome in outcomes(calls).await {
        let error = outcome.unwrap_err();
        assert_eq!(error.closed().unwrap().reason, CloseReason::Requested);
    }
    idle(&codex).await;
}
