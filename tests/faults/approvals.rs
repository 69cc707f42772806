//! Whatever happens to an approval, nothing is approved by it.

use std::time::Duration;

use codex_e2e::{Stage, is_usable};
use codex_sdk::types::CommandExecutionApprovalDecision::{self as Decision, Accept};
use codex_sdk::{ApprovalMode, Codex, CodexBuilder, Error, HandlerResult, Thread};
use codex_testkit::Reply;

use crate::faults;
use crate::scenes::{Told, endless, escalated, nothing_runs};

faults! {
    nobody: "nobody answers: a thread in mode `Ask`, a client without a handler" => "declined";
    failing: "the handler fails" => "declined; the turn goes on";
    panicking: "the handler panics" => "declined; the turn goes on";
    unasked: "there is a handler, but for other requests" => "declined";
    dropped: "a parked request is dropped" => "declined";
    stream_dropped: "the stream of requests is dropped" => "declined";
    too_late: "the answer comes after the turn was interrupted" => "`RequestWithdrawn`; the command never runs";
    after_the_deadline: "the turn's `timeout` passes while a handler thinks" => "`TurnTimeout`; the handler's future is dropped";
    closed: "the client is closed while a handler thinks" => "the command never runs";
    client_dropped: "every handle is dropped while a handler thinks" => "the command never runs";
    another_client: "another client looks on" => "it answers nothing: the first one decides";
}

/// A client in a read-only sandbox whose model wants to run a command outside of it.
async fn scene(configure: impl FnOnce(CodexBuilder) -> CodexBuilder) -> (Stage, Codex, Thread) {
    let stage = Stage::with(|home| home.sandbox_mode("read-only"))
        .await
        .unwrap();
    let codex = configure(stage.builder()).start().await.unwrap();
    let thread = codex.thread_start().approval_mode(ApprovalMode::Ask);
    let thread = thread.await.unwrap();
    stage.model.push(escalated("touch done").id("call"));
    (stage, codex, thread)
}

/// The turn goes on without the command, and the model knows.
async fn is_declined((stage, codex, thread): (Stage, Codex, Thread)) -> String {
    stage.model.push(Reply::text("went on"));
    let result = thread
        .run("go")
        .timeout(Duration::from_secs(30))
        .await
        .unwrap();
    assert_eq!(result.final_response.as_deref(), Some("went on"));
    let requests = stage.model.requests();
    let told = requests[1].tool_output("call").unwrap().to_string();
    is_usable(&stage, &codex, &thread).await;
    has_not_run(&stage);
    assert!(told.contains("rejected"), "{told}");
    "the model is told".to_owned()
}

fn has_not_run(stage: &Stage) {
    assert!(!stage.home.workspace().join("done").exists());
}

async fn nobody() -> String {
    is_declined(scene(|builder| builder).await).await
}

async fn failing() -> String {
    let fails = |builder: CodexBuilder| {
        builder.on_command_approval(|_, _| async { Err::<Decision, _>("no database".into()) })
    };
    is_declined(scene(fails).await).await
}

async fn panicking() -> String {
    let panics = |builder: CodexBuilder| {
        builder.on_command_approval(|_, _| async {
            assert!(std::env::var_os("PATH").is_none(), "as told");
            Ok(Accept)
        })
    };
    is_declined(scene(panics).await).await
}

async fn unasked() -> String {
    let other = |builder: CodexBuilder| {
        let accept = codex_sdk::types::FileChangeApprovalDecision::Accept;
        builder.on_file_change_approval(move |_, _| {
            let accept = accept.clone();
            async move { Ok(accept) }
        })
    };
    is_declined(scene(other).await).await
}

async fn dropped() -> String {
    let mut requests = None;
    let scene = scene(|builder| {
        let (builder, stream) = builder.server_requests();
        requests = Some(stream);
        builder
    });
    let scene = scene.await;
    let mut requests = requests.unwrap();
    let dropped = tokio::spawn(async move {
        while let Some(request) = requests.next().await {
            drop(request);
        }
    });
    let told = is_declined(scene).await;
    dropped.abort();
    told
}

