//! Turns that outlive their client: detached in the middle, and attached to by another one.
//!
//! Each is done a few times; `E2E_ROUNDS` says how often.

use std::env;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use codex_e2e::{Stage, idle, is_usable, next_text};
use codex_sdk::types::{
    CommandExecutionApprovalDecision, CommandExecutionStatus, ServerRequest, ThreadItem, TurnStatus,
};
use codex_sdk::{
    ApprovalMode, Codex, CodexBuilder, Error, Notification, PendingRequest, Server, ServerRequests,
    Tool, TurnHandle, TurnResult, TurnTicket, schemars,
};
use codex_testkit::{Gate, Reply};
use tokio::time::timeout;

const LONG: Duration = Duration::from_secs(60);

fn rounds() -> usize {
    let rounds = env::var("E2E_ROUNDS").ok();
    rounds.map_or(2, |rounds| rounds.parse().unwrap())
}

pub(crate) async fn served() -> (Stage, Server) {
    let stage = Stage::new().await.unwrap();
    let server = stage.server().await.unwrap();
    (stage, server)
}

async fn finish(turn: TurnHandle) -> TurnResult {
    timeout(LONG, turn.run()).await.unwrap().unwrap()
}

pub(crate) fn commands(result: &TurnResult) -> Vec<&CommandExecutionStatus> {
    let commands = result.items.iter().filter_map(|item| match item {
        ThreadItem::CommandExecution(it) => Some(&it.status),
        _ => None,
    });
    commands.collect()
}

/// A ticket as another program would read it.
fn passed_on(ticket: &TurnTicket) -> TurnTicket {
    serde_json::from_str(&serde_json::to_string(ticket).unwrap()).unwrap()
}

#[codex_e2e_macros::test]
async fn attach_in_the_middle_of_a_message_misses_nothing_and_tells_nothing_twice() {
    let (stage, server) = served().await;
    for _ in 0..rounds() {
        let gate = Gate::new();
        stage
            .model
            .push(Reply::deltas(["so", "ur", "ce"]).gate_at(4, &gate));
        let codex = server.connect().await.unwrap();
        let thread = codex.thread_start().await.unwrap();
        let mut turn = thread.turn("go").await.unwrap();
        let first = timeout(LONG, next_text(&mut turn)).await.unwrap().unwrap();
        let ticket = turn.detach();
        drop((thread, codex));

        let codex = server.connect().await.unwrap();
        let mut turn = codex.attach(passed_on(&ticket)).await.unwrap();
        assert_eq!(
            (turn.thread_id(), turn.id()),
            (&*ticket.thread_id, &*ticket.turn_id)
        );
        gate.release();
        let mut text = first;
        let mut items = Vec::new();
        while let Some(event) = timeout(LONG, turn.next()).await.unwrap() {
            let event = event.unwrap();
            text.push_str(event.text_delta().unwrap_or_default());
            if let Notification::ItemCompleted(it) = &event {
                items.push(it.item.id().unwrap().to_owned());
            }
        }
        assert_eq!(text, "source");
        assert_eq!(items.len(), 2, "the input and the answer: {items:?}");
        let result = finish(turn).await;
        assert_eq!(result.final_response.as_deref(), Some("source"));
        assert_eq!(result.status, TurnStatus::Completed);
        assert_eq!(result.items.len(), 2);
        idle(&codex).await;
        assert!(result.turn_usage().is_none());
    }
}

#[codex_e2e_macros::test]
async fn attach_to_a_turn_whose_client_left_as_soon_as_it_was_started() {
    let (stage, server) = served().await;
    for _ in 0..rounds() {
        let gate = Gate::new();
        stage.model.push(Reply::text("done").gate(&gate));
        let codex = server.connect().await.unwrap();
        let thread = codex.thread_start().await.unwrap();
        let ticket = thread.turn("go").await.unwrap().detach();
        drop((thread, codex));
        timeout(LONG, gate.reached()).await.unwrap();

        let codex = server.connect().await.unwrap();
        let turn = codex.attach(ticket).await.unwrap();
        gate.release();
        let result = finish(turn).await;
        assert_eq!(result.status, TurnStatus::Completed);
        assert_eq!(result.final_response.as_deref(), Some("done"));
        idle(&codex).await;
    }
}

