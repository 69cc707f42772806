//! What a dropped future leaves behind.

use codex_sdk::Codex;
use codex_testkit::peer::shapes;
use serde_json::json;

use crate::support::{
    accept_turn, begin, connect, connect_with, idle, settle, start_thread, start_turn, text_of,
};

#[tokio::test]
async fn parity_91_a_start_dropped_before_it_is_polled_sends_nothing() {
    let (codex, mut peer) = connect().await;
    let thread = start_thread(&codex, &mut peer, "t").await;
    drop(thread.run("unsent").into_future());
    drop(thread.turn("unsent"));
    let call = begin(codex.request_raw("sent", json!({})).into_future()).await;
    peer.expect_request("sent").await;
    drop(call);
}

#[tokio::test]
async fn parity_s12_a_run_dropped_before_the_reply_is_interrupted_once_the_turn_has_begun() {
    let (codex, mut peer) = connect().await;
    let thread = start_thread(&codex, &mut peer, "t").await;
    drop(begin(thread.run("go").into_future()).await);
    accept_turn(&mut peer, "1").await;
    // The runtime would refuse an interrupt before `turn/started`.
    settle(&codex, &mut peer).await;
    peer.turn("t", "1").started().await;
    let interrupt = peer.expect_request("turn/interrupt").await;
    assert_eq!(interrupt.params, json!({ "threadId": "t", "turnId": "1" }));
    peer.reply(&interrupt.id, json!({})).await;
    peer.turn("t", "1").completed("interrupted").await;
    idle(&codex).await;
}

#[tokio::test]
async fn a_reply_that_lies_unread_in_a_dropped_run_leaks_no_turn() {
    let (codex, mut peer) = connect().await;
    let thread = start_thread(&codex, &mut peer, "t").await;
    let run = begin(thread.run("go").into_future()).await;
    accept_turn(&mut peer, "1").await;
    peer.turn("t", "1").started().await;
    // By the time this is answered, the reader has dealt with both.
    settle(&codex, &mut peer).await;
    drop(run);
    let interrupt = peer.expect_request("turn/interrupt").await;
    peer.reply(&interrupt.id, json!({})).await;
    peer.turn("t", "1").completed("interrupted").await;
    idle(&codex).await;
}

#[tokio::test]
async fn parity_90_a_dropped_turn_call_doesnt_interrupt() {
    let (codex, mut peer) = connect().await;
    let thread = start_thread(&codex, &mut peer, "t").await;
    let mut of_thread = thread.notifications();
    drop(begin(thread.turn("go").into_future()).await);
    accept_turn(&mut peer, "1").await;
    peer.turn("t", "1").play("alone").await;
    while of_thread.next().await.unwrap().unwrap().method() != "turn/completed" {}
    idle(&codex).await;
    drop(codex);
    drop(thread);
    peer.expect_eof().await;
}

#[tokio::test]
async fn a_dropped_run_waits_for_a_start_that_may_join_its_turn() {
    let (codex, mut peer) = connect().await;
    let thread = start_thread(&codex, &mut peer, "t").await;
    let run = begin(thread.run("one").into_future()).await;
    accept_turn(&mut peer, "1").await;
    peer.turn("t", "1").started().await;
    let joiner = begin(thread.turn("two").into_future()).await;
    let request = peer.expect_request("turn/start").await;
    assert_eq!(text_of(&request), "two");
    drop(run);
    peer.reply(&request.id, shapes::turn_start_response("1"))
        .await;
    peer.turn("t", "1").play("for two").await;
    let result = joiner.await.unwrap().run().await.unwrap();
    assert_eq!(result.final_response.as_deref(), Some("for two"));
    idle(&codex).await;
}

#[tokio::test]
async fn parity_s5_dropping_next_loses_no_event() {
    let (codex, mut peer) = connect().await;
    let thread = start_thread(&codex, &mut peer, "t").await;
    let mut turn = start_turn(&thread, &mut peer, "1").await;
    drop(begin(Box::pin(turn.next())).await);
    peer.turn("t", "1").delta("i", "kept").await;
    peer.turn("t", "1").completed("completed").await;
    assert_eq!(
        turn.next().await.unwrap().unwrap().text_delta(),
        Some("kept")
    );
    assert_eq!(
        turn.next().await.unwrap().unwrap().method(),
        "turn/completed"
    );
    assert!(turn.next().await.is_none());
}

#[tokio::test]
async fn the_last_handle_that_is_dropped_ends_the_connection() {
    let (codex, mut peer) = connect().await;
    let thread = start_thread(&codex, &mut peer, "t").await;
    let turn = start_turn(&thread, &mut peer, "1").await;
    drop(codex);
    drop(thread);
    peer.turn("t", "1").delta("i", "alive").await;
    let control = turn.control();
    let mut turn = turn;
    assert_eq!(
        turn.next().await.unwrap().unwrap().text_delta(),
        Some("alive")
    );
    drop(turn);
    drop(control);
    peer.expect_eof().await;
}

#[tokio::test]
async fn a_run_that_has_lagged_is_interrupted_when_it_is_dropped() {
    let (codex, mut peer) = connect_with(Codex::builder().subscription_budget(2000)).await;
    let thread = start_thread(&codex, &mut peer, "t").await;
    let run = begin(thread.run("go").into_future()).await;
    accept_turn(&mut peer, "1").await;
    peer.turn("t", "1").started().await;
    for _ in 0..10 {
        peer.turn("t", "1").delta("i", &"x".repeat(500)).await;
    }
    settle(&codex, &mut peer).await;
    drop(run);
    let interrupt = peer.expect_request("turn/interrupt").await;
    peer.reply(&interrupt.id, json!({})).await;
    peer.turn("t", "1").completed("interrupted").await;
    idle(&codex).await;
}
