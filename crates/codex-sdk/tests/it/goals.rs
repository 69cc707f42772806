//! Goals whose turns change at the wrong moment.

use codex_sdk::types::TurnStatus;
use codex_sdk::{Codex, Condition, Thread, TurnHandle};
use codex_testkit::Peer;
use serde_json::json;

use crate::support::{begin, connect, idle, settle, start_thread};
use peer::{accept_goal, goal_is, pause, stored_goal};

pub(crate) mod peer;

async fn start(peer: &mut Peer, thread: &Thread) -> TurnHandle {
    let serve = async {
        accept_goal(peer).await;
        peer.turn("t", "turn-1").started().await;
    };
    let (goal, ()) = tokio::join!(thread.goal("Count.").into_future(), serve);
    goal.unwrap()
}

/// A goal whose first turn runs.
async fn started() -> (Codex, Peer, TurnHandle) {
    let (codex, mut peer) = connect().await;
    let thread = start_thread(&codex, &mut peer, "t").await;
    let goal = start(&mut peer, &thread).await;
    assert_eq!(goal.id(), "turn-1");
    (codex, peer, goal)
}

#[tokio::test]
async fn parity_16_steering_a_turn_that_has_just_changed_is_tried_again_with_the_new_one() {
    let (_codex, mut peer, goal) = started().await;
    let steer = tokio::spawn(goal.steer("More."));
    let request = peer.expect_request("turn/steer").await;
    assert_eq!(request.params["expectedTurnId"], "turn-1");
    let message = "expected active turn id `turn-1` but found `turn-2`";
    peer.reply_error(&request.id, -32600, message, None).await;
    let request = peer.expect_request("turn/steer").await;
    assert_eq!(request.params["expectedTurnId"], "turn-2");
    peer.reply(&request.id, json!({ "turnId": "turn-2" })).await;
    assert_eq!(steer.await.unwrap().unwrap().turn_id, "turn-1");
}

#[tokio::test]
async fn parity_16_interrupting_a_turn_that_has_just_changed_is_tried_again_with_the_new_one() {
    let (_codex, mut peer, goal) = started().await;
    let interrupt = tokio::spawn(goal.interrupt());
    let request = peer.expect_request("thread/goal/set").await;
    assert_eq!(request.params["status"], "paused");
    peer.reply(&request.id, json!({ "goal": stored_goal("paused") }))
        .await;
    let request = peer.expect_request("turn/interrupt").await;
    assert_eq!(request.params["turnId"], "turn-1");
    let message = "expected active turn id turn-1 but found turn-2";
    peer.reply_error(&request.id, -32600, message, None).await;
    let request = peer.expect_request("turn/interrupt").await;
    assert_eq!(request.params["turnId"], "turn-2");
    peer.reply(&request.id, json!({})).await;
    interrupt.await.unwrap().unwrap();
}

#[tokio::test]
async fn an_interrupt_that_is_dropped_between_its_two_requests_takes_its_course() {
    let (_codex, mut peer, goal) = started().await;
    let interrupt = tokio::spawn(goal.interrupt());
    let request = peer.expect_request("thread/goal/set").await;
    interrupt.abort();
    assert!(interrupt.await.unwrap_err().is_cancelled());
    peer.reply(&request.id, json!({ "goal": stored_goal("paused") }))
        .await;
    let request = peer.expect_request("turn/interrupt").await;
    assert_eq!(request.params["turnId"], "turn-1");
    peer.reply(&request.id, json!({})).await;
}

#[tokio::test]
async fn the_end_of_the_connection_before_the_first_turn_of_a_goal_is_that() {
    let (codex, mut peer) = connect().await;
    let thread = start_thread(&codex, &mut peer, "t").await;
    let serve = async {
        accept_goal(&mut peer).await;
        peer.close().await;
    };
    let (goal, ()) = tokio::join!(thread.goal("Count.").into_future(), serve);
    let error = goal.unwrap_err();
    assert!(error.is_closed(), "{error}");
}

#[tokio::test]
async fn parity_28_the_end_of_the_connection_ends_a_goal() {
    let (codex, mut peer, goal) = started().await;
    peer.close().await;
    assert!(goal.run().await.unwrap_err().is_closed());
    idle(&codex).await;
}

