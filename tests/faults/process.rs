//! The runtime is killed, crashes, or stops, in each phase.

use std::os::unix::process::ExitStatusExt as _;
use std::time::{Duration, Instant};

use codex_e2e::Stage;
use codex_sdk::types::{
    CommandExecParams, CommandExecutionApprovalDecision as Decision, ThreadItem,
};
use codex_sdk::{Codex, Error, HandlerResult, Notification, Thread, TurnHandle};
use codex_testkit::Gate;
use nix::sys::signal::{Signal, kill};

use crate::scenes::{
    command, endless, escalated, half_an_answer, halved, nothing_runs, runs, runtime, strike,
};
use crate::{after, faults, since};

faults! {
    killed_while_it_starts: "killed while it starts" => "`start` fails with `Handshake`, the signal and the end of stderr";
    crashed_while_it_starts: "a crash (SIGABRT) while it starts" => "`start` fails with `Handshake`, the signal and the end of stderr";
    stopped_while_it_starts: "stopped (SIGSTOP) while it starts" => "`start` fails when `startup_timeout` passes; nothing is left";
    killed_at_rest: "killed while nothing runs" => "the next call fails with `Closed`, which has the signal";
    crashed_at_rest: "a crash while nothing runs" => "the next call fails with `Closed`, which has the signal";
    stopped_at_rest: "stopped while nothing runs" => "the next call fails with `Timeout`; `close` succeeds";
    killed_in_a_request: "killed before it answers a request" => "the request fails with `Closed`";
    crashed_in_a_request: "a crash before it answers a request" => "the request fails with `Closed`";
    killed_in_an_answer: "killed in the middle of a message" => "`TurnIncomplete` with the items so far";
    crashed_in_an_answer: "a crash in the middle of a message" => "`TurnIncomplete` with the items so far";
    stopped_in_an_answer: "stopped in the middle of a message" => "`TurnTimeout` with the items so far, within 5 s of `stall_timeout`";
    killed_in_a_command: "killed while a command of the model runs" => "`TurnIncomplete`; the command and its children end";
    crashed_in_a_command: "a crash while a command of the model runs" => "`TurnIncomplete`; the command and its children end";
    stopped_in_a_command: "stopped while a command of the model runs" => "`TurnTimeout`; the command and its children end with `close`";
    killed_in_an_approval: "killed while an approval is pending" => "the handler's future is dropped; the command never runs";
    crashed_in_an_approval: "a crash while an approval is pending" => "the handler's future is dropped; the command never runs";
    killed_while_it_closes: "killed while it is being closed" => "`close` succeeds";
    stopped_while_it_closes: "stopped, and then closed" => "`close` kills it and succeeds";
    terminated_by_somebody: "ended by somebody else (SIGTERM) in a message" => "`TurnIncomplete` with the items so far";
}

async fn killed_while_it_starts() -> String {
    struck_while_it_starts("KILL", Signal::SIGKILL).await
}

async fn crashed_while_it_starts() -> String {
    struck_while_it_starts("ABRT", Signal::SIGABRT).await
}

/// The one phase that takes too short a time to be met with the real runtime: a shell stands for it.
async fn struck_while_it_starts(name: &str, signal: Signal) -> String {
    let stage = Stage::new().await.unwrap();
    let script = format!("read -r line; echo out of luck >&2; kill -{name} $$");
    let builder = stage.builder().codex_bin("/bin/sh");
    let start = Instant::now();
    let error = builder
        .launch_args(["-c", &script])
        .start()
        .await
        .unwrap_err();
    let Error::Handshake { .. } = error else {
        panic!("{error:?}")
    };
    let closed = error.closed().unwrap();
    assert_eq!(closed.exit_status.unwrap().signal(), Some(signal as i32));
    assert!(error.to_string().contains("out of luck"), "{error}");
    since(start)
}

async fn stopped_while_it_starts() -> String {
    let stage = Stage::new().await.unwrap();
    let builder = stage.builder().codex_bin("/bin/sh");
    let builder = builder.launch_args(["-c", "read -r line; kill -STOP $$"]);
    let start = Instant::now();
    let limit = Duration::from_millis(500);
    let error = builder.startup_timeout(limit).start().await.unwrap_err();
    assert!(error.is_timeout(), "{error:?}");
    after(limit, start)
}

