//! Turns that would hang: a model that stalls, a `turn/completed` that is missed.

use std::time::Duration;

use codex_e2e::{Stage, idle, is_usable};
use codex_sdk::types::{ThreadGoalGetParams, ThreadGoalStatus, ThreadItem, TurnStatus};
use codex_sdk::{Codex, Deadline, Error, TurnTimeout};
use codex_testkit::{Gate, Reply};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, DuplexStream, duplex};
use tokio::process::{Child, ChildStdin, ChildStdout};

/// Far more than any of these takes.
const LONG: Duration = Duration::from_secs(30);

fn timed_out(error: &Error) -> &TurnTimeout {
    assert!(error.is_timeout(), "{error:?}");
    match error {
        Error::TurnTimeout(timeout) => timeout,
        _ => panic!("{error:?}"),
    }
}

#[codex_e2e_macros::test]
async fn a_model_that_stalls_is_given_up_and_the_thread_usable_100_times_of_100() {
    let stage = Stage::new().await.unwrap();
    let codex = stage.start().await.unwrap();
    let thread = codex.thread_start().ephemeral(true).await.unwrap();
    for round in 0..100 {
        // The default, because an interrupted turn may or may not have asked.
        stage.model.default_reply(Reply::stall());
        let run = thread.run("wait");
        let length = Duration::from_millis(10 + round % 20);
        let run = if round % 2 == 0 {
            run.timeout(length)
        } else {
            run.stall_timeout(length)
        };
        let error = run.await.unwrap_err();
        let timeout = timed_out(&error);
        assert_eq!(timeout.after, length, "round {round}");
        if timeout.result.id.is_empty() {
            // Not even the start was answered: the turn is interrupted once it has begun.
            idle(&codex).await;
        } else {
            assert!(timeout.interrupted, "round {round}: {error:?}");
        }
        stage.model.default_reply(Reply::text("usable"));
        let result = thread.run("go on").timeout(LONG).await;
        let result = result.unwrap_or_else(|error| panic!("round {round}: {error:?}"));
        assert_eq!(result.status, TurnStatus::Completed, "round {round}");
        assert_eq!(result.final_response.as_deref(), Some("usable"));
    }
    idle(&codex).await;
}

#[codex_e2e_macros::test]
async fn a_stream_that_stalls_has_what_came_before() {
    let stage = Stage::new().await.unwrap();
    let gate = Gate::new();
    let reply = Reply::deltas(["half an ", "answer"]);
    stage.model.push(reply.gate_at(4, &gate));
    let codex = stage.start().await.unwrap();
    let thread = codex.thread_start().await.unwrap();
    let turn = thread.turn("go").stall_timeout(Duration::from_secs(2));
    let mut turn = turn.await.unwrap();
    let (mut text, mut errors) = (String::new(), Vec::new());
    while let Some(event) = turn.next().await {
        match event {
            Ok(event) => text.push_str(event.text_delta().unwrap_or_default()),
            Err(error) => errors.push(error),
        }
    }
    assert_eq!(text, "half an ");
    let [error] = &errors[..] else {
        panic!("{errors:?}");
    };
    let timeout = timed_out(error);
    assert_eq!(timeout.deadline, Deadline::Stall);
    assert!(timeout.interrupted);
    let partial = error.partial_result().unwrap();
    assert_eq!(partial.status, TurnStatus::Interrupted);
    assert_eq!(partial.items.len(), 1, "{:?}", partial.items);
    gate.release();
    is_usable(&stage, &codex, &thread).await;
}

