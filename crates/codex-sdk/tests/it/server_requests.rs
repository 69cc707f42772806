//! Requests of the runtime that are asked again, too late, or without an end.

use std::future::pending;
use std::sync::{Arc, Mutex};

use codex_sdk::types::CommandExecutionApprovalDecision as Decision;
use codex_sdk::{BoxError, CloseReason, Codex, HandlerResult};
use codex_testkit::Peer;
use codex_testkit::peer::shapes;
use serde_json::{Value, json};

use crate::panicking_log::Panicking;
use crate::support::{connect_with, settle, start_thread, start_turn};

const APPROVAL: &str = "item/commandExecution/requestApproval";

/// What a handler was told: the thread, its parent, and whether it is a replay.
type Seen = Arc<Mutex<Vec<(Option<String>, Option<String>, bool)>>>;

/// A client that accepts, and notes what it was asked.
async fn accepting() -> (Codex, Peer, Seen) {
    let seen = Seen::default();
    let notes = Arc::clone(&seen);
    let builder = Codex::builder().on_command_approval(move |context, _| {
        let text = |part: Option<&str>| part.map(str::to_owned);
        let thread = (text(context.thread_id()), text(context.parent_thread_id()));
        notes
            .lock()
            .unwrap()
            .push((thread.0, thread.1, context.is_replay()));
        async { HandlerResult::Ok(Decision::Accept) }
    });
    let (codex, peer) = connect_with(builder).await;
    (codex, peer, seen)
}

async fn ask(peer: &mut Peer, id: i64, thread_id: &str, turn_id: &str) {
    let approval = shapes::command_approval(thread_id, turn_id, "item", "ls");
    peer.request(id, APPROVAL, approval).await;
}

fn accepted() -> Value {
    json!({ "decision": "accept" })
}

#[tokio::test]
async fn a_request_that_is_asked_again_has_the_same_answer_and_one_handler() {
    let (codex, mut peer, seen) = accepting().await;
    let thread = start_thread(&codex, &mut peer, "t").await;
    let turn = start_turn(&thread, &mut peer, "turn").await;
    peer.turn("t", "turn").started().await;
    for _ in 0..3 {
        ask(&mut peer, 7, "t", "turn").await;
        assert_eq!(peer.expect_response(7).await, Ok(accepted()));
    }
    assert_eq!(*seen.lock().unwrap(), [(Some("t".to_owned()), None, false)]);
    peer.turn("t", "turn").completed("completed").await;
    turn.run().await.unwrap();
    settle(&codex, &mut peer).await;
    assert_eq!(codex.stats().server_requests_pending, 0);
}

#[tokio::test]
async fn a_request_of_a_turn_that_began_unseen_is_a_replay() {
    let (_codex, mut peer, seen) = accepting().await;
    ask(&mut peer, 7, "t", "turn").await;
    assert_eq!(peer.expect_response(7).await, Ok(accepted()));
    assert_eq!(*seen.lock().unwrap(), [(Some("t".to_owned()), None, true)]);
}

#[tokio::test]
async fn a_request_of_a_sub_agent_names_its_parent() {
    let (codex, mut peer, seen) = accepting().await;
    let mut child = shapes::thread("child");
    child["parentThreadId"] = json!("t");
    peer.notify("thread/started", json!({ "thread": child }))
        .await;
    peer.turn("child", "turn").started().await;
    settle(&codex, &mut peer).await;
    ask(&mut peer, 7, "child", "turn").await;
    assert_eq!(peer.expect_response(7).await, Ok(accepted()));
    let names = (Some("child".to_owned()), Some("t".to_owned()), false);
    assert_eq!(*seen.lock().unwrap(), [names]);
}

#[tokio::test]
async fn a_request_of_a_sub_agent_of_a_sub_agent_names_the_thread_that_it_began_with() {
    let (builder, mut requests) = Codex::builder().server_requests();
    let (codex, mut peer) = connect_with(builder).await;
    for (id, parent) in [("child", "t"), ("grandchild", "child")] {
        let mut thread = shapes::thread(id);
        thread["parentThreadId"] = json!(parent);
        peer.notify("thread/started", json!({ "thread": thread }))
            .await;
    }
    settle(&codex, &mut peer).await;
    for (id, thread_id) in ["t", "child", "grandchild"].into_iter().enumerate() {
        peer.turn(thread_id, "turn").started().await;
        ask(&mut peer, id.try_into().unwrap(), thread_id, "turn").await;
        let request = requests.next().await.unwrap();
        assert_eq!(request.context.thread_id(), Some(thread_id));
        assert_eq!(request.context.root_thread_id(), Some("t"));
    }
}

