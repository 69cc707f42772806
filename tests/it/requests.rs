//! `server_requests`: what the runtime asks, answered from anywhere.

use std::time::Duration;

use codex_e2e::{Stage, idle};
use codex_sdk::types::{
    CommandExecutionApprovalDecision, CommandExecutionRequestApprovalResponse,
    CommandExecutionStatus, FileChangeApprovalDecision, ServerRequest, ThreadItem, TurnStatus,
};
use codex_sdk::{Codex, Error, PendingRequest, ServerRequests, Thread, TurnResult};
use codex_testkit::Reply;

async fn stage() -> Stage {
    let stage = Stage::with(|home| {
        home.model_name("gpt-5.5")
            .approval_policy("on-request")
            .sandbox_mode("read-only")
    });
    let stage = stage.await.unwrap();
    stage.model.default_reply(Reply::text("Done."));
    stage
}

async fn client(stage: &Stage) -> (Codex, Thread, ServerRequests) {
    let (builder, requests) = stage.builder().server_requests();
    let codex = stage.open(builder).await.unwrap();
    let thread = codex.thread_start().await.unwrap();
    (codex, thread, requests)
}

/// The model asks for a command that may not run as it is.
fn escalate(stage: &Stage) {
    let arguments = r#"{"cmd":"echo escalated","sandbox_permissions":"require_escalated","justification":"It must."}"#;
    stage
        .model
        .push(Reply::function_call("exec_command", arguments));
}

fn status(result: &TurnResult) -> CommandExecutionStatus {
    let command = result.items.iter().find_map(|item| match item {
        ThreadItem::CommandExecution(it) => Some(it.status.clone()),
        _ => None,
    });
    command.unwrap()
}

async fn next(requests: &mut ServerRequests) -> PendingRequest {
    let next = tokio::time::timeout(Duration::from_secs(30), requests.next());
    next.await.unwrap().unwrap()
}

#[codex_e2e_macros::test]
async fn requests_are_answered_by_another_task_half_a_minute_later() {
    let stage = stage().await;
    escalate(&stage);
    let (codex, thread, mut requests) = client(&stage).await;
    let turn = thread.turn("go").await.unwrap();
    let turn_id = turn.id().to_owned();
    let pending = next(&mut requests).await;
    assert_eq!(pending.context.thread_id(), Some(thread.id()));
    assert_eq!(pending.context.turn_id(), Some(&*turn_id));
    assert!(matches!(
        pending.context.item(),
        Some(ThreadItem::CommandExecution(_))
    ));
    assert!(matches!(
        pending.request,
        ServerRequest::ItemCommandExecutionRequestApproval(_)
    ));
    assert_eq!(codex.stats().server_requests_pending, 1);
    let answer = tokio::spawn(async move {
        tokio::time::sleep(Duration::from_secs(30)).await;
        assert!(pending.is_open());
        pending.respond(CommandExecutionApprovalDecision::Accept)
    });
    let result = turn.run().await.unwrap();
    answer.await.unwrap().unwrap();
    assert_eq!(status(&result), CommandExecutionStatus::Completed);
    idle(&codex).await;
}

#[codex_e2e_macros::test]
async fn requests_of_an_interrupted_turn_are_withdrawn_and_an_answer_is_told_so() {
    let stage = stage().await;
    escalate(&stage);
    let (codex, thread, mut requests) = client(&stage).await;
    let turn = thread.turn("go").await.unwrap();
    let pending = next(&mut requests).await;
    // Two pages show it.
    let withdrawn = async { tokio::join!(pending.withdrawn(), pending.withdrawn()) };
    let withdrawn = tokio::time::timeout(Duration::from_secs(30), withdrawn);
    let (withdrawn, interrupted) = tokio::join!(withdrawn, turn.interrupt());
    interrupted.unwrap();
    withdrawn.unwrap();
    let result = turn.run().await.unwrap();
    assert_eq!(result.status, TurnStatus::Interrupted);
    assert!(!pending.is_open());
    let error = pending
        .respond(CommandExecutionApprovalDecision::Accept)
        .unwrap_err();
    assert!(matches!(error, Error::RequestWithdrawn { .. }), "{error:?}");
    assert_eq!(codex.stats().server_requests_pending, 0);
    idle(&codex).await;
}

/// Whether a request is over, and says so when it is answered.
fn assert_withdrawn(pending: &PendingRequest) {
    assert!(!pending.is_open());
    let accept = CommandExecutionApprovalDecision::Accept;
    let error = pending.respond(accept).unwrap_err();
    assert!(matches!(error, Error::RequestWithdrawn { .. }), "{error:?}");
}

#[codex_e2e_macros::test(flavor = "multi_thread")]
async fn requests_take_no_answer_from_the_moment_that_their_turn_is_known_to_have_ended() {
    let stage = stage().await;
    let (codex, thread, mut requests) = client(&stage).await;
    for round in 0..50 {
        escalate(&stage);
        let turn = thread.turn("go").await.unwrap();
        let mut watch = thread.watch();
        let pending = next(&mut requests).await;
        turn.interrupt().await.unwrap();
        if round % 2 == 0 {
            let result = turn.run().await.unwrap();
            assert_eq!(result.status, TurnStatus::Interrupted);
        } else {
            // A viewer learns of the end at the same time.
            while watch.next().await.unwrap().unwrap().method() != "turn/completed" {}
        }
        assert_withdrawn(&pending);
    }
    idle(&codex).await;
}

