//! Turns whose `turn/completed` never comes, though their thread is idle.

use codex_sdk::types::{ThreadItem, TurnStatus};
use codex_sdk::{Codex, Error, Thread, TurnHandle};
use codex_testkit::Peer;
use codex_testkit::peer::shapes;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::stall::{MINUTE, SECOND, accept, active, is_usable, status, thread};
use crate::support::{accept_turn, begin, idle, settle};

/// A turn without deadlines that has brought one message.
async fn talking() -> (Codex, Peer, Thread, TurnHandle) {
    let (codex, mut peer, thread) = thread().await;
    let (turn, ()) = tokio::join!(thread.turn("go").into_future(), accept(&mut peer, "1"));
    let item = shapes::agent_message("b", "part");
    peer.turn("t", "1").item_completed(item).await;
    (codex, peer, thread, turn.unwrap())
}

fn ids(items: &[ThreadItem]) -> Vec<&str> {
    items.iter().filter_map(ThreadItem::id).collect()
}

/// Takes the question whether the thread runs something.
async fn says(peer: &mut Peer, status: Value) {
    let read = peer.expect_request("thread/read").await;
    assert_eq!(read.params["threadId"], "t");
    let mut thread = shapes::thread("t");
    thread["status"] = status;
    peer.reply(&read.id, json!({ "thread": thread })).await;
}

fn stored(id: &str, status: &str, items: &[Value]) -> Value {
    let mut turn = shapes::turn(id, status);
    turn["items"] = items.into();
    turn["itemsView"] = "full".into();
    turn
}

/// Takes the question for the stored turns.
async fn lists(peer: &mut Peer, turns: &[Value]) {
    let list = peer.expect_request("thread/turns/list").await;
    let expected =
        json!({ "threadId": "t", "limit": 2, "sortDirection": "desc", "itemsView": "full" });
    assert_eq!(list.params, expected);
    let page = json!({ "data": turns, "nextCursor": null, "backwardsCursor": null });
    peer.reply(&list.id, page).await;
}

