//! What a watch shows of a turn that already runs.

use std::time::Duration;

use codex_sdk::{Notification, Result, ThreadWatch};
use codex_testkit::peer::shapes;
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::support::{connect, settle, start_thread};

async fn next(watch: &mut ThreadWatch) -> Result<Notification> {
    let next = timeout(Duration::from_secs(10), watch.next());
    next.await.unwrap().unwrap()
}

/// A page of running turns with an item each.
fn turns(turns: &[(&str, &Value)]) -> Value {
    let turns = turns.iter().map(|(id, item)| {
        let mut turn = shapes::turn(id, "inProgress");
        turn["items"] = json!([item]);
        turn
    });
    json!({ "data": turns.collect::<Vec<_>>(), "nextCursor": null, "backwardsCursor": null })
}

#[tokio::test]
async fn a_turn_that_is_listed_before_it_is_said_to_have_begun_begins_once() {
    let (codex, mut peer) = connect().await;
    let thread = start_thread(&codex, &mut peer, "t").await;
    let mut watch = thread.watch();
    let list = peer.expect_request("thread/turns/list").await;
    let said = shapes::user_message("said", "go");
    peer.reply(&list.id, turns(&[("1", &said)])).await;
    let mut seen = Vec::new();
    for _ in 0..2 {
        seen.push(next(&mut watch).await.unwrap().method().to_owned());
    }
    peer.turn("t", "1").started().await;
    peer.turn("t", "1").item_started(said.clone()).await;
    peer.turn("t", "1").item_completed(said).await;
    peer.turn("t", "1").completed("completed").await;
    peer.turn("t", "2").started().await;
    for _ in 0..2 {
        seen.push(next(&mut watch).await.unwrap().method().to_owned());
    }
    let expected = [
        "turn/started",
        "item/completed",
        "turn/completed",
        "turn/started",
    ];
    assert_eq!(seen, expected);
}

#[tokio::test]
async fn a_newer_turn_doesnt_hide_what_the_running_one_had_produced() {
    let (codex, mut peer) = connect().await;
    let thread = start_thread(&codex, &mut peer, "t").await;
    peer.turn("t", "1").started().await;
    settle(&codex, &mut peer).await;
    let mut watch = thread.watch();
    let list = peer.expect_request("thread/turns/list").await;
    peer.turn("t", "1").completed("completed").await;
    let (one, two) = (
        shapes::agent_message("a", "one"),
        shapes::agent_message("b", "two"),
    );
    peer.reply(&list.id, turns(&[("2", &two), ("1", &one)]))
        .await;
    peer.turn("t", "2").started().await;
    peer.turn("t", "2").item_completed(two).await;
    let mut seen = Vec::new();
    for _ in 0..5 {
        let event = next(&mut watch).await.unwrap();
        seen.push(format!("{} {}", event.method(), event.turn_id().unwrap()));
    }
    let expected = [
        "turn/started 1",
        "item/completed 1",
        "turn/completed 1",
        "turn/started 2",
        "item/completed 2",
    ];
    assert_eq!(seen, expected);
}

#[tokio::test]
async fn what_was_read_comes_before_the_end_of_the_connection() {
    let (codex, mut peer) = connect().await;
    let thread = start_thread(&codex, &mut peer, "t").await;
    let mut watch = thread.watch();
    let list = peer.expect_request("thread/turns/list").await;
    let said = shapes::agent_message("a", "said");
    peer.reply(&list.id, turns(&[("1", &said)])).await;
    peer.close().await;
    for method in ["turn/started", "item/completed"] {
        assert_eq!(next(&mut watch).await.unwrap().method(), method);
    }
    assert!(next(&mut watch).await.unwrap_err().is_closed());
    assert!(watch.next().await.is_none());
    drop(codex);
}
