//! Which notification reaches whom, and in which order.

use codex_sdk::Error;
use codex_sdk::types::TurnStatus;
use codex_testkit::peer::shapes;
use serde_json::json;

use crate::support::{begin, connect, idle, settle, start_thread, start_turn};

#[tokio::test]
async fn parity_83_a_whole_turn_that_comes_before_its_reply_is_delivered() {
    let (codex, mut peer) = connect().await;
    let thread = start_thread(&codex, &mut peer, "t").await;
    let run = begin(thread.run("go").into_future()).await;
    let request = peer.expect_request("turn/start").await;
    peer.turn("t", "1").play("early").await;
    peer.reply(&request.id, shapes::turn_start_response("1"))
        .await;
    let result = run.await.unwrap();
    assert_eq!(result.id, "1");
    assert_eq!(result.final_response.as_deref(), Some("early"));
    idle(&codex).await;
}

#[tokio::test]
async fn a_turn_is_found_however_many_others_end_before_its_reply() {
    let (codex, mut peer) = connect().await;
    let thread = start_thread(&codex, &mut peer, "t").await;
    let run = begin(thread.run("go").into_future()).await;
    let request = peer.expect_request("turn/start").await;
    peer.turn("t", "own").play("early").await;
    for other in 0..300 {
        peer.turn("t", &other.to_string()).play("late").await;
    }
    peer.reply(&request.id, shapes::turn_start_response("own"))
        .await;
    let result = run.await.unwrap();
    assert_eq!(result.final_response.as_deref(), Some("early"));
    idle(&codex).await;
}

#[tokio::test]
async fn parity_85_what_came_during_a_refused_start_goes_to_the_subscriptions() {
    let (codex, mut peer) = connect().await;
    let thread = start_thread(&codex, &mut peer, "t").await;
    let mut all = codex.notifications();
    let turn = begin(thread.turn("go").into_future()).await;
    let request = peer.expect_request("turn/start").await;
    peer.turn("t", "other").delta("i", "stray").await;
    peer.reply_error(&request.id, -32600, "no", None).await;
    assert!(turn.await.unwrap_err().rpc().is_some());
    let stray = all.next().await.unwrap().unwrap();
    assert_eq!(stray.text_delta(), Some("stray"));
    idle(&codex).await;
}

#[tokio::test]
async fn what_came_during_two_starts_goes_to_the_one_that_is_accepted_and_nowhere_else() {
    let (codex, mut peer) = connect().await;
    let thread = start_thread(&codex, &mut peer, "t").await;
    let mut all = codex.notifications();
    let refused = begin(thread.turn("one").into_future()).await;
    let one = peer.expect_request("turn/start").await;
    let accepted = begin(thread.turn("two").into_future()).await;
    let two = peer.expect_request("turn/start").await;
    peer.turn("t", "1").delta("i", "early").await;
    peer.reply_error(&one.id, -32600, "no", None).await;
    assert!(refused.await.unwrap_err().rpc().is_some());
    peer.reply(&two.id, shapes::turn_start_response("1")).await;
    let mut turn = accepted.await.unwrap();
    let early = turn.next().await.unwrap().unwrap();
    assert_eq!(early.text_delta(), Some("early"));
    peer.turn("t", "1").completed("completed").await;
    peer.notify("warning", json!({ "message": "the next" }))
        .await;
    assert_eq!(all.next().await.unwrap().unwrap().method(), "warning");
    turn.run().await.unwrap();
    idle(&codex).await;
}

#[tokio::test]
async fn a_compaction_waits_for_the_end_of_its_own_turn_and_keeps_the_thread_busy() {
    let (codex, mut peer) = connect().await;
    let thread = start_thread(&codex, &mut peer, "t").await;
    let compaction = begin(thread.compact().into_future()).await;
    let request = peer.expect_request("thread/compact/start").await;
    for error in [
        thread.compact().await.unwrap_err(),
        thread.revert("0").await.unwrap_err(),
    ] {
        assert!(matches!(error, Error::ThreadBusy { .. }), "{error:?}");
    }
    peer.reply(&request.id, json!({})).await;
    // A turn that this client didn't know of is interrupted by it.
    peer.turn("t", "other").completed("interrupted").await;
    peer.turn("t", "own").started().await;
    peer.turn("t", "other").completed("interrupted").await;
    settle(&codex, &mut peer).await;
    let compaction = begin(compaction).await;
    assert_eq!(codex.stats().live_turns, 1);
    peer.turn("t", "own").completed("completed").await;
    compaction.await.unwrap();
    idle(&codex).await;

    // One that is given up before its turn begins, or is refused, keeps nothing busy.
    drop(begin(thread.compact().into_future()).await);
    let request = peer.expect_request("thread/compact/start").await;
    peer.reply(&request.id, json!({})).await;
    idle(&codex).await;
    let compaction = begin(thread.compact().into_future()).await;
    let request = peer.expect_request("thread/compact/start").await;
    peer.reply_error(&request.id, -32600, "no", None).await;
    assert!(compaction.await.unwrap_err().rpc().is_some());
    idle(&codex).await;

    // One whose thread is closed before its turn begins is incomplete.
    let compaction = begin(thread.compact().into_future()).await;
    let request = peer.expect_request("thread/compact/start").await;
    peer.reply(&request.id, json!({})).await;
    peer.notify("thread/closed", json!({ "threadId": "t" }))
        .await;
    let error = compaction.await.unwrap_err();
    assert!(matches!(error, Error::TurnIncomplete(_)), "{error:?}");
    idle(&codex).await;
}