#[tokio::test]
async fn parity_29_steering_between_two_turns_waits_for_the_next() {
    let (codex, mut peer, goal) = started().await;
    peer.turn("t", "turn-1").completed("completed").await;
    settle(&codex, &mut peer).await;
    let steer = begin(goal.steer("More.")).await;
    peer.turn("t", "turn-2").started().await;
    let (steered, request) = tokio::join!(steer, async {
        let request = peer.expect_request("turn/steer").await;
        peer.reply(&request.id, json!({ "turnId": "turn-2" })).await;
        request
    });
    assert_eq!(request.params["expectedTurnId"], "turn-2");
    assert_eq!(steered.unwrap().turn_id, "turn-1");

    goal_is(&mut peer, stored_goal("complete")).await;
    peer.turn("t", "turn-2").completed("completed").await;
    assert_eq!(goal.run().await.unwrap().id, "turn-1");
    idle(&codex).await;
}

#[tokio::test]
async fn a_steer_that_crosses_the_end_of_a_turn_goes_to_the_next() {
    let (_codex, mut peer, goal) = started().await;
    let steer = begin(goal.steer("More.")).await;
    let request = peer.expect_request("turn/steer").await;
    let message = "no active turn to steer";
    peer.reply_error(&request.id, -32600, message, None).await;
    peer.turn("t", "turn-1").completed("completed").await;
    peer.turn("t", "turn-2").started().await;
    let serve = async {
        let request = peer.expect_request("turn/steer").await;
        assert_eq!(request.params["expectedTurnId"], "turn-2");
        peer.reply(&request.id, json!({ "turnId": "turn-2" })).await;
    };
    let (steered, ()) = tokio::join!(steer, serve);
    steered.unwrap();
}

#[tokio::test]
async fn parity_30_an_interrupt_between_two_turns_pauses_and_stops_the_turn_that_begins_all_the_same()
 {
    let (codex, mut peer, goal) = started().await;
    peer.turn("t", "turn-1").completed("completed").await;
    settle(&codex, &mut peer).await;
    let (interrupted, ()) = tokio::join!(goal.interrupt(), pause(&mut peer));
    interrupted.unwrap();
    let result = goal.run().await.unwrap();
    assert_eq!(result.status, TurnStatus::Interrupted);

    peer.turn("t", "turn-2").started().await;
    let request = peer.expect_request("turn/interrupt").await;
    assert_eq!(request.params["turnId"], "turn-2");
    peer.reply(&request.id, json!({})).await;
    peer.turn("t", "turn-2").completed("interrupted").await;
    idle(&codex).await;
}

#[tokio::test(start_paused = true)]
async fn parity_32_a_goal_whose_first_turn_doesnt_begin_is_given_up_after_30_seconds() {
    let (codex, mut peer) = connect().await;
    let thread = start_thread(&codex, &mut peer, "t").await;
    let goal = begin(thread.goal("Count.").into_future()).await;
    let (error, ()) = tokio::join!(goal, accept_goal(&mut peer));
    let error = error.unwrap_err();
    assert!(error.is_timeout(), "{error:?}");
    assert!(error.to_string().contains("30s"), "{error}");
    let request = peer.expect_request("thread/goal/set").await;
    assert_eq!(request.params["status"], "paused");
    peer.reply(&request.id, json!({ "goal": stored_goal("paused") }))
        .await;
    idle(&codex).await;
}

#[tokio::test]
async fn a_goal_that_ends_before_its_first_turn_says_so() {
    let (codex, mut peer) = connect().await;
    let thread = start_thread(&codex, &mut peer, "t").await;
    let serve = async {
        accept_goal(&mut peer).await;
        goal_is(&mut peer, stored_goal("budgetLimited")).await;
        let request = peer.expect_request("thread/goal/set").await;
        peer.reply(&request.id, json!({ "goal": stored_goal("paused") }))
            .await;
    };
    let (error, ()) = tokio::join!(thread.goal("Count.").into_future(), serve);
    let error = error.unwrap_err();
    assert_eq!(error.condition(), None::<Condition>);
    assert!(
        error.to_string().contains("before its first turn"),
        "{error}"
    );
}