async fn killed_at_rest() -> String {
    struck_at_rest(Signal::SIGKILL).await
}

async fn crashed_at_rest() -> String {
    struck_at_rest(Signal::SIGABRT).await
}

async fn struck_at_rest(signal: Signal) -> String {
    let (stage, codex, _thread) = stage().await;
    strike(&stage, signal).await;
    let start = Instant::now();
    let error = codex.models().await.unwrap_err();
    ended_by(&error, signal);
    let took = since(start);
    codex.close().await.unwrap();
    took
}

async fn stopped_at_rest() -> String {
    let stage = Stage::new().await.unwrap();
    let limit = Duration::from_millis(500);
    let codex = stage
        .builder()
        .request_timeout(limit)
        .start()
        .await
        .unwrap();
    strike(&stage, Signal::SIGSTOP).await;
    let start = Instant::now();
    let error = codex.models().await.unwrap_err();
    assert!(matches!(error, Error::Timeout { .. }), "{error:?}");
    let took = after(limit, start);
    codex.close().await.unwrap();
    took
}

async fn killed_in_a_request() -> String {
    struck_in_a_request(Signal::SIGKILL).await
}

async fn crashed_in_a_request() -> String {
    struck_in_a_request(Signal::SIGABRT).await
}

async fn struck_in_a_request(signal: Signal) -> String {
    let (stage, codex, _thread) = stage().await;
    let command = ["sh", "-c", "sleep 3000; echo done"].map(str::to_owned);
    let params = CommandExecParams::new(command.to_vec());
    let request = tokio::spawn(codex.request(params).into_future());
    runs(stage.home.path(), "sleep 3000").await;
    strike(&stage, signal).await;
    let start = Instant::now();
    let error = request.await.unwrap().unwrap_err();
    ended_by(&error, signal);
    since(start)
}

async fn killed_in_an_answer() -> String {
    struck_in_an_answer(Signal::SIGKILL).await
}

async fn crashed_in_an_answer() -> String {
    struck_in_an_answer(Signal::SIGABRT).await
}

/// Not by its name: what handles this signal may exit in its own way.
async fn terminated_by_somebody() -> String {
    let (stage, codex, thread) = stage().await;
    let (turn, _gate) = half_an_answer(&stage, &thread).await;
    strike(&stage, Signal::SIGTERM).await;
    let start = Instant::now();
    let error = turn.run().await.unwrap_err();
    assert!(error.is_closed(), "{error:?}");
    assert!(matches!(error, Error::TurnIncomplete(_)), "{error:?}");
    has_the_items(&error);
    drop(codex);
    since(start)
}

async fn struck_in_an_answer(signal: Signal) -> String {
    let (stage, codex, thread) = stage().await;
    let (turn, _gate) = half_an_answer(&stage, &thread).await;
    strike(&stage, signal).await;
    let start = Instant::now();
    let error = turn.run().await.unwrap_err();
    ended_by(&error, signal);
    assert!(matches!(error, Error::TurnIncomplete(_)), "{error:?}");
    has_the_items(&error);
    codex.close().await.unwrap();
    since(start)
}

async fn stopped_in_an_answer() -> String {
    let stage = Stage::new().await.unwrap();
    let codex = stage.child().await.unwrap();
    let thread = codex.thread_start().await.unwrap();
    let gate = Gate::new();
    stage.model.push(halved(&gate));
    let stall = Duration::from_secs(1);
    let mut turn = thread.turn("go").stall_timeout(stall).await.unwrap();
    assert_eq!(
        codex_e2e::next_text(&mut turn).await.as_deref(),
        Some("one ")
    );
    let start = Instant::now();
    strike(&stage, Signal::SIGSTOP).await;
    let error = turn.run().await.unwrap_err();
    assert!(matches!(error, Error::TurnTimeout(_)), "{error:?}");
    has_the_items(&error);
    // The SDK waits 5 s for the end of a turn that it has interrupted. The stall had begun a moment before.
    let took = after(Duration::from_secs(5), start);
    codex.close().await.unwrap();
    took
}

async fn killed_in_a_command() -> String {
    struck_in_a_command(Signal::SIGKILL).await
}

async fn crashed_in_a_command() -> String {
    struck_in_a_command(Signal::SIGABRT).await
}

