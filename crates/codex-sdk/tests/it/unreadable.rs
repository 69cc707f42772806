//! What can't be read costs the smallest part of what it is in, and nothing silently.

use std::time::Duration;

use codex_sdk::types::{CommandExecParams, ThreadItem, TurnStatus};
use codex_sdk::{Codex, Error, Notification, RpcErrorKind};
use codex_testkit::Peer;
use codex_testkit::peer::shapes;
use serde_json::{Value, json};

use crate::support::{connect, connect_with, settle, start_thread, start_turn};

/// What would wait for ever fails.
const DEADLINE: Duration = Duration::from_secs(10);

/// Answers the next request with a line, in which `ID` stands for its id.
async fn answer(peer: &mut Peer, method: &str, line: &str) {
    let request = peer.expect_request(method).await;
    let line = line.replace("ID", &request.id.to_string()) + "\n";
    peer.raw(line).await;
}

async fn refused(line: &str) -> Error {
    let (codex, mut peer) = connect().await;
    // It has no deadline.
    let call = codex.request(CommandExecParams::new(vec!["ls".to_owned()]));
    let call = call.into_future();
    let both = async { tokio::join!(call, answer(&mut peer, "command/exec", line)) };
    let (reply, ()) = tokio::time::timeout(DEADLINE, both).await.unwrap();
    assert_eq!(codex.stats().requests_in_flight, 0, "{line}");
    reply.unwrap_err()
}

fn deep() -> String {
    "[".repeat(100_000) + &"]".repeat(100_000)
}