#[tokio::test]
async fn requests_of_a_turn_that_has_ended_are_refused_without_asking_anybody() {
    let (codex, mut peer, seen) = accepting().await;
    let thread = start_thread(&codex, &mut peer, "t").await;
    let turn = start_turn(&thread, &mut peer, "turn").await;
    peer.turn("t", "turn").started().await;
    peer.turn("t", "turn").completed("completed").await;
    turn.run().await.unwrap();
    ask(&mut peer, 7, "t", "turn").await;
    let declined = Ok(json!({ "decision": "decline" }));
    assert_eq!(peer.expect_response(7).await, declined);
    assert_eq!(*seen.lock().unwrap(), []);
    assert_eq!(codex.stats().server_requests_pending, 0);
}

#[tokio::test]
async fn requests_of_earlier_turns_and_of_one_whose_end_was_unreadable_are_refused_too() {
    let (codex, mut peer, seen) = accepting().await;
    for turn in ["1", "2"] {
        peer.turn("t", turn).started().await;
        peer.turn("t", turn).completed("completed").await;
    }
    peer.turn("t", "3").started().await;
    let end = r#"{"method":"turn/completed","params":{"threadId":"t","turn":{"id":"3","items":["#;
    peer.raw(format!("{end}\n")).await;
    settle(&codex, &mut peer).await;
    let declined = Ok(json!({ "decision": "decline" }));
    for (id, turn) in ["1", "2", "3"].into_iter().enumerate() {
        ask(&mut peer, id.try_into().unwrap(), "t", turn).await;
        let answer = peer.expect_response(id).await;
        assert_eq!(answer, declined, "{turn}");
    }
    assert_eq!(*seen.lock().unwrap(), []);
}

/// Says something that can't be said.
#[derive(Debug)]
struct Unspeakable;

impl std::fmt::Display for Unspeakable {
    fn fmt(&self, _: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        panic!("these are its words")
    }
}

impl std::error::Error for Unspeakable {}

/// On one thread, so that its subscriber reads what all tasks log.
#[tokio::test(flavor = "current_thread")]
async fn neither_an_error_nor_a_log_that_panics_keeps_a_request_unanswered() {
    let fails = || async { HandlerResult::<Decision>::Err("no".into()) };
    let says = || async { HandlerResult::<Decision>::Err(BoxError::from(Unspeakable)) };
    let panics = || async { panic!("a handler that panics") };
    let (failed, panicked) = ("a handler failed: refused", "a handler panicked: refused");
    refuses(says, Panicking::at("nothing"), 0).await;
    refuses(says, Panicking::at(panicked), 1).await;
    refuses(fails, Panicking::at(failed), 1).await;
    refuses(panics, Panicking::at(panicked), 1).await;
}

/// Asks for a command, and counts the panics of the log.
async fn refuses<A>(decide: impl Fn() -> A + Send + Sync + 'static, log: Panicking, panics: usize)
where
    A: Future<Output = HandlerResult<Decision>> + Send + 'static,
{
    let _guards = log.listen();
    let builder = Codex::builder().on_command_approval(move |_, _| decide());
    let (_codex, mut peer) = connect_with(builder).await;
    ask(&mut peer, 7, "t", "turn").await;
    let declined = Ok(json!({ "decision": "decline" }));
    assert_eq!(peer.expect_response(7).await, declined);
    assert_eq!(log.count(), panics);
}

#[tokio::test]
async fn a_runtime_that_asks_without_end_and_reads_no_answers_is_given_up() {
    let builder = Codex::builder().on_command_approval(|_, _| pending::<HandlerResult<Decision>>());
    let (codex, mut peer) = connect_with(builder).await;
    let mut events = codex.notifications();
    for id in 0..4200 {
        ask(&mut peer, id, "t", &format!("turn {id}")).await;
    }
    let mut reason = None;
    while let Some(event) = events.next().await {
        reason = event
            .err()
            .and_then(|error| Some(error.closed()?.reason.clone()));
    }
    assert_eq!(reason, Some(CloseReason::Ignored));
}