#[codex_e2e_macros::test(flavor = "multi_thread")]
async fn requests_take_no_answer_from_the_moment_that_the_client_has_closed() {
    let stage = stage().await;
    for _ in 0..10 {
        escalate(&stage);
        let (codex, thread, mut requests) = client(&stage).await;
        let turn = thread.turn("go").await.unwrap();
        let pending = next(&mut requests).await;
        codex.close().await.unwrap();
        assert_withdrawn(&pending);
        drop(turn);
    }
}

#[codex_e2e_macros::test]
async fn requests_that_are_dropped_or_refused_are_declined() {
    let stage = stage().await;
    let (codex, thread, mut requests) = client(&stage).await;
    for way in ["dropped", "refused", "the stream dropped"] {
        escalate(&stage);
        let turn = thread.turn("go").await.unwrap();
        if way == "the stream dropped" {
            drop(requests);
            assert_eq!(
                status(&turn.run().await.unwrap()),
                CommandExecutionStatus::Declined,
                "{way}"
            );
            break;
        }
        let pending = next(&mut requests).await;
        match way {
            "refused" => {
                pending.refuse();
                assert!(!pending.is_open());
            }
            _ => drop(pending),
        }
        let result = turn.run().await.unwrap();
        assert_eq!(status(&result), CommandExecutionStatus::Declined, "{way}");
    }
    idle(&codex).await;
}

#[codex_e2e_macros::test]
async fn requests_take_their_own_answers_only_and_one_each() {
    let stage = stage().await;
    escalate(&stage);
    let (codex, thread, mut requests) = client(&stage).await;
    let turn = thread.turn("go").await.unwrap();
    let pending = next(&mut requests).await;
    let error = pending
        .respond(FileChangeApprovalDecision::Accept)
        .unwrap_err();
    assert!(matches!(error, Error::InvalidInput(_)), "{error:?}");
    assert!(pending.is_open());
    let accept = CommandExecutionApprovalDecision::Accept;
    let whole = CommandExecutionRequestApprovalResponse::new(accept.clone());
    pending.respond(whole).unwrap();
    let error = pending.respond(accept).unwrap_err();
    assert!(matches!(error, Error::RequestWithdrawn { .. }), "{error:?}");
    let json = serde_json::to_value(&pending.request).unwrap();
    assert_eq!(json["method"], "item/commandExecution/requestApproval");
    let result = turn.run().await.unwrap();
    assert_eq!(status(&result), CommandExecutionStatus::Completed);
    idle(&codex).await;
}

#[codex_e2e_macros::test]
async fn requests_show_the_diff_of_a_file_change_and_the_result_has_it() {
    let stage = stage().await;
    let patch = "*** Begin Patch\n*** Add File: new.txt\n+hello\n*** End Patch";
    stage
        .model
        .push(Reply::custom_tool_call("apply_patch", patch));
    let (codex, thread, mut requests) = client(&stage).await;
    let turn = thread.turn("go").await.unwrap();
    let pending = next(&mut requests).await;
    let [change] = pending.context.changes() else {
        panic!("{:?}", pending.context.item());
    };
    assert!(change.diff.contains("hello"), "{change:?}");
    pending.respond(FileChangeApprovalDecision::Accept).unwrap();
    let result = turn.run().await.unwrap();
    let diff = result.diff().unwrap();
    assert!(
        diff.contains("+hello") && diff.contains("new.txt"),
        "{diff}"
    );
    assert_eq!(serde_json::to_value(&result).unwrap()["diff"], diff);
    idle(&codex).await;
}

#[codex_e2e_macros::test]
async fn requests_that_nobody_has_answered_end_with_the_client() {
    let stage = stage().await;
    escalate(&stage);
    let (codex, thread, mut requests) = client(&stage).await;
    let turn = thread.turn("go").await.unwrap();
    let pending = next(&mut requests).await;
    codex.close().await.unwrap();
    let error = pending
        .respond(CommandExecutionApprovalDecision::Accept)
        .unwrap_err();
    assert!(matches!(error, Error::RequestWithdrawn { .. }), "{error:?}");
    // A server keeps what its clients are given.
    drop((codex, thread, turn, stage));
    let end = tokio::time::timeout(Duration::from_secs(10), requests.next()).await;
    assert!(end.unwrap().is_none());
}

#[codex_e2e_macros::test]
async fn requests_and_what_is_watched_outlive_a_wait_that_is_dropped() {
    let stage = stage().await;
    escalate(&stage);
    let (codex, thread, mut requests) = client(&stage).await;
    let mut watch = thread.watch();
    let turn = thread.turn("go").await.unwrap();
    let (mut pending, mut seen) = (None, Vec::new());
    while pending.is_none() || !seen.contains(&"item/started".to_owned()) {
        // Whichever comes first drops the other's wait.
        tokio::select! {
            request = requests.next() => pending = request,
            event = watch.next() => seen.push(event.unwrap().unwrap().method().to_owned()),
            () = tokio::task::yield_now() => {}
        }
    }
    pending
        .unwrap()
        .respond(CommandExecutionApprovalDecision::Accept)
        .unwrap();
    turn.run().await.unwrap();
    while seen.last().is_none_or(|it| it != "turn/completed") {
        tokio::select! {
            event = watch.next() => seen.push(event.unwrap().unwrap().method().to_owned()),
            () = tokio::task::yield_now() => {}
        }
    }
    let count = |method: &str| seen.iter().filter(|it| *it == method).count();
    assert_eq!(
        (count("turn/started"), count("item/started")),
        (1, count("item/completed"))
    );
    idle(&codex).await;
}
