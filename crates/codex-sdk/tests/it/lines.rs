//! Lines that are too long, no messages, or no lines.

use std::time::Duration;

use codex_sdk::{CloseReason, Codex, Error, Notification};
use codex_testkit::peer::shapes;
use serde_json::json;

use crate::support::{begin, connect, connect_with, settle, start_thread, start_turn};

#[tokio::test]
async fn a_line_of_8_mb_arrives_whole() {
    let (codex, mut peer) = connect().await;
    let thread = start_thread(&codex, &mut peer, "t").await;
    let mut turn = start_turn(&thread, &mut peer, "1").await;
    let text = "x".repeat(8 * 1024 * 1024);
    let send = async {
        peer.turn("t", "1").delta("i", &text).await;
        peer.turn("t", "1").completed("completed").await;
    };
    let receive = async {
        let event = turn.next().await.unwrap().unwrap();
        assert_eq!(event.text_delta().unwrap().len(), text.len());
        turn.run().await.unwrap();
    };
    tokio::join!(send, receive);
}

#[tokio::test]
async fn parity_s4_a_line_over_the_cap_ends_the_turn_that_it_was_for_and_no_other() {
    let (codex, mut peer) = connect_with(Codex::builder().max_line_bytes(10_000)).await;
    let thread = start_thread(&codex, &mut peer, "t").await;
    let other = start_thread(&codex, &mut peer, "u").await;
    let mut turn = start_turn(&thread, &mut peer, "1").await;
    let other = start_turn(&other, &mut peer, "1").await;
    let serve = async {
        peer.turn("t", "1").delta("i", &"x".repeat(100_000)).await;
        peer.turn("u", "1").play("short").await;
    };
    let listen = async {
        let error = turn.next().await.unwrap().unwrap_err();
        assert!(
            matches!(error, Error::LineTooLong { limit: 10_000, .. }),
            "{error:?}"
        );
        assert!(error.to_string().contains("max_line_bytes"), "{error}");
        assert!(turn.next().await.is_none());
        let incomplete = turn.run().await.unwrap_err();
        assert!(
            matches!(incomplete, Error::TurnIncomplete(_)),
            "{incomplete:?}"
        );
        let result = other.run().await.unwrap();
        assert_eq!(result.final_response.as_deref(), Some("short"));
    };
    tokio::join!(serve, listen);
}

#[tokio::test]
async fn a_reply_over_the_cap_is_an_error_of_its_request() {
    let (codex, mut peer) = connect_with(Codex::builder().max_line_bytes(10_000)).await;
    let call = codex.request_raw("long", json!({})).into_future();
    let serve = async {
        let request = peer.expect_request("long").await;
        peer.reply(&request.id, json!("x".repeat(100_000))).await;
    };
    let (reply, ()) = tokio::join!(call, serve);
    assert!(matches!(reply, Err(Error::LineTooLong { .. })), "{reply:?}");
    assert_eq!(codex.stats().requests_in_flight, 0);
}

#[tokio::test]
async fn parity_132_lines_that_are_no_messages_are_reported_and_skipped() {
    let (codex, mut peer) = connect().await;
    let mut all = codex.notifications();
    let thread = start_thread(&codex, &mut peer, "t").await;
    let turn = start_turn(&thread, &mut peer, "1").await;
    for garbage in [
        &b"not json\n"[..],
        b"\n",
        b"{\"a\":\"\xff\xfe\"}\n",
        b"[]\n",
        b"17\n",
    ] {
        peer.raw(garbage).await;
        let error = all.next().await.unwrap().unwrap_err();
        assert!(matches!(error, Error::MalformedLine { .. }), "{error:?}");
    }
    peer.turn("t", "1").play("still here").await;
    let result = turn.run().await.unwrap();
    assert_eq!(result.final_response.as_deref(), Some("still here"));
    peer.notify("warning", json!({ "message": "heard" })).await;
    assert_eq!(all.next().await.unwrap().unwrap().method(), "warning");
}

#[tokio::test]
async fn half_a_line_and_then_the_end_reaches_every_waiter() {
    let (codex, mut peer) = connect().await;
    let mut all = codex.notifications();
    let thread = start_thread(&codex, &mut peer, "t").await;
    let turn = start_turn(&thread, &mut peer, "1").await;
    let request = begin(codex.request_raw("never/answered", json!({})).into_future()).await;
    peer.raw(&b"{\"method\":\"turn/comp"[..]).await;
    peer.close().await;

    let of_turn = turn.run().await.unwrap_err();
    assert!(matches!(of_turn, Error::TurnIncomplete(_)), "{of_turn:?}");
    assert!(
        of_turn.to_string().contains("without `turn/completed`"),
        "{of_turn}"
    );
    let of_request = request.await.unwrap_err();
    let of_stream = all.next().await.unwrap().unwrap_err();
    let later = codex.request_raw("too/late", json!({})).await.unwrap_err();
    for error in [of_turn, of_request, of_stream, later] {
        let closed = error.closed().unwrap();
        assert_eq!(closed.reason, CloseReason::EndedInLine { bytes: 20 });
    }
    assert!(all.next().await.is_none());
    codex.close().await.unwrap();
}