#[codex_e2e_macros::test]
async fn a_command_that_stalls_is_given_up() {
    let stage = Stage::new().await.unwrap();
    let call = Reply::function_call("exec_command", r#"{"cmd":"sleep 60"}"#);
    stage.model.push(call);
    stage.model.default_reply(Reply::stall());
    let codex = stage.start().await.unwrap();
    let thread = codex.thread_start().await.unwrap();
    let run = thread
        .run("sleep")
        .stall_timeout(Duration::from_millis(500));
    let error = run.await.unwrap_err();
    assert!(timed_out(&error).interrupted);
    is_usable(&stage, &codex, &thread).await;
}

#[codex_e2e_macros::test]
async fn a_goal_that_stalls_is_paused() {
    let stage = Stage::new().await.unwrap();
    stage.model.push(Reply::text("first"));
    stage.model.default_reply(Reply::stall());
    let codex = stage.start().await.unwrap();
    let thread = codex.thread_start().await.unwrap();
    let goal = thread.goal("Count to two.");
    let error = goal
        .stall_timeout(Duration::from_secs(1))
        .run()
        .await
        .unwrap_err();
    let timeout = timed_out(&error);
    assert!(timeout.interrupted);
    assert_eq!(timeout.result.final_response.as_deref(), Some("first"));
    let stored = ThreadGoalGetParams::new(thread.id());
    let stored = codex.request(stored).await.unwrap().goal.unwrap();
    assert_eq!(stored.status, ThreadGoalStatus::Paused);
    is_usable(&stage, &codex, &thread).await;
}

/// A client on the real runtime that never hears of the end of a turn or of a message.
async fn hard_of_hearing(stage: &Stage) -> (Codex, Child) {
    let mut runtime = stage.runtime().unwrap();
    let mut child = runtime.arg("app-server").spawn().unwrap();
    let (says, output) = duplex(1 << 20);
    let (input, hears) = duplex(1 << 20);
    tokio::spawn(lose(child.stdout.take().unwrap(), says));
    tokio::spawn(pass_on(hears, child.stdin.take().unwrap()));
    let codex = Codex::builder().start_with_io(output, input).await;
    (codex.unwrap(), child)
}

async fn lose(runtime: ChildStdout, mut client: DuplexStream) {
    let mut lines = BufReader::new(runtime).lines();
    while let Some(line) = lines.next_line().await.unwrap() {
        let method = |method: &str| line.contains(&format!(r#""method":"{method}""#));
        let message = method("item/completed") && line.contains(r#""agentMessage""#);
        if !message && !method("turn/completed") {
            let line = format!("{line}\n");
            // The client may be gone.
            let _ = client.write_all(line.as_bytes()).await;
        }
    }
}

async fn pass_on(mut client: DuplexStream, mut runtime: ChildStdin) {
    // The runtime may be gone.
    let _ = tokio::io::copy(&mut client, &mut runtime).await;
}

#[codex_e2e_macros::test]
async fn turns_whose_ends_are_missed_are_read_from_the_runtime_and_dont_stall() {
    let stage = Stage::new().await.unwrap();
    let (codex, _child) = hard_of_hearing(&stage).await;
    let thread = codex.thread_start().await.unwrap();
    for text in ["one", "two"] {
        let call = Reply::function_call("exec_command", r#"{"cmd":"echo hi"}"#);
        stage.model.push(call);
        stage.model.push(Reply::text(text));
        let result = thread.run("go").timeout(LONG).await.unwrap();
        assert_eq!(result.status, TurnStatus::Completed);
        assert_eq!(result.final_response.as_deref(), Some(text));
        let tags: Vec<_> = result.items.iter().map(ThreadItem::tag).collect();
        assert_eq!(tags, ["userMessage", "commandExecution", "agentMessage"]);
        assert!(result.duration_ms.is_some());
        idle(&codex).await;
    }
    stage
        .model
        .push(Reply::failed("invalid_prompt", "no such thing"));
    let error = thread.run("fail").timeout(LONG).await.unwrap_err();
    let Error::TurnFailed(failed) = &error else {
        panic!("{error:?}");
    };
    assert!(failed.message.contains("no such thing"), "{failed}");
    idle(&codex).await;
}

#[codex_e2e_macros::test]
async fn a_missed_end_that_isnt_stored_is_told_and_doesnt_stall() {
    let stage = Stage::new().await.unwrap();
    let (codex, _child) = hard_of_hearing(&stage).await;
    let thread = codex.thread_start().ephemeral(true).await.unwrap();
    stage.model.push(Reply::text("one"));
    let error = thread.run("go").timeout(LONG).await.unwrap_err();
    let Error::TurnIncomplete(incomplete) = &error else {
        panic!("{error:?}");
    };
    let Some(Error::TurnLost { source, .. }) = &incomplete.source else {
        panic!("{error:?}");
    };
    let refusal = source.as_ref().unwrap().rpc().unwrap();
    assert!(refusal.message.contains("ephemeral"), "{refusal}");
    assert_eq!(incomplete.result.items.len(), 1);
    idle(&codex).await;
}