/// The cause of a turn without an end.
fn lost(error: &Error) -> Option<&Error> {
    let Error::TurnIncomplete(incomplete) = error else {
        panic!("{error:?}");
    };
    match incomplete.source.as_ref().unwrap() {
        Error::TurnLost {
            thread_id,
            turn_id,
            source,
            ..
        } => {
            assert_eq!((&**thread_id, &**turn_id), ("t", "1"));
            source.as_deref()
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_turn_whose_end_was_missed_is_read_and_doesnt_stall() {
    for idle_status in ["idle", "systemError", "notLoaded"] {
        let (codex, mut peer, thread, mut turn) = talking().await;
        let begun = Instant::now();
        status(&mut peer, json!({ "type": idle_status })).await;
        let answer = async {
            says(&mut peer, json!({ "type": idle_status })).await;
            let items = [
                shapes::user_message("a", "go"),
                shapes::agent_message("b", "as stored"),
                shapes::agent_message("c", "whole"),
            ];
            let other = stored("0", "completed", &[shapes::agent_message("z", "")]);
            lists(&mut peer, &[stored("1", "completed", &items), other]).await;
        };
        let read = async {
            let mut methods = Vec::new();
            while let Some(event) = turn.next().await {
                methods.push(event.unwrap().method().to_owned());
            }
            (methods, turn.run().await.unwrap())
        };
        let ((methods, result), ()) = tokio::join!(read, answer);
        assert_eq!(begun.elapsed().as_secs(), 2);
        assert_eq!(
            methods,
            ["turn/started", "item/completed", "turn/completed"]
        );
        assert_eq!(result.status, TurnStatus::Completed);
        assert_eq!(ids(&result.items), ["a", "b", "c"]);
        assert_eq!(result.final_response.as_deref(), Some("whole"));
        let ThreadItem::AgentMessage(message) = &result.items[1] else {
            panic!("{:?}", result.items);
        };
        assert_eq!(message.text, "part");
        idle(&codex).await;

        // The real end, late, is nobody's.
        let mut of_thread = thread.notifications();
        peer.turn("t", "1").completed("completed").await;
        let late = of_thread.next().await.unwrap().unwrap();
        assert_eq!(late.method(), "turn/completed");
        is_usable(&codex, &mut peer, &thread).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_missed_end_gives_a_joiner_nothing_from_before_and_doesnt_stall() {
    let (codex, mut peer, thread, first) = talking().await;
    settle(&codex, &mut peer).await;
    let second = begin(thread.run("and this").into_future()).await;
    accept_turn(&mut peer, "1").await;
    let item = shapes::agent_message("c", "heard");
    peer.turn("t", "1").item_completed(item).await;
    status(&mut peer, json!({ "type": "idle" })).await;
    let answer = async {
        says(&mut peer, json!({ "type": "idle" })).await;
        let items = ["a", "b", "c", "d"].map(|id| shapes::agent_message(id, id));
        lists(&mut peer, &[stored("1", "completed", &items)]).await;
    };
    let (first, second, ()) = tokio::join!(first.run(), second, answer);
    assert_eq!(ids(&first.unwrap().items), ["a", "b", "c", "d"]);
    assert_eq!(ids(&second.unwrap().items), ["c", "d"]);
    is_usable(&codex, &mut peer, &thread).await;
}

#[tokio::test(start_paused = true)]
async fn a_missed_failure_is_read_from_a_runtime_without_pages_and_doesnt_stall() {
    let (codex, mut peer, thread, turn) = talking().await;
    status(&mut peer, json!({ "type": "systemError" })).await;
    let answer = async {
        says(&mut peer, json!({ "type": "systemError" })).await;
        let list = peer.expect_request("thread/turns/list").await;
        let message = "unknown variant `thread/turns/list`";
        peer.reply_error(&list.id, -32600, message, None).await;
        let read = peer.expect_request("thread/read").await;
        let expected = json!({ "threadId": "t", "includeTurns": true });
        assert_eq!(read.params, expected);
        let mut thread = shapes::thread("t");
        thread["turns"] = json!([stored("1", "failed", &[])]);
        peer.reply(&read.id, json!({ "thread": thread })).await;
    };
    let (result, ()) = tokio::join!(turn.run(), answer);
    let error = result.unwrap_err();
    assert!(matches!(error, Error::TurnFailed(_)), "{error:?}");
    is_usable(&codex, &mut peer, &thread).await;
}

#[tokio::test(start_paused = true)]
async fn a_turn_whose_end_cant_be_read_is_incomplete_and_doesnt_stall() {
    let (codex, mut peer, thread, turn) = talking().await;
    status(&mut peer, json!({ "type": "idle" })).await;
    let answer = async {
        says(&mut peer, json!({ "type": "idle" })).await;
        let message = "ephemeral threads do not support thread/turns/list";
        let list = peer.expect_request("thread/turns/list").await;
        peer.reply_error(&list.id, -32600, message, None).await;
        let read = peer.expect_request("thread/read").await;
        peer.reply_error(&read.id, -32600, "neither", None).await;
    };
    let (result, ()) = tokio::join!(turn.run(), answer);
    let error = result.unwrap_err();
    assert_eq!(ids(&error.partial_result().unwrap().items), ["b"]);
    let refusal = lost(&error).unwrap().rpc().unwrap();
    assert!(refusal.message.starts_with("ephemeral"), "{refusal}");
    is_usable(&codex, &mut peer, &thread).await;
}

#[tokio::test(start_paused = true)]
async fn a_turn_that_the_runtime_doesnt_know_is_incomplete_and_doesnt_stall() {
    let (codex, mut peer, thread, turn) = talking().await;
    status(&mut peer, json!({ "type": "idle" })).await;
    let answer = async {
        says(&mut peer, json!({ "type": "idle" })).await;
        lists(&mut peer, &[stored("0", "completed", &[])]).await;
    };
    let (result, ()) = tokio::join!(turn.run(), answer);
    assert!(lost(&result.unwrap_err()).is_none());
    is_usable(&codex, &mut peer, &thread).await;
}

#[tokio::test(start_paused = true)]
async fn an_idle_runtime_that_answers_nothing_ends_a_turn_and_doesnt_stall() {
    let (codex, mut peer, thread, turn) = talking().await;
    let begun = Instant::now();
    status(&mut peer, json!({ "type": "idle" })).await;
    let error = turn.run().await.unwrap_err();
    assert_eq!(begun.elapsed().as_secs(), 2 + 10 + 10);
    assert!(lost(&error).unwrap().is_timeout());
    peer.expect_request("thread/read").await;
    peer.expect_request("thread/turns/list").await;
    is_usable(&codex, &mut peer, &thread).await;
}

#[tokio::test(start_paused = true)]
async fn nothing_is_read_when_the_end_of_a_turn_follows_and_nothing_stalls() {
    let (codex, mut peer, thread, turn) = talking().await;
    status(&mut peer, json!({ "type": "idle" })).await;
    sleep(SECOND).await;
    peer.turn("t", "1").completed("completed").await;
    turn.run().await.unwrap();
    sleep(MINUTE).await;
    // The next that is sent is this.
    is_usable(&codex, &mut peer, &thread).await;
}

#[tokio::test(start_paused = true)]
async fn a_turn_that_runs_on_is_left_alone_and_looked_at_once_at_a_time() {
    let (codex, mut peer, thread, turn) = talking().await;
    // Active again, before anyone asked.
    status(&mut peer, json!({ "type": "idle" })).await;
    active(&mut peer, &[]).await;
    sleep(MINUTE).await;
    settle(&codex, &mut peer).await;

    // Idle again and again: one question.
    for _ in 0..3 {
        status(&mut peer, json!({ "type": "idle" })).await;
    }
    says(&mut peer, json!({ "type": "active", "activeFlags": [] })).await;
    sleep(MINUTE).await;
    settle(&codex, &mut peer).await;

    // The runtime has it as running.
    status(&mut peer, json!({ "type": "idle" })).await;
    says(&mut peer, json!({ "type": "idle" })).await;
    lists(&mut peer, &[stored("1", "inProgress", &[])]).await;
    settle(&codex, &mut peer).await;

    // It ends while it is being looked up.
    status(&mut peer, json!({ "type": "idle" })).await;
    says(&mut peer, json!({ "type": "idle" })).await;
    let list = peer.expect_request("thread/turns/list").await;
    peer.turn("t", "1").completed("completed").await;
    let data = [stored("1", "failed", &[])];
    let mut of_thread = thread.notifications();
    peer.reply(&list.id, json!({ "data": data })).await;
    let result = turn.run().await.unwrap();
    assert_eq!(result.status, TurnStatus::Completed);
    settle(&codex, &mut peer).await;
    let more = tokio::time::timeout(MINUTE, of_thread.next()).await;
    assert!(more.is_err(), "{more:?}");
    is_usable(&codex, &mut peer, &thread).await;
}

#[tokio::test(start_paused = true)]
async fn a_missed_end_of_a_turn_without_handles_leaves_the_tables_and_doesnt_stall() {
    let (codex, mut peer, thread, turn) = talking().await;
    drop(turn);
    let mut of_thread = thread.notifications();
    status(&mut peer, json!({ "type": "idle" })).await;
    says(&mut peer, json!({ "type": "idle" })).await;
    lists(&mut peer, &[stored("1", "completed", &[])]).await;
    while of_thread.next().await.unwrap().unwrap().method() != "turn/completed" {}
    idle(&codex).await;
}
