//! Turns that would hang: deadlines, and ends that were missed. The clock is the test's: it moves only
//! when all wait.

use std::time::Duration;

use codex_sdk::{Codex, CodexBuilder, Error, Thread, TurnHandle, TurnTimeout};
use codex_testkit::Peer;
use codex_testkit::peer::shapes;
use serde_json::{Value, json};

use crate::support::{accept_turn, connect_with, idle, start_thread};

mod deadlines;
mod goals;
mod missed_ends;
mod retried_errors;
mod waiting;

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);

/// A thread of a client.
async fn thread() -> (Codex, Peer, Thread) {
    thread_of(Codex::builder()).await
}

async fn thread_of(builder: CodexBuilder) -> (Codex, Peer, Thread) {
    let (codex, mut peer) = connect_with(builder).await;
    let thread = start_thread(&codex, &mut peer, "t").await;
    // Longer than anything here is waited for.
    peer.set_deadline(60 * MINUTE);
    (codex, peer, thread)
}

/// Accepts the turn that is asked for, and begins it.
async fn accept(peer: &mut Peer, id: &str) {
    accept_turn(peer, id).await;
    peer.turn("t", id).started().await;
}

/// Takes the interrupt of a turn, and ends it.
async fn interrupt(peer: &mut Peer, id: &str) {
    let request = peer.expect_request("turn/interrupt").await;
    assert_eq!(request.params, json!({ "threadId": "t", "turnId": id }));
    peer.reply(&request.id, json!({})).await;
    peer.turn("t", id).completed("interrupted").await;
}

/// Starts a turn on a thread of its own, with a deadline for its silence.
async fn stalling() -> (Codex, Peer, Thread, TurnHandle) {
    let (codex, mut peer, thread) = thread().await;
    let turn = thread.turn("go").stall_timeout(MINUTE).into_future();
    let (turn, ()) = tokio::join!(turn, accept(&mut peer, "1"));
    (codex, peer, thread, turn.unwrap())
}

/// Runs a turn that nothing is wrong with, and sees that nothing is left in the tables.
async fn is_usable(codex: &Codex, peer: &mut Peer, thread: &Thread) {
    let serve = async {
        accept(peer, "next").await;
        let item = shapes::agent_message("m", "usable");
        peer.turn("t", "next").item_completed(item).await;
        peer.turn("t", "next").completed("completed").await;
    };
    let (result, ()) = tokio::join!(thread.run("again").into_future(), serve);
    assert_eq!(result.unwrap().final_response.as_deref(), Some("usable"));
    idle(codex).await;
}

async fn status(peer: &mut Peer, status: Value) {
    let params = json!({ "threadId": "t", "status": status });
    peer.notify("thread/status/changed", params).await;
}

async fn active(peer: &mut Peer, flags: &[&str]) {
    status(peer, json!({ "type": "active", "activeFlags": flags })).await;
}

fn timed_out(error: &Error) -> &TurnTimeout {
    assert!(error.is_timeout(), "{error:?}");
    match error {
        Error::TurnTimeout(timeout) => timeout,
        _ => panic!("{error:?}"),
    }
}