#[tokio::test]
async fn parity_120_and_121_what_cant_be_decoded_stays_readable() {
    let (codex, mut peer) = connect().await;
    let thread = start_thread(&codex, &mut peer, "t").await;
    let mut turn = start_turn(&thread, &mut peer, "1").await;
    let unknown = json!({ "threadId": "t", "turnId": "1", "new": [1] });
    peer.notify("brand/new", unknown.clone()).await;
    let malformed = json!({ "threadId": "t", "turnId": "1", "delta": 5, "itemId": "i" });
    peer.notify("item/agentMessage/delta", malformed.clone())
        .await;
    peer.turn("t", "1").play("fine").await;
    for expected in [
        ("brand/new", unknown),
        ("item/agentMessage/delta", malformed),
    ] {
        let event = turn.next().await.unwrap().unwrap();
        let Notification::Unrecognized { method, params } = event else {
            panic!("{event:?}");
        };
        assert_eq!((method.as_str(), params), expected);
    }
    turn.run().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn parity_s6_a_slow_reader_loses_its_own_subscription_only() {
    let (codex, mut peer) = connect_with(Codex::builder().subscription_budget(50_000)).await;
    let mut ignored = codex.notifications();
    let thread = start_thread(&codex, &mut peer, "t").await;
    let turn = start_turn(&thread, &mut peer, "1").await;
    let message = "x".repeat(1000);
    for _ in 0..100 {
        peer.notify("warning", json!({ "message": message })).await;
    }
    peer.turn("t", "1").play("on time").await;
    let result = turn.run().await.unwrap();
    assert_eq!(result.final_response.as_deref(), Some("on time"));
    let mut read = 0;
    let error = loop {
        match ignored.next().await.unwrap() {
            Ok(_) => read += 1,
            Err(error) => break error,
        }
    };
    assert!(
        matches!(error, Error::Lagged { budget: 50_000, .. }),
        "{error:?}"
    );
    // Each takes more than its 1000 bytes.
    assert!((30..50).contains(&read), "{read}");
    assert!(ignored.next().await.is_none());
}

#[tokio::test]
async fn parity_71_a_connection_that_ends_in_a_turn_says_so_with_what_had_come() {
    let (codex, mut peer) = connect().await;
    let thread = start_thread(&codex, &mut peer, "t").await;
    let turn = start_turn(&thread, &mut peer, "1").await;
    peer.turn("t", "1").started().await;
    peer.turn("t", "1")
        .item_completed(shapes::agent_message("i", "so far"))
        .await;
    peer.close().await;
    let error = tokio::time::timeout(Duration::from_secs(5), turn.run().into_future());
    let error = error.await.unwrap().unwrap_err();
    assert!(error.is_closed());
    let partial = error.partial_result().unwrap();
    assert_eq!(partial.final_response.as_deref(), Some("so far"));
}

#[tokio::test]
async fn malformed_lines_count_against_the_budget_of_a_stream() {
    let (codex, mut peer) = connect_with(Codex::builder().subscription_budget(1000)).await;
    let mut unread = codex.notifications();
    for _ in 0..100 {
        peer.raw(&b"a log line that doesn't belong here\n"[..])
            .await;
    }
    settle(&codex, &mut peer).await;
    let mut seen = 0;
    loop {
        match unread.next().await.unwrap().unwrap_err() {
            Error::MalformedLine { .. } => seen += 1,
            error => break assert!(matches!(error, Error::Lagged { .. }), "{error:?}"),
        }
    }
    assert!(seen < 100, "{seen}");
    assert!(unread.next().await.is_none());
}

#[tokio::test]
async fn a_line_over_the_cap_for_a_thread_reaches_the_streams_of_that_thread() {
    let (codex, mut peer) = connect_with(Codex::builder().max_line_bytes(10_000)).await;
    let thread = start_thread(&codex, &mut peer, "t").await;
    let other = start_thread(&codex, &mut peer, "u").await;
    let (mut of_thread, mut of_other) = (thread.notifications(), other.notifications());
    let long = json!({ "threadId": "t", "message": "x".repeat(100_000) });
    peer.notify("warning", long).await;
    peer.notify("warning", json!({ "threadId": "u", "message": "short" }))
        .await;
    let error = of_thread.next().await.unwrap().unwrap_err();
    assert!(matches!(error, Error::LineTooLong { .. }), "{error:?}");
    assert_eq!(of_other.next().await.unwrap().unwrap().method(), "warning");
}

#[tokio::test]
async fn a_server_request_over_the_cap_is_refused_and_no_request_of_ours_is_mistaken_for_it() {
    let (codex, mut peer) = connect_with(Codex::builder().max_line_bytes(10_000)).await;
    let ours = begin(codex.request_raw("ours", json!({})).into_future()).await;
    let request = peer.expect_request("ours").await;
    let long = "x".repeat(100_000);
    let line = format!(
        "{{\"method\":\"item/tool/call\",\"id\":{},\"params\":{{\"text\":\"{long}\"}}}}\n",
        request.id
    );
    peer.raw(line).await;
    assert!(peer.expect_response(request.id.clone()).await.is_err());
    peer.reply(&request.id, json!("answered")).await;
    assert_eq!(ours.await.unwrap(), json!("answered"));
}

#[tokio::test]
async fn a_message_that_is_damaged_is_not_quoted() {
    let (codex, mut peer) = connect().await;
    let mut all = codex.notifications();
    peer.raw(&b"{\"token\":\"sk-secret\"}\n"[..]).await;
    let error = all.next().await.unwrap().unwrap_err();
    assert!(
        !format!("{error} {error:?}").contains("secret"),
        "{error:?}"
    );
}

#[tokio::test]
async fn an_end_is_told_as_it_was_also_to_those_who_come_later() {
    let (codex, mut peer) = connect().await;
    peer.close().await;
    let error = codex.request_raw("late", json!({})).await.unwrap_err();
    assert_eq!(error.closed().unwrap().reason, CloseReason::Ended);
}