async fn struck_in_a_command(signal: Signal) -> String {
    let (stage, codex, thread) = stage().await;
    let turn = in_a_command(&stage, &thread).await;
    strike(&stage, signal).await;
    let start = Instant::now();
    let error = turn.run().await.unwrap_err();
    assert!(matches!(error, Error::TurnIncomplete(_)), "{error:?}");
    ended_by(&error, signal);
    nothing_runs(stage.home.path()).await;
    let took = since(start);
    codex.close().await.unwrap();
    took
}

async fn stopped_in_a_command() -> String {
    let (stage, codex, thread) = stage().await;
    stage.model.push(command("sleep 3001 | cat"));
    let turn = thread
        .turn("go")
        .timeout(Duration::from_secs(5))
        .await
        .unwrap();
    runs(stage.home.path(), "sleep 3001").await;
    strike(&stage, Signal::SIGSTOP).await;
    let error = turn.run().await.unwrap_err();
    assert!(matches!(error, Error::TurnTimeout(_)), "{error:?}");
    let start = Instant::now();
    codex.close().await.unwrap();
    nothing_runs(stage.home.path()).await;
    since(start)
}

async fn killed_in_an_approval() -> String {
    struck_in_an_approval(Signal::SIGKILL).await
}

async fn crashed_in_an_approval() -> String {
    struck_in_an_approval(Signal::SIGABRT).await
}

async fn struck_in_an_approval(signal: Signal) -> String {
    let stage = Stage::with(|home| home.sandbox_mode("read-only"))
        .await
        .unwrap();
    let (endless, mut told) = endless();
    let builder = stage
        .builder()
        .on_command_approval(move |_, _| endless.clone().wait::<HandlerResult<Decision>>());
    let codex = builder.start().await.unwrap();
    let thread = codex.thread_start().await.unwrap();
    stage.model.push(escalated("touch done"));
    let turn = thread.turn("go").await.unwrap();
    told.begun().await;
    strike(&stage, signal).await;
    let start = Instant::now();
    let error = turn.run().await.unwrap_err();
    ended_by(&error, signal);
    told.dropped().await;
    codex.close().await.unwrap();
    assert!(!stage.home.workspace().join("done").exists());
    since(start)
}

async fn killed_while_it_closes() -> String {
    let (stage, codex, thread) = stage().await;
    drop(half_an_answer(&stage, &thread).await);
    // It can't end by itself.
    strike(&stage, Signal::SIGSTOP).await;
    let close = tokio::spawn(codex.close().into_future());
    tokio::task::yield_now().await;
    kill(runtime(&stage).unwrap(), Signal::SIGKILL).unwrap();
    let start = Instant::now();
    close.await.unwrap().unwrap();
    // Nor was it killed by the client, which waits 1 s before it does more than to ask.
    assert!(start.elapsed() < Duration::from_secs(1));
    since(start)
}

async fn stopped_while_it_closes() -> String {
    let (stage, codex, _thread) = stage().await;
    strike(&stage, Signal::SIGSTOP).await;
    let start = Instant::now();
    codex.close().await.unwrap();
    nothing_runs(stage.home.path()).await;
    since(start)
}

/// A client whose runtime is its child, and a thread.
async fn stage() -> (Stage, Codex, Thread) {
    let stage = Stage::new().await.unwrap();
    let codex = stage.child().await.unwrap();
    let thread = codex.thread_start().await.unwrap();
    (stage, codex, thread)
}

fn has_the_items(error: &Error) {
    let partial = error.partial_result().unwrap();
    let items = partial.items.iter().map(ThreadItem::tag);
    assert!(items.eq(["userMessage"]), "{partial:?}");
}

/// A turn whose command runs, with a child of its own.
async fn in_a_command(stage: &Stage, thread: &Thread) -> TurnHandle {
    stage.model.push(command("sleep 3001 | cat"));
    let mut turn = thread.turn("go").await.unwrap();
    loop {
        let event = turn.next().await.unwrap().unwrap();
        if let Notification::ItemStarted(started) = event
            && let ThreadItem::CommandExecution(_) = started.item
        {
            break;
        }
    }
    runs(stage.home.path(), "sleep 3001").await;
    turn
}

fn ended_by(error: &Error, signal: Signal) {
    let closed = error.closed().unwrap_or_else(|| panic!("{error:?}"));
    let status = closed.exit_status.unwrap();
    assert_eq!(status.signal(), Some(signal as i32), "{error:?}");
}
