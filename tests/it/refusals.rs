//! What the runtime refuses, and what becomes of callers when it is gone.

use codex_e2e::Stage;
use codex_sdk::{Error, RpcErrorKind};
use codex_testkit::Reply;
use serde_json::json;

const NO_THREAD: &str = "01900000-0000-7000-8000-000000000000";

#[codex_e2e_macros::test]
async fn parity_130_a_refusal_of_the_runtime_has_its_code_and_its_words() {
    let stage = Stage::new().await.unwrap();
    let codex = stage.start().await.unwrap();
    let thread = codex.thread_start().await.unwrap();
    let long = json!([{"type": "text", "text": "x".repeat(1_048_577)}]);
    let table = [
        ("no/such", json!({}), -32600, "unknown variant `no/such`"),
        ("thread/read", json!({}), -32600, "missing field `threadId`"),
        (
            "thread/read",
            json!({"threadId": "no-uuid"}),
            -32600,
            "invalid thread id",
        ),
        (
            "turn/start",
            json!({"threadId": NO_THREAD, "input": []}),
            -32600,
            "thread not found",
        ),
        (
            "initialize",
            json!({"clientInfo": {"name": "again", "version": "1"}}),
            -32600,
            "Already initialized",
        ),
        (
            "turn/start",
            json!({"threadId": thread.id(), "input": long}),
            -32602,
            "1048576 characters",
        ),
    ];
    for (method, params, code, words) in table {
        let error = codex.request_raw(method, params).await.unwrap_err();
        let rpc = error.rpc().unwrap();
        assert_eq!((rpc.method.as_str(), rpc.code), (method, code), "{rpc}");
        assert!(rpc.message.contains(words), "{rpc}");
        let kind = match code {
            -32600 => RpcErrorKind::InvalidRequest,
            _ => RpcErrorKind::InvalidParams,
        };
        assert_eq!(rpc.kind(), kind);
        assert!(!error.is_retryable() && !error.is_closed());
    }
    // What it doesn't know, it ignores.
    let ignored = json!({"mcpServers": {}, "noSuchField": 1});
    codex.request_raw("thread/start", ignored).await.unwrap();
}

#[cfg(target_os = "linux")]
#[codex_e2e_macros::test]
async fn parity_133_after_the_death_of_the_runtime_every_call_says_that_it_has_ended() {
    use codex_sdk::CloseReason;
    use codex_sdk::types::TurnStatus;

    let stage = Stage::new().await.unwrap();
    stage.model.push(Reply::stall());
    let codex = stage.child().await.unwrap();
    let thread = codex.thread_start().await.unwrap();
    let turn = thread.turn("wait").await.unwrap();
    let control = turn.control();
    stage.model.next_request().await;
    kill_runtime(&stage);

    let error = turn.run().await.unwrap_err();
    assert!(matches!(error, Error::TurnIncomplete(_)), "{error:?}");
    let partial = error.partial_result().unwrap();
    assert_eq!(partial.status, TurnStatus::InProgress);
    for _ in 0..2 {
        let later = [
            codex.models().await.unwrap_err(),
            thread.run("again").await.unwrap_err(),
            control.steer("there?").await.unwrap_err(),
            control.interrupt().await.unwrap_err(),
        ];
        for error in later.iter().chain([&error]) {
            let closed = error.closed().unwrap();
            assert_eq!(closed.reason, CloseReason::Ended);
            let status = closed.exit_status.unwrap();
            assert_eq!(
                std::os::unix::process::ExitStatusExt::signal(&status),
                Some(9)
            );
        }
    }
    codex.close().await.unwrap();

    // A new one goes on with the thread.
    stage.model.push(Reply::text("back"));
    let codex = stage.start().await.unwrap();
    let thread = codex.thread_resume(thread.id()).include_turns(false);
    let result = thread.await.unwrap().run("again").await.unwrap();
    assert_eq!(result.final_response.as_deref(), Some("back"));
}

/// Kills the runtime of this stage alone.
#[cfg(target_os = "linux")]
fn kill_runtime(stage: &Stage) {
    let id = codex_e2e::only_process_in(stage.home.path());
    let mut kill = std::process::Command::new("kill");
    assert!(kill.args(["-KILL", &id]).status().unwrap().success());
}
