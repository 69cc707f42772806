//! What the app-server says about the goal of the thread `t`.

use codex_testkit::Peer;
use codex_testkit::peer::shapes;
use serde_json::{Value, json};

/// The goal as the app-server has stored it.
pub(crate) fn stored_goal(status: &str) -> Value {
    goal_of("t", status)
}

/// The goal of another thread.
pub(crate) fn goal_of(thread_id: &str, status: &str) -> Value {
    json!({
        "threadId": thread_id, "objective": "Count.", "status": status, "tokensUsed": 0,
        "timeUsedSeconds": 0, "createdAt": shapes::NOW, "updatedAt": shapes::NOW,
    })
}

/// Says what the goal is now.
pub(crate) async fn goal_is(peer: &mut Peer, goal: Value) {
    let params = json!({ "threadId": goal["threadId"], "turnId": null, "goal": goal });
    peer.notify("thread/goal/updated", params).await;
}

/// Answers the requests that set a goal, up to its first turn.
pub(crate) async fn accept_goal(peer: &mut Peer) {
    let read = peer.expect_request("thread/read").await;
    let thread = json!({ "thread": shapes::thread("t") });
    peer.reply(&read.id, thread).await;
    let clear = peer.expect_request("thread/goal/clear").await;
    peer.reply(&clear.id, json!({ "cleared": true })).await;
    // Late, and about the previous goal.
    let cleared = json!({ "threadId": "t" });
    peer.notify("thread/goal/cleared", cleared).await;
    let set = peer.expect_request("thread/goal/set").await;
    assert_eq!(set.params["objective"], "Count.");
    peer.reply(&set.id, json!({ "goal": stored_goal("active") }))
        .await;
    goal_is(peer, stored_goal("active")).await;
}

/// Takes the pause of a goal.
pub(crate) async fn pause(peer: &mut Peer) {
    let pause = peer.expect_request("thread/goal/set").await;
    assert_eq!(pause.params["status"], "paused");
    goal_is(peer, stored_goal("paused")).await;
    peer.reply(&pause.id, json!({ "goal": stored_goal("paused") }))
        .await;
}
