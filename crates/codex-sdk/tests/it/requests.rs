//! Requests: replies, refusals, deadlines, limits; and the requests of the other side.

use std::time::Duration;

use codex_sdk::{CloseReason, Codex, Error, RpcErrorKind};
use codex_testkit::peer::shapes;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::refusals::refusals;
use crate::support::{begin, connect, connect_with, idle, settle};

#[tokio::test]
async fn parity_94_98_replies_in_another_order_find_their_callers() {
    let (codex, mut peer) = connect().await;
    let one = begin(codex.request_raw("one", json!({})).into_future()).await;
    let two = begin(codex.request_raw("two", json!({})).into_future()).await;
    let first = peer.expect_request("one").await;
    let second = peer.expect_request("two").await;
    peer.reply(&second.id, json!(2)).await;
    peer.reply(&first.id, json!(1)).await;
    assert_eq!(
        (one.await.unwrap(), two.await.unwrap()),
        (json!(1), json!(2))
    );
}

#[tokio::test]
async fn parity_129_a_refusal_has_its_kind() {
    let busy = json!({ "nested": [{ "codexErrorInfo": "serverOverloaded" }] });
    let table = [
        (-32700, "parse", Value::Null, RpcErrorKind::ParseError),
        (-32600, "request", Value::Null, RpcErrorKind::InvalidRequest),
        (-32601, "method", Value::Null, RpcErrorKind::MethodNotFound),
        (
            -32602,
            "params",
            json!({ "max": 1 }),
            RpcErrorKind::InvalidParams,
        ),
        (-32603, "internal", Value::Null, RpcErrorKind::Internal),
        (
            -32001,
            "Server overloaded; retry later.",
            Value::Null,
            RpcErrorKind::ServerBusy,
        ),
        (-32050, "busy", busy, RpcErrorKind::ServerBusy),
        (
            -32001,
            "retry limit exceeded",
            Value::Null,
            RpcErrorKind::RetryLimitExceeded,
        ),
        (-32050, "something", Value::Null, RpcErrorKind::Other),
        (7, "something", Value::Null, RpcErrorKind::Other),
    ];
    let (codex, mut peer) = connect().await;
    for (code, message, data, kind) in table {
        let call = begin(codex.request_raw("any", json!({})).into_future()).await;
        let request = peer.expect_request("any").await;
        let sent = Some(data.clone()).filter(|data| !data.is_null());
        peer.reply_error(&request.id, code, message, sent.clone())
            .await;
        let error = call.await.unwrap_err();
        let rpc = error.rpc().unwrap();
        assert_eq!(
            (rpc.code, rpc.message.as_str(), &rpc.data),
            (code, message, &sent)
        );
        assert_eq!((rpc.kind(), rpc.method.as_str()), (kind, "any"));
        assert_eq!(error.is_retryable(), kind == RpcErrorKind::ServerBusy);
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_that_is_never_answered_meets_its_deadline() {
    let (codex, mut peer) = connect().await;
    let request = codex.request_raw("never", json!({}));
    let error = request.timeout(Duration::from_secs(5)).await.unwrap_err();
    assert!(error.is_timeout());
    assert!(matches!(error, Error::Timeout { after, .. } if after == Duration::from_secs(5)));
    idle(&codex).await;

    // Its late reply harms nobody.
    let late = peer.expect_request("never").await;
    peer.reply(&late.id, json!(1)).await;
    let next = begin(codex.request_raw("next", json!({})).into_future()).await;
    let request = peer.expect_request("next").await;
    peer.reply(&request.id, json!(2)).await;
    assert_eq!(next.await.unwrap(), json!(2));
}

#[tokio::test(start_paused = true)]
async fn a_deadline_is_the_requests_own_or_the_clients_and_an_interrupt_has_10_s() {
    let five = Duration::from_secs(5);
    let builder = Codex::builder().request_timeout(five);
    for (builder, method, own, expected) in [
        (Codex::builder(), "any", None, 60),
        (Codex::builder(), "turn/interrupt", None, 10),
        (Codex::builder(), "any", Some(five), 5),
        (builder.clone(), "any", None, 5),
        (builder, "turn/interrupt", None, 5),
    ] {
        let (codex, _peer) = connect_with(builder).await;
        let mut request = codex.request_raw(method, json!({}));
        if let Some(own) = own {
            request = request.timeout(own);
        }
        let begun = Instant::now();
        let error = request.await.unwrap_err();
        assert!(error.is_timeout(), "{error:?}");
        assert_eq!(begun.elapsed().as_secs(), expected, "{method}");
    }
}

#[tokio::test]
async fn parity_s6_at_most_64_requests_are_in_flight_but_control_gets_through() {
    let (codex, mut peer) = connect().await;
    let mut calls = Vec::new();
    for _ in 0..64 {
        calls.push(begin(codex.request_raw("wait", json!({})).into_future()).await);
    }
    let further = begin(codex.request_raw("further", json!({})).into_future()).await;
    let interrupt = codex.request_raw("turn/interrupt", json!({}));
    let _interrupt = begin(interrupt.into_future()).await;
    let mut ids = Vec::new();
    for _ in 0..64 {
        ids.push(peer.expect_request("wait").await.id);
    }
    peer.expect_request("turn/interrupt").await;
    assert_eq!(codex.stats().requests_in_flight, 65);
    peer.reply(&ids[9], json!("done")).await;
    let serve = async {
        let request = peer.expect_request("further").await;
        peer.reply(&request.id, json!("at last")).await;
    };
    let (further, ()) = tokio::join!(further, serve);
    assert_eq!(further.unwrap(), json!("at last"));
}

#[tokio::test]
async fn parity_91_a_request_dropped_while_it_waits_for_a_place_sends_nothing() {
    let (codex, mut peer) = connect().await;
    let (mut calls, mut ids) = (Vec::new(), Vec::new());
    for _ in 0..64 {
        calls.push(begin(codex.request_raw("wait", json!({})).into_future()).await);
        ids.push(peer.expect_request("wait").await.id);
    }
    drop(begin(codex.request_raw("dropped", json!({})).into_future()).await);
    for id in &ids {
        peer.reply(id, json!({})).await;
    }
    for call in calls {
        call.await.unwrap();
    }
    // Nothing else comes before this.
    settle(&codex, &mut peer).await;
    idle(&codex).await;
}

#[tokio::test]
async fn parity_s8_a_server_request_is_answered_however_many_requests_are_in_flight() {
    let (codex, mut peer) = connect().await;
    let mut calls = Vec::new();
    for _ in 0..65 {
        calls.push(begin(codex.request_raw("wait", json!({})).into_future()).await);
    }
    for _ in 0..64 {
        peer.expect_request("wait").await;
    }
    let approval = shapes::command_approval("t", "1", "i", "ls");
    peer.request(7, "item/commandExecution/requestApproval", approval)
        .await;
    let answer = peer.expect_response(7).await;
    assert_eq!(answer, Ok(json!({ "decision": "decline" })));
}

#[tokio::test(start_paused = true)]
async fn parity_s7_a_deadline_isnt_moved_by_what_else_comes() {
    let (codex, mut peer) = connect().await;
    let begun = tokio::time::Instant::now();
    let request = codex.request_raw("never", json!({}));
    let request = begin(request.timeout(Duration::from_secs(5)).into_future()).await;
    for _ in 0..4 {
        tokio::time::advance(Duration::from_secs(1)).await;
        peer.notify("warning", json!({ "message": "busy" })).await;
    }
    assert!(request.await.unwrap_err().is_timeout());
    assert_eq!(begun.elapsed().as_secs(), 5);
}

#[tokio::test(start_paused = true)]
async fn a_request_whose_caller_left_keeps_its_place_until_its_deadline() {
    let (codex, mut peer) = connect().await;
    let request = codex
        .request_raw("left", json!({}))
        .timeout(Duration::from_secs(5));
    drop(begin(request.into_future()).await);
    peer.expect_request("left").await;
    assert_eq!(codex.stats().requests_in_flight, 1);
    tokio::time::sleep(Duration::from_secs(6)).await;
    idle(&codex).await;
}

#[tokio::test]
async fn parity_134_every_server_request_is_answered_with_its_own_refusal() {
    let (codex, mut peer) = connect().await;
    for (method, params, expected) in refusals() {
        peer.request(method, method, params).await;
        assert_eq!(peer.expect_response(method).await, Ok(expected), "{method}");
    }
    let call =
        json!({ "threadId": "t", "turnId": "1", "callId": "c", "tool": "t", "arguments": {} });
    peer.request(1, "item/tool/call", call).await;
    let answer = peer.expect_response(1).await.unwrap();
    assert_eq!(answer["success"], false);
    peer.request(2, "currentTime/read", json!({ "threadId": "t" }))
        .await;
    let time = peer.expect_response(2).await.unwrap()["currentTimeAt"]
        .as_u64()
        .unwrap();
    let now = std::time::SystemTime::UNIX_EPOCH
        .elapsed()
        .unwrap()
        .as_secs();
    assert!(now - time < 60);
    let refresh = json!({ "reason": "unauthorized" });
    for (method, params) in [
        ("account/chatgptAuthTokens/refresh", refresh),
        ("attestation/generate", json!({})),
        ("brand/new", json!({})),
        (
            "item/fileChange/requestApproval",
            json!({ "malformed": true }),
        ),
    ] {
        peer.request("x", method, params).await;
        let refusal = peer.expect_response("x").await;
        assert!(refusal.is_err(), "{method}: {refusal:?}");
    }
    drop(codex);
}

#[tokio::test]
async fn a_deadline_that_is_too_far_away_is_none() {
    let builder = Codex::builder().startup_timeout(Duration::MAX);
    let (codex, mut peer) = connect_with(builder.request_timeout(Duration::MAX)).await;
    let call = codex.request_raw("any", json!({})).timeout(Duration::MAX);
    let call = begin(call.into_future()).await;
    let request = peer.expect_request("any").await;
    peer.reply(&request.id, json!(1)).await;
    assert_eq!(call.await.unwrap(), json!(1));
}

#[tokio::test]
async fn a_closed_client_says_so_to_every_call_and_may_be_closed_again() {
    let (codex, mut peer) = connect().await;
    let waiting = begin(codex.request_raw("wait", json!({})).into_future()).await;
    peer.expect_request("wait").await;
    let clone = codex.clone();
    codex.close().await.unwrap();
    for call in [waiting, clone.request_raw("late", json!({})).into_future()] {
        let error = call.await.unwrap_err();
        assert_eq!(error.closed().unwrap().reason, CloseReason::Requested);
    }
    clone.close().await.unwrap();
    peer.expect_eof().await;
}