#[tokio::test]
async fn parity_56_124_turns_of_the_same_id_on_two_threads_dont_mix() {
    let (codex, mut peer) = connect().await;
    let source = start_thread(&codex, &mut peer, "source").await;
    let fork = start_thread(&codex, &mut peer, "fork").await;
    let in_source = start_turn(&source, &mut peer, "same").await;
    let in_fork = start_turn(&fork, &mut peer, "same").await;
    for part in ["a", "b", "c"] {
        peer.turn("source", "same").delta("i", part).await;
        peer.turn("fork", "same")
            .delta("i", &part.to_uppercase())
            .await;
    }
    peer.turn("fork", "same").completed("completed").await;
    peer.turn("source", "same").completed("completed").await;
    for (mut turn, expected) in [(in_source, "abc"), (in_fork, "ABC")] {
        let mut text = String::new();
        while let Some(event) = turn.next().await {
            text.push_str(event.unwrap().text_delta().unwrap_or_default());
        }
        assert_eq!(text, expected);
    }
    idle(&codex).await;
}

#[tokio::test]
async fn parity_84_a_joiner_gets_all_since_its_request_though_the_turn_ends_meanwhile() {
    let (codex, mut peer) = connect().await;
    let thread = start_thread(&codex, &mut peer, "t").await;
    let first = start_turn(&thread, &mut peer, "1").await;
    peer.turn("t", "1").started().await;
    let second = begin(thread.turn("and this").into_future()).await;
    let request = peer.expect_request("turn/start").await;
    peer.turn("t", "1")
        .item_completed(shapes::agent_message("i", "both"))
        .await;
    peer.turn("t", "1").completed("completed").await;
    peer.reply(&request.id, shapes::turn_start_response("1"))
        .await;
    let second = second.await.unwrap().run().await.unwrap();
    assert_eq!(second.final_response.as_deref(), Some("both"));
    let first = first.run().await.unwrap();
    assert_eq!(first.final_response.as_deref(), Some("both"));
    idle(&codex).await;
}

#[tokio::test]
async fn parity_86_to_89_dropping_one_of_two_handles_leaves_the_other_intact() {
    let (codex, mut peer) = connect().await;
    let thread = start_thread(&codex, &mut peer, "t").await;
    let unread = start_turn(&thread, &mut peer, "1").await;
    let kept = start_turn(&thread, &mut peer, "1").await;
    peer.turn("t", "1").delta("i", "one").await;
    drop(unread);
    peer.turn("t", "1").play("whole").await;
    let result = kept.run().await.unwrap();
    assert_eq!(result.final_response.as_deref(), Some("whole"));
    idle(&codex).await;
}

#[tokio::test]
async fn what_comes_after_the_end_of_a_turn_goes_to_the_subscriptions() {
    let (codex, mut peer) = connect().await;
    let thread = start_thread(&codex, &mut peer, "t").await;
    let mut of_thread = thread.notifications();
    let turn = start_turn(&thread, &mut peer, "1").await;
    peer.turn("t", "1").play("done").await;
    peer.turn("t", "1")
        .item_completed(shapes::agent_message("late", "late"))
        .await;
    turn.run().await.unwrap();
    assert_eq!(
        of_thread.next().await.unwrap().unwrap().item_id(),
        Some("late")
    );
}

#[tokio::test]
async fn a_thread_that_is_closed_ends_its_turn() {
    let (codex, mut peer) = connect().await;
    let thread = start_thread(&codex, &mut peer, "t").await;
    let turn = start_turn(&thread, &mut peer, "1").await;
    peer.turn("t", "1").started().await;
    peer.notify("thread/closed", json!({ "threadId": "t" }))
        .await;
    let error = turn.run().await.unwrap_err();
    assert_eq!(
        error.partial_result().unwrap().status,
        TurnStatus::InProgress
    );
    assert!(!error.is_closed());
    idle(&codex).await;
}

#[tokio::test]
async fn a_newer_turn_shows_that_the_end_of_an_older_one_was_missed() {
    let (codex, mut peer) = connect().await;
    let thread = start_thread(&codex, &mut peer, "t").await;
    let turn = start_turn(&thread, &mut peer, "1").await;
    peer.turn("t", "1").started().await;
    peer.turn("t", "2").started().await;
    let error = turn.run().await.unwrap_err();
    assert_eq!(
        error.partial_result().unwrap().status,
        TurnStatus::InProgress
    );
    peer.turn("t", "2").completed("completed").await;
    idle(&codex).await;
}

#[tokio::test(start_paused = true)]
async fn interrupting_on_a_dead_connection_says_so_at_once() {
    let (codex, mut peer) = connect().await;
    let thread = start_thread(&codex, &mut peer, "t").await;
    let turn = start_turn(&thread, &mut peer, "1").await;
    codex.close().await.unwrap();
    let begun = tokio::time::Instant::now();
    assert!(turn.interrupt().await.unwrap_err().is_closed());
    assert!(begun.elapsed().is_zero(), "{:?}", begun.elapsed());
}
