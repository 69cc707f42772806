//! Values at the ends of their ranges, lists without an end, and requests that are refused when it matters.

use std::time::Duration;

use codex_sdk::Error;
use codex_testkit::Peer;
use codex_testkit::peer::shapes;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::support::{accept_turn, begin, connect, idle, sent, settle, start_thread, start_turn};

#[tokio::test]
async fn a_list_that_leads_back_to_a_page_ends_with_an_error() {
    let (codex, mut peer) = connect().await;
    let serve = async {
        // Back to the page before, again and again.
        for cursor in ["a", "b", "a", "b", "a", "b"] {
            let request = peer.expect_request("model/list").await;
            let page = json!({ "data": [], "nextCursor": cursor });
            peer.reply(&request.id, page).await;
        }
        std::future::pending::<()>().await;
    };
    let mut models = codex.models().stream();
    let error = tokio::select! {
        next = models.next() => next.unwrap().unwrap_err(),
        () = serve => unreachable!(),
    };
    assert!(matches!(error, Error::EndlessList { .. }), "{error:?}");
    assert!(models.next().await.is_none());
}

#[tokio::test]
async fn the_longest_login_that_there_is_is_sent() {
    let (codex, mut peer) = connect().await;
    let login = codex.mcp_login("m").login_timeout(Duration::MAX);
    let sent = sent(&mut peer, "mcpServer/oauth/login", login).await;
    assert_eq!(sent["timeoutSecs"], json!(i64::MAX));
}

#[tokio::test]
async fn usage_at_the_ends_of_its_range_is_no_panic() {
    let (codex, mut peer) = connect().await;
    let thread = start_thread(&codex, &mut peer, "t").await;
    let turn = start_turn(&thread, &mut peer, "1").await;
    peer.turn("t", "1").started().await;
    for value in [i64::MIN, i64::MAX, i64::MIN] {
        let mut usage = shapes::token_usage(0, 0);
        for part in ["total", "last"] {
            for field in usage[part].as_object_mut().unwrap().values_mut() {
                *field = json!(value);
            }
        }
        peer.turn("t", "1").usage(usage).await;
    }
    peer.turn("t", "1").completed("completed").await;
    turn.run().await.unwrap();
}

fn idle_status() -> Value {
    json!({ "threadId": "t", "status": { "type": "idle" } })
}

#[tokio::test(start_paused = true)]
async fn a_turn_that_is_accepted_and_begins_late_is_not_lost() {
    let (codex, mut peer) = connect().await;
    let thread = start_thread(&codex, &mut peer, "t").await;
    let turn = start_turn(&thread, &mut peer, "1").await;
    peer.notify("thread/status/changed", idle_status()).await;
    settle(&codex, &mut peer).await;
    sleep(Duration::from_secs(60)).await;
    peer.turn("t", "1").play("late").await;
    let result = turn.run().await.unwrap();
    assert_eq!(result.final_response.as_deref(), Some("late"));
}

async fn overloaded(peer: &mut Peer) {
    let request = peer.expect_request("turn/interrupt").await;
    let words = "Server overloaded; retry later.";
    peer.reply_error(&request.id, -32001, words, None).await;
}

#[tokio::test(start_paused = true)]
async fn the_interrupt_of_an_abandoned_run_is_sent_again_while_the_runtime_is_overloaded() {
    let (codex, mut peer) = connect().await;
    let thread = start_thread(&codex, &mut peer, "t").await;
    let run = begin(thread.run("go").into_future()).await;
    accept_turn(&mut peer, "1").await;
    peer.turn("t", "1").started().await;
    settle(&codex, &mut peer).await;
    drop(run);
    for _ in 0..5 {
        overloaded(&mut peer).await;
    }
    let request = peer.expect_request("turn/interrupt").await;
    peer.reply(&request.id, json!({})).await;
    peer.turn("t", "1").completed("interrupted").await;
    idle(&codex).await;
}

#[tokio::test(start_paused = true)]
async fn a_given_up_command_leaves_its_place_to_others() {
    let (codex, mut peer) = connect().await;
    for _ in 0..40 {
        let params = json!({ "command": ["sleep", "300"] });
        let given_up = begin(codex.request_raw("command/exec", params).into_future()).await;
        peer.expect_request("command/exec").await;
        drop(given_up);
    }
    let begun = Instant::now();
    let call = codex.request_raw("command/exec", json!({ "command": ["true"] }));
    let call = begin(call.into_future()).await;
    let request = peer.expect_request("command/exec").await;
    peer.reply(&request.id, json!({ "exitCode": 0 })).await;
    call.await.unwrap();
    assert_eq!(begun.elapsed(), Duration::ZERO);
}

#[tokio::test]
async fn a_request_that_has_no_time_is_not_sent() {
    let (codex, mut peer) = connect().await;
    let call = codex
        .request_raw("never", json!({}))
        .timeout(Duration::ZERO);
    assert!(call.await.unwrap_err().is_timeout());
    let call = begin(codex.request_raw("first", json!({})).into_future()).await;
    let request = peer.expect_request("first").await;
    peer.reply(&request.id, json!({})).await;
    call.await.unwrap();
}