#[tokio::test]
async fn an_error_reply_of_any_shape_ends_its_request() {
    let deep = format!(
        r#"{{"error":{{"code":-32001,"message":"m","data":{}}},"id":ID}}"#,
        deep()
    );
    for (line, message, kind) in [
        (&*deep, "m", RpcErrorKind::ServerBusy),
        (
            r#"{"error":{"code":"busy","message":"m"},"id":ID}"#,
            "m",
            RpcErrorKind::Other,
        ),
        (r#"{"error":"no","id":ID}"#, "no", RpcErrorKind::Other),
        (
            r#"{"error":{"code":-32600,"message":null},"id":ID}"#,
            "an error without a readable message",
            RpcErrorKind::InvalidRequest,
        ),
        (
            r#"{"error":{"code":1e999,"message":"m"},"id":ID}"#,
            "m",
            RpcErrorKind::Other,
        ),
    ] {
        let error = refused(line).await;
        let rpc = error.rpc().unwrap();
        assert_eq!(
            (&*rpc.method, &*rpc.message, rpc.kind()),
            ("command/exec", message, kind)
        );
    }
}

#[tokio::test]
async fn a_reply_that_cant_be_parsed_ends_its_request() {
    for line in [
        r#"{"result":{"a":1,},"id":ID}"#,
        r#"{"id": ID ,"result":{"a":1,}}"#,
        r#"{"error":{"code":1,"message":"sk-SECRET"},,"id": ID }"#,
        r#"{"id":ID}"#,
        r#"{"id":ID,"result":1,"error":{"code":1,"message":"sk-SECRET"}}"#,
    ] {
        let error = refused(line).await;
        assert!(matches!(error, Error::Decode(_)), "{line}: {error:?}");
        assert!(!format!("{error:?}").contains("SECRET"), "{error:?}");
        assert!(format!("{error:?}").contains("`command/exec`"), "{error:?}");
    }
}

#[tokio::test]
async fn a_refusal_over_the_cap_ends_its_request() {
    let (codex, mut peer) = connect_with(Codex::builder().max_line_bytes(10_000)).await;
    let call = codex.request(CommandExecParams::new(vec!["ls".to_owned()]));
    let long = "x".repeat(200_000);
    let line = format!(r#"{{"error":{{"code":1,"message":"{long}"}},"id":ID}}"#);
    let serve = answer(&mut peer, "command/exec", &line);
    let both = async { tokio::join!(call.into_future(), serve) };
    let (reply, ()) = tokio::time::timeout(DEADLINE, both).await.unwrap();
    assert!(matches!(reply, Err(Error::LineTooLong { .. })), "{reply:?}");
}

#[tokio::test]
async fn a_turn_is_completed_with_an_item_that_cant_be_read() {
    let (codex, mut peer) = connect().await;
    let thread = start_thread(&codex, &mut peer, "t").await;
    let item = json!({ "type": "sleep", "id": "s", "durationMs": -1 });
    let lacking = json!({ "type": "plan", "id": "p" });
    let turn = start_turn(&thread, &mut peer, "1").await;
    let mut events = peer.turn("t", "1");
    events.started().await;
    events.item_completed(item.clone()).await;
    events
        .item_completed(shapes::agent_message("m", "done"))
        .await;
    events.completed("completed").await;
    let result = turn.run().await.unwrap();
    assert_eq!(result.status, TurnStatus::Completed);
    assert_eq!(result.final_response.as_deref(), Some("done"));
    assert_eq!(result.items[0], ThreadItem::Unrecognized(item));
    assert_eq!(codex.stats().unrecognized, 1);

    // Beside it something is wrong, too.
    let turn = start_turn(&thread, &mut peer, "2").await;
    let params = json!({ "threadId": "t", "turnId": "2", "item": lacking, "completedAtMs": "now" });
    peer.notify("item/completed", params).await;
    peer.turn("t", "2").play("done").await;
    let result = turn.run().await.unwrap();
    assert_eq!(result.items[0], ThreadItem::Unrecognized(lacking));
    assert_eq!(codex.stats().unrecognized, 2);
}

#[tokio::test]
async fn an_item_that_nests_too_deeply_is_kept_as_far_as_it_can_be() {
    let (codex, mut peer) = connect().await;
    let thread = start_thread(&codex, &mut peer, "t").await;
    let turn = start_turn(&thread, &mut peer, "1").await;
    let line = r#"{"method":"item/completed","params":{"threadId":"t","turnId":"1","completedAtMs":1,"item":{"type":"dance","id":"i","steps":DEEP}}}"#;
    peer.raw(line.replace("DEEP", &deep()) + "\n").await;
    peer.turn("t", "1").play("done").await;
    let result = turn.run().await.unwrap();
    assert_eq!(
        (result.items[0].tag(), result.items[0].id()),
        ("dance", Some("i"))
    );
    assert_eq!(result.final_response.as_deref(), Some("done"));
}

fn completed(turn: &Value) -> Value {
    json!({ "threadId": "t", "turn": turn })
}

#[tokio::test]
async fn the_end_of_a_turn_is_read_as_far_as_it_can_be() {
    let (codex, mut peer) = connect().await;
    let thread = start_thread(&codex, &mut peer, "t").await;
    let turn = start_turn(&thread, &mut peer, "1").await;
    let end = json!({ "id": "1", "items": [], "status": "completed", "durationMs": 1.5, "completedAt": 7 });
    peer.notify("turn/completed", completed(&end)).await;
    let result = turn.run().await.unwrap();
    assert_eq!(
        (result.status, result.completed_at),
        (TurnStatus::Completed, Some(7))
    );
    assert_eq!(result.duration_ms, None);

    let turn = start_turn(&thread, &mut peer, "2").await;
    let end = json!({ "id": "2", "items": [], "status": "failed", "error": { "message": "no credit", "additionalDetails": 5 } });
    peer.notify("turn/completed", completed(&end)).await;
    let error = turn.run().await.unwrap_err();
    assert!(matches!(error, Error::TurnFailed(_)), "{error:?}");
    assert!(error.to_string().contains("no credit"), "{error}");

    let turn = start_turn(&thread, &mut peer, "3").await;
    peer.notify(
        "turn/completed",
        completed(&json!({ "id": "3", "items": [] })),
    )
    .await;
    let error = turn.run().await.unwrap_err();
    assert!(matches!(error, Error::TurnIncomplete(_)), "{error:?}");
    assert!(
        !error.to_string().contains("without `turn/completed`"),
        "{error}"
    );
}

#[tokio::test]
async fn an_empty_message_after_the_answer_is_no_answer() {
    let (codex, mut peer) = connect().await;
    let thread = start_thread(&codex, &mut peer, "t").await;
    for (turn_id, texts, expected) in [
        ("1", ["the answer", ""], Some("the answer")),
        ("2", ["", " \n"], None),
    ] {
        let turn = start_turn(&thread, &mut peer, turn_id).await;
        for text in texts {
            let message = shapes::agent_message(text, text);
            peer.turn("t", turn_id).item_completed(message).await;
        }
        peer.turn("t", turn_id).completed("completed").await;
        let result = turn.run().await.unwrap();
        assert_eq!(result.final_response.as_deref(), expected);
        assert_eq!(result.items.len(), 2);
    }
}

#[tokio::test]
async fn a_page_goes_on_without_a_thread_that_cant_be_read() {
    let (codex, mut peer) = connect().await;
    let mut bad = shapes::thread("bad");
    bad["createdAt"] = json!("yesterday");
    let page = json!({ "data": [shapes::thread("a"), bad, shapes::thread("b")] });
    let call = codex.thread_list().into_future();
    let serve = async {
        let request = peer.expect_request("thread/list").await;
        peer.reply(&request.id, page).await;
    };
    let (list, ()) = tokio::join!(call, serve);
    let ids: Vec<_> = list.unwrap().data.into_iter().map(|it| it.id).collect();
    assert_eq!(ids, ["a", "b"]);
    assert_eq!(codex.stats().unrecognized, 1);
}

#[tokio::test]
async fn a_delta_that_is_no_text_costs_a_character() {
    let (codex, mut peer) = connect().await;
    let thread = start_thread(&codex, &mut peer, "t").await;
    let mut turn = start_turn(&thread, &mut peer, "1").await;
    let before = b"{\"method\":\"item/agentMessage/delta\",\"params\":{\"threadId\":\"t\",\"turnId\":\"1\",\"itemId\":\"i\",\"delta\":\"a";
    let (end, float) = (&b"b\"}}\n"[..], &b"b\"},\"emittedAtMs\":1.5}\n"[..]);
    for (middle, end, expected) in [
        (&b"\xff"[..], end, "a\u{fffd}b"),
        (b"\\ud800", end, "a\u{fffd}b"),
        (b"\x01", end, "a\u{1}b"),
        (b"", float, "ab"),
    ] {
        peer.raw([&before[..], middle, end].concat()).await;
        let event = turn.next().await.unwrap().unwrap();
        assert_eq!(event.text_delta(), Some(expected));
    }
    peer.turn("t", "1").play("fine").await;
    let result = turn.run().await.unwrap();
    assert_eq!(result.final_response.as_deref(), Some("fine"));
    assert_eq!(codex.stats().unrecognized, 4);
}

#[tokio::test]
async fn what_isnt_utf_8_is_called_so() {
    let (codex, mut peer) = connect().await;
    let mut all = codex.notifications();
    peer.raw(&b"{\"a\":\"\xff\"}\n"[..]).await;
    let error = all.next().await.unwrap().unwrap_err();
    assert!(error.to_string().contains("not valid UTF-8"), "{error}");
    // Nor is a request approved of which one sees only a part.
    let request = b"{\"id\":7,\"method\":\"item/commandExecution/requestApproval\",\"params\":{\"command\":\"\xff\"}}\n";
    peer.raw(&request[..]).await;
    let refusal = peer.expect_response(json!(7)).await.unwrap_err();
    assert!(
        refusal.to_string().contains("not valid UTF-8"),
        "{refusal:?}"
    );
}

#[tokio::test]
async fn a_notification_that_nests_too_deeply_ends_nothing() {
    let (codex, mut peer) = connect().await;
    let mut all = codex.notifications();
    peer.raw(format!(
        "{{\"method\":\"new/kind\",\"params\":{{\"a\":{}}}}}\n",
        deep()
    ))
    .await;
    let event = all.next().await.unwrap().unwrap();
    let Notification::Unrecognized { method, params } = event else {
        panic!("{event:?}")
    };
    assert!(method == "new/kind" && params["a"].is_array());
}

#[tokio::test]
async fn what_is_counted_of_an_unknown_notification_is_what_it_takes() {
    let (codex, mut peer) = connect().await;
    let unread = codex.notifications();
    peer.notify("new/kind", json!(vec![0; 10_000])).await;
    settle(&codex, &mut peer).await;
    // 20,000 bytes on the wire.
    assert!(codex.stats().queued_bytes > 300_000, "{:?}", codex.stats());
    drop(unread);
    assert_eq!(codex.stats().queued_bytes, 0);
}

#[tokio::test]
async fn no_value_of_a_reply_is_in_a_rendering_of_its_error() {
    for secret in [
        "sk-SECRET",
        "sk-SECRET at line 5",
        "`, expected \"sk-SECRET",
    ] {
        let (codex, mut peer) = connect().await;
        let call = codex
            .request(codex_sdk::types::ConfigReadParams::default())
            .into_future();
        let serve = async {
            let request = peer.expect_request("config/read").await;
            peer.reply(&request.id, json!({ "config": secret, "origins": {} }))
                .await;
        };
        let (reply, ()) = tokio::join!(call, serve);
        let error = reply.unwrap_err();
        let sources = std::iter::successors(std::error::Error::source(&error), |it| it.source());
        let sources: Vec<_> = sources.map(|it| format!("{it} {it:?}")).collect();
        let text = format!("{error} {error:?} {error:#?} {sources:?}");
        assert!(!text.contains("SECRET"), "{text}");
        assert!(text.contains("`config/read`: at `config`"), "{text}");
    }
}