#[codex_e2e_macros::test]
async fn attach_in_the_middle_of_a_command_lets_it_run_once() {
    let (stage, server) = served().await;
    for round in 0..rounds() {
        let folder = stage.home.workspace().join(round.to_string());
        std::fs::create_dir(&folder).unwrap();
        let command =
            "echo begun >> log; while [ ! -e go ]; do sleep 0.02; done; echo ended >> log";
        let arguments = serde_json::json!({ "cmd": command, "workdir": folder }).to_string();
        stage
            .model
            .push(Reply::function_call("exec_command", arguments));
        stage.model.push(Reply::text("Done."));
        let codex = server.connect().await.unwrap();
        let thread = codex.thread_start().await.unwrap();
        let turn = thread.turn("go").await.unwrap();
        let asked = async {
            while !folder.join("log").exists() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        timeout(LONG, asked).await.unwrap();
        let ticket = turn.detach();
        codex.close().await.unwrap();

        let codex = server.connect().await.unwrap();
        let turn = codex.attach(ticket).await.unwrap();
        std::fs::write(folder.join("go"), "").unwrap();
        let result = finish(turn).await;
        assert_eq!(result.final_response.as_deref(), Some("Done."));
        assert_eq!(commands(&result), [&CommandExecutionStatus::Completed]);
        assert_eq!(log(&folder), "begun\nended\n");
        idle(&codex).await;
    }
}

fn log(folder: &Path) -> String {
    std::fs::read_to_string(folder.join("log")).unwrap()
}

/// The model asks for a command that may not run as it is.
pub(crate) fn escalate(stage: &Stage) {
    let arguments = r#"{"cmd":"echo escalated >> log","sandbox_permissions":"require_escalated","justification":"It must."}"#;
    stage
        .model
        .push(Reply::function_call("exec_command", arguments));
    stage.model.push(Reply::text("Done."));
}

pub(crate) async fn next(requests: &mut ServerRequests) -> PendingRequest {
    timeout(LONG, requests.next()).await.unwrap().unwrap()
}

/// A client of this server that takes the requests itself.
pub(crate) async fn asked(server: &Server) -> (Codex, ServerRequests) {
    let (builder, requests): (CodexBuilder<_>, _) = server.connect().server_requests();
    (builder.await.unwrap(), requests)
}

pub(crate) async fn asking_server() -> (Stage, Server) {
    let stage = Stage::with(|home| {
        home.model_name("gpt-5.5")
            .approval_policy("on-request")
            .sandbox_mode("read-only")
    });
    let stage = stage.await.unwrap();
    let server = stage.server().await.unwrap();
    (stage, server)
}

#[codex_e2e_macros::test]
async fn attach_brings_an_open_approval_to_the_new_client() {
    let (stage, server) = asking_server().await;
    for round in 1..=rounds() {
        escalate(&stage);
        let (codex, mut requests) = asked(&server).await;
        let thread = codex.thread_start().await.unwrap();
        let turn = thread.turn("go").await.unwrap();
        let first = next(&mut requests).await;
        assert!(!first.context.is_replay());
        let ticket = turn.detach();
        // What waits isn't refused by whoever leaves.
        drop((thread, codex));
        drop((requests, first));

        let (codex, mut requests) = asked(&server).await;
        let turn = codex.attach(ticket).await.unwrap();
        let again = next(&mut requests).await;
        assert!(again.context.is_replay());
        assert!(matches!(
            again.request,
            ServerRequest::ItemCommandExecutionRequestApproval(_)
        ));
        again
            .respond(CommandExecutionApprovalDecision::Accept)
            .unwrap();
        let result = finish(turn).await;
        assert_eq!(commands(&result), [&CommandExecutionStatus::Completed]);
        assert_eq!(log(stage.home.workspace()).lines().count(), round);
        idle(&codex).await;
    }
}

#[derive(Debug, serde::Deserialize, schemars::JsonSchema)]
struct Nothing {}

#[codex_e2e_macros::test]
async fn attach_brings_an_open_tool_call_to_the_new_client() {
    let (stage, server) = served().await;
    for _ in 0..rounds() {
        stage
            .model
            .push(Reply::function_call("ask", "{}").id("call"));
        stage.model.push(Reply::text("Done."));
        let (begun, mut calls) = tokio::sync::mpsc::unbounded_channel();
        let waits = Tool::new("ask", "Asks.", move |_: Nothing| {
            let begun = begun.clone();
            async move {
                begun.send(()).unwrap();
                std::future::pending::<()>().await;
                Ok("never")
            }
        });
        let codex = server.connect().await.unwrap();
        let thread = codex.thread_start().tool(waits).await.unwrap();
        let turn = thread.turn("go").await.unwrap();
        timeout(LONG, calls.recv()).await.unwrap().unwrap();
        let ticket = turn.detach();
        drop((thread, codex));

        let ran = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&ran);
        let answers = Tool::new("ask", "Asks.", move |_: Nothing| {
            counted.fetch_add(1, Ordering::Relaxed);
            async { Ok("an answer") }
        });
        let codex = server.connect().await.unwrap();
        let turn = codex.attach(ticket).tool(answers).await.unwrap();
        let result = finish(turn).await;
        assert_eq!(result.final_response.as_deref(), Some("Done."));
        assert_eq!(ran.load(Ordering::Relaxed), 1);
        let seen = stage
            .model
            .requests()
            .last()
            .unwrap()
            .input_items()
            .to_vec();
        assert!(serde_json::to_string(&seen).unwrap().contains("an answer"));
        idle(&codex).await;
    }
}