async fn stream_dropped() -> String {
    is_declined(scene(|builder| builder.server_requests().0).await).await
}

async fn too_late() -> String {
    let mut requests = None;
    let scene = scene(|builder| {
        let (builder, stream) = builder.server_requests();
        requests = Some(stream);
        builder
    });
    let (stage, codex, thread) = scene.await;
    let turn = thread.turn("go").await.unwrap();
    let request = requests.as_mut().unwrap().next().await.unwrap();
    turn.interrupt().await.unwrap();
    turn.run().await.unwrap();
    request.withdrawn().await;
    let response = codex_sdk::types::CommandExecutionRequestApprovalResponse::from(Accept);
    let error = request.respond(response).unwrap_err();
    assert!(matches!(error, Error::RequestWithdrawn { .. }), "{error:?}");
    is_usable(&stage, &codex, &thread).await;
    has_not_run(&stage);
    "1 of 1".to_owned()
}

/// A scene whose handler thinks for ever.
async fn thinking() -> ((Stage, Codex, Thread), Told) {
    let (endless, told) = endless();
    let scene = scene(|builder| {
        builder.on_command_approval(move |_, _| endless.clone().wait::<HandlerResult<Decision>>())
    });
    (scene.await, told)
}

async fn after_the_deadline() -> String {
    let ((stage, codex, thread), mut thinks) = thinking().await;
    let run = thread.run("go").timeout(Duration::from_secs(5));
    let error = run.await.unwrap_err();
    assert!(matches!(error, Error::TurnTimeout(_)), "{error:?}");
    thinks.begun().await;
    thinks.dropped().await;
    is_usable(&stage, &codex, &thread).await;
    assert_eq!(codex.stats().server_requests_pending, 0);
    has_not_run(&stage);
    "a deadline of 5 s".to_owned()
}

async fn closed() -> String {
    let ((stage, codex, thread), mut thinks) = thinking().await;
    let turn = thread.turn("go").await.unwrap();
    thinks.begun().await;
    codex.close().await.unwrap();
    assert!(turn.run().await.unwrap_err().is_closed());
    thinks.dropped().await;
    has_not_run(&stage);
    "1 of 1".to_owned()
}

async fn client_dropped() -> String {
    let ((stage, codex, thread), mut thinks) = thinking().await;
    let turn = thread.turn("go").await.unwrap();
    thinks.begun().await;
    drop((codex, thread, turn));
    thinks.dropped().await;
    nothing_runs(stage.home.path()).await;
    has_not_run(&stage);
    "1 of 1".to_owned()
}

async fn another_client() -> String {
    let stage = Stage::with(|home| home.sandbox_mode("read-only"))
        .await
        .unwrap();
    let server = stage.server().await.unwrap();
    let (builder, mut requests) = server.connect().server_requests();
    let codex = builder.await.unwrap();
    let thread = codex
        .thread_start()
        .approval_mode(ApprovalMode::Ask)
        .await
        .unwrap();
    let viewer = server.connect().look_on().await.unwrap();
    stage.model.push(Reply::text("begun"));
    stage.model.push(escalated("touch done"));
    stage.model.push(Reply::text("went on"));
    thread.run("begin").await.unwrap();
    let _seen = viewer.thread_resume(thread.id()).await.unwrap();
    let turn = thread.turn("go").await.unwrap();
    let request = requests.next().await.unwrap();
    // With this answer, the viewer has dealt with what the runtime has sent before.
    viewer.models().await.unwrap();
    // Had the viewer refused it, it would be withdrawn.
    let response = codex_sdk::types::CommandExecutionRequestApprovalResponse::from(Accept);
    request.respond(response).unwrap();
    let result = turn.run().await.unwrap();
    assert_eq!(result.final_response.as_deref(), Some("went on"));
    assert!(stage.home.workspace().join("done").exists());
    "1 of 1".to_owned()
}
