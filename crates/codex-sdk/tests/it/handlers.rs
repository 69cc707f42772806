//! Requests of the runtime that are answered too late, elsewhere, or not at all.

use std::sync::Mutex;

use codex_sdk::types::CommandExecutionApprovalDecision as Decision;
use codex_sdk::{Codex, CodexBuilder, HandlerResult, Tool};
use codex_testkit::Peer;
use codex_testkit::peer::shapes;
use serde_json::json;
use tokio::sync::oneshot;

use crate::support::{connect_with, idle, start_thread, start_turn};

const APPROVAL: &str = "item/commandExecution/requestApproval";

/// A client that decides once `decide` says so; `dropped` tells of a decision that was given up.
fn undecided() -> (
    CodexBuilder,
    oneshot::Sender<Decision>,
    oneshot::Receiver<()>,
) {
    let (decide, decision) = oneshot::channel();
    let (until, dropped) = oneshot::channel::<()>();
    let once = Mutex::new(Some((decision, until)));
    let builder = Codex::builder().on_command_approval(move |_, _| {
        let once = once.lock().unwrap().take();
        async move {
            let (decision, _until) = once.ok_or("it was asked twice")?;
            HandlerResult::Ok(decision.await?)
        }
    });
    (builder, decide, dropped)
}

async fn ask(peer: &mut Peer, id: i64) {
    let approval = shapes::command_approval("t", "turn", "item", "ls");
    peer.request(id, APPROVAL, approval).await;
}

/// Waits until a request of the runtime is with its handler.
async fn asked(codex: &Codex) {
    while codex.stats().server_requests_pending == 0 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn approval_that_is_resolved_elsewhere_is_given_up_and_not_answered() {
    let (builder, decide, dropped) = undecided();
    let (codex, mut peer) = connect_with(builder).await;
    ask(&mut peer, 7).await;
    asked(&codex).await;
    let resolved = json!({ "threadId": "t", "requestId": 7 });
    peer.notify("serverRequest/resolved", resolved).await;
    dropped.await.unwrap_err();
    assert!(decide.is_closed());
    // The next thing that the runtime hears is something else.
    ask(&mut peer, 8).await;
    let answer = peer.expect_response(8).await;
    assert_eq!(answer, Ok(json!({ "decision": "decline" })));
    assert_eq!(codex.stats().server_requests_pending, 0);
}

#[tokio::test]
async fn approval_that_outlives_its_turn_is_given_up() {
    let (builder, decide, dropped) = undecided();
    let (codex, mut peer) = connect_with(builder).await;
    let thread = start_thread(&codex, &mut peer, "t").await;
    let turn = start_turn(&thread, &mut peer, "turn").await;
    peer.turn("t", "turn").started().await;
    ask(&mut peer, 7).await;
    asked(&codex).await;
    peer.turn("t", "turn").completed("interrupted").await;
    turn.run().await.unwrap();
    dropped.await.unwrap_err();
    assert!(decide.is_closed());
    idle(&codex).await;
}

#[tokio::test]
async fn approval_is_answered_when_it_is_decided_and_the_item_is_at_hand() {
    let (decide, decision) = oneshot::channel();
    let once = Mutex::new(Some(decision));
    let builder = Codex::builder().on_command_approval(move |context, _| {
        let decision = once.lock().unwrap().take();
        async move {
            let item = context.item().ok_or("no item")?;
            assert_eq!(item.tag(), "commandExecution");
            assert_eq!(context.thread_id(), Some("t"));
            assert_eq!(context.turn_id(), Some("turn"));
            assert!(context.client().is_some());
            HandlerResult::Ok(decision.ok_or("asked twice")?.await?)
        }
    });
    let (codex, mut peer) = connect_with(builder).await;
    peer.turn("t", "turn").started().await;
    let item = shapes::command_execution("item", "ls", "inProgress");
    peer.turn("t", "turn").item_started(item).await;
    ask(&mut peer, 7).await;
    asked(&codex).await;
    // Minutes later, with everything else going on.
    peer.turn("other", "turn").play("Meanwhile.").await;
    decide.send(Decision::Accept).unwrap();
    let answer = peer.expect_response(7).await;
    assert_eq!(answer, Ok(json!({ "decision": "accept" })));
}

/// The tool holds what needs the router when it is dropped.
#[tokio::test]
async fn a_tool_may_hold_handles_that_go_with_it() {
    let (codex, mut peer) = connect_with(Codex::builder()).await;
    for ended_by in ["thread/closed", "close"] {
        let other = start_thread(&codex, &mut peer, "other").await;
        let held = Mutex::new(start_turn(&other, &mut peer, "turn").await);
        let run = move |_: serde_json::Value| {
            let held = held.lock().unwrap().id().to_owned();
            async move { Ok(held) }
        };
        let tool = Tool::new("held", "Holds a turn.", run);
        let start = tokio::spawn(codex.thread_start().tool(tool).into_future());
        let request = peer.expect_request("thread/start").await;
        peer.reply(&request.id, shapes::thread_start_response("t"))
            .await;
        drop(start.await.unwrap().unwrap());
        if ended_by == "close" {
            codex.close().await.unwrap();
        } else {
            let closed = json!({ "threadId": "t" });
            peer.notify(ended_by, closed).await;
            peer.turn("other", "turn").completed("completed").await;
        }
        idle(&codex).await;
    }
}

#[tokio::test]
async fn the_counters_tell_what_came_and_what_lies_unread() {
    let (codex, mut peer) = connect_with(Codex::builder()).await;
    let before = codex.stats();
    assert_eq!((before.notifications, before.queued_bytes), (0, 0));
    let mut events = codex.notifications();
    peer.notify("warning", json!({ "message": "careful" }))
        .await;
    peer.notify("warning", json!({ "no": "message" })).await;
    peer.notify("brand/new", json!({})).await;
    while codex.stats().notifications < 3 {
        tokio::task::yield_now().await;
    }
    let stats = codex.stats();
    assert_eq!(stats.unrecognized, 2);
    assert!(stats.queued_bytes > 100, "{stats:?}");
    events.next().await.unwrap().unwrap();
    let read = codex.stats().queued_bytes;
    assert!(read > 0 && read < stats.queued_bytes);
    drop(events);
    assert_eq!(codex.stats().queued_bytes, 0);
}