#[codex_e2e_macros::test]
async fn attach_in_the_middle_of_a_compaction_sees_its_end() {
    let (stage, server) = served().await;
    for _ in 0..rounds() {
        let gate = Gate::new();
        stage.model.push(Reply::text("before"));
        stage.model.push(Reply::text("summary").gate(&gate));
        let codex = server.connect().await.unwrap();
        let thread = codex.thread_start().await.unwrap();
        thread.run("go").await.unwrap();
        let mut all = thread.watch();
        let compaction = tokio::spawn(thread.compact().into_future());
        let ticket = loop {
            let event = timeout(LONG, all.next()).await.unwrap().unwrap().unwrap();
            if let Notification::TurnStarted(it) = event {
                break TurnTicket::new(it.thread_id, it.turn.id);
            }
        };
        timeout(LONG, gate.reached()).await.unwrap();
        compaction.abort();
        drop((all, thread, codex));
        let _ = compaction.await;

        let codex = server.connect().await.unwrap();
        let turn = codex.attach(ticket.clone()).await.unwrap();
        gate.release();
        let result = finish(turn).await;
        assert_eq!(result.status, TurnStatus::Completed);
        let thread = codex.thread_resume(ticket.thread_id).await.unwrap();
        is_usable(&stage, &codex, &thread).await;
    }
}

#[codex_e2e_macros::test]
async fn attach_to_a_turn_that_has_ended_gives_its_result() {
    let (stage, server) = served().await;
    stage.model.push(Reply::text("first"));
    stage.model.default_reply(Reply::text("later"));
    let codex = server.connect().await.unwrap();
    let thread = codex.thread_start().await.unwrap();
    let mut turn = thread.turn("go").await.unwrap();
    let ticket = turn.ticket();
    while timeout(LONG, turn.next()).await.unwrap().is_some() {}
    let whole = finish(turn).await;
    for _ in 0..30 {
        thread.run("more").await.unwrap();
    }
    // By the same client, by another, and by one on another server, for which it is loaded.
    for stop in [false, false, true] {
        let attached = codex.attach(ticket.clone()).await.unwrap();
        let result = finish(attached).await;
        assert_eq!(result.items, whole.items);
        assert_eq!(result.final_response.as_deref(), Some("first"));
        idle(&codex).await;
        if stop {
            break;
        }
    }
    codex.close().await.unwrap();
    server.stop().await.unwrap();
    let server = stage.server().await.unwrap();
    let codex = server.connect().await.unwrap();
    let result = finish(codex.attach(ticket.clone()).await.unwrap()).await;
    assert_eq!(result.items, whole.items);
    let missing = codex
        .attach(TurnTicket::new(&*ticket.thread_id, "none"))
        .await;
    assert!(
        matches!(missing, Err(Error::TurnLost { .. })),
        "{missing:?}"
    );
    let missing = codex.attach(TurnTicket::new("none", "none")).await;
    assert!(missing.unwrap_err().rpc().is_some());
    idle(&codex).await;
}

#[codex_e2e_macros::test]
async fn attach_after_the_server_was_killed_tells_that_the_turn_was_interrupted() {
    let (stage, server) = served().await;
    stage.model.push(Reply::stall());
    let codex = server.connect().await.unwrap();
    let thread = codex.thread_start().await.unwrap();
    let asked = stage.model.next_request();
    let turn = thread.turn("go").await.unwrap();
    timeout(LONG, asked).await.unwrap();
    let ticket = turn.ticket();
    drop(server);
    let error = timeout(LONG, turn.run()).await.unwrap().unwrap_err();
    assert!(
        error.is_closed() && matches!(error, Error::TurnIncomplete(_)),
        "{error}"
    );
    let server = stage.server().await.unwrap();
    let codex = server.connect().await.unwrap();
    let result = finish(codex.attach(ticket).await.unwrap()).await;
    assert_eq!(result.status, TurnStatus::Interrupted);
    let thread = codex.thread_resume(thread.id()).await.unwrap();
    is_usable(&stage, &codex, &thread).await;
}

#[codex_e2e_macros::test]
async fn attach_and_a_second_client_that_decides_first() {
    let (stage, server) = asking_server().await;
    escalate(&stage);
    let (one, mut ones) = asked(&server).await;
    let thread = one
        .thread_start()
        .approval_mode(ApprovalMode::Ask)
        .await
        .unwrap();
    let turn = thread.turn("go").await.unwrap();
    let first = next(&mut ones).await;
    let (two, mut twos) = asked(&server).await;
    let other = two.attach(turn.ticket()).await.unwrap();
    let second = next(&mut twos).await;
    second
        .respond(CommandExecutionApprovalDecision::Accept)
        .unwrap();
    timeout(LONG, first.withdrawn()).await.unwrap();
    assert!(matches!(
        first.respond(CommandExecutionApprovalDecision::Decline),
        Err(Error::RequestWithdrawn { .. })
    ));
    let (result, other) = tokio::join!(finish(turn), finish(other));
    assert_eq!(result.final_response, other.final_response);
    assert_eq!(commands(&result), [&CommandExecutionStatus::Completed]);
    idle(&one).await;
    idle(&two).await;
}
