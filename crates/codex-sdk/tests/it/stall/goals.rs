//! Goals that take too long.

use codex_sdk::Deadline;
use codex_testkit::peer::shapes;
use serde_json::json;
use tokio::time::Instant;

use crate::goals::peer::{accept_goal, pause};
use crate::stall::{MINUTE, is_usable, thread, timed_out};
use crate::support::begin;

#[tokio::test(start_paused = true)]
async fn a_goal_that_stalls_is_paused_and_its_turn_interrupted() {
    let (codex, mut peer, thread) = thread().await;
    let run = begin(thread.goal("Count.").stall_timeout(MINUTE).run()).await;
    let begun = Instant::now();
    let serve = async {
        accept_goal(&mut peer).await;
        peer.turn("t", "1").started().await;
        let request = peer.expect_request("turn/interrupt").await;
        peer.reply(&request.id, json!({})).await;
        pause(&mut peer).await;
        peer.turn("t", "1").completed("interrupted").await;
    };
    let (result, ()) = tokio::join!(run, serve);
    assert_eq!(begun.elapsed().as_secs(), 60);
    let error = result.unwrap_err();
    assert!(timed_out(&error).interrupted);
    assert_eq!(error.partial_result().unwrap().id, "1");
    is_usable(&codex, &mut peer, &thread).await;
}

#[tokio::test(start_paused = true)]
async fn a_goal_that_stalls_between_two_turns_is_paused() {
    let (codex, mut peer, thread) = thread().await;
    let goal = thread.goal("Count.").timeout(MINUTE).into_future();
    let (goal, ()) = tokio::join!(goal, async {
        accept_goal(&mut peer).await;
        peer.turn("t", "1").started().await;
    });
    peer.turn("t", "1").completed("completed").await;
    let (result, ()) = tokio::join!(goal.unwrap().run(), pause(&mut peer));
    let error = result.unwrap_err();
    assert!(timed_out(&error).interrupted);
    is_usable(&codex, &mut peer, &thread).await;
}

#[tokio::test(start_paused = true)]
async fn a_goal_that_isnt_set_in_time_doesnt_stall() {
    let (codex, mut peer, thread) = thread().await;
    let begun = Instant::now();
    let error = thread.goal("Count.").timeout(MINUTE / 2).run();
    let error = error.await.unwrap_err();
    assert_eq!(begun.elapsed().as_secs(), 30);
    assert_eq!(timed_out(&error).deadline, Deadline::Total);
    let read = peer.expect_request("thread/read").await;
    let reply = json!({ "thread": shapes::thread("t") });
    peer.reply(&read.id, reply).await;
    is_usable(&codex, &mut peer, &thread).await;
}
