//! The life of a thread: what follows it, and what is let go of with it.
#![cfg(target_os = "linux")]

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use codex_e2e::{Stage, processes_in};
use codex_sdk::schemars::JsonSchema;
use codex_sdk::types::{ServerNotification, TurnStatus};
use codex_sdk::{Codex, Error, Sandbox, Tool};
use codex_testkit::{Gate, Reply};
use serde::Deserialize;
use serde_json::json;
use tokio::sync::Notify;

use crate::startup::script;

#[derive(Deserialize, JsonSchema)]
#[schemars(crate = "codex_sdk::schemars")]
struct Ticket {
    number: u32,
}

fn ticket() -> Tool {
    Tool::new("ticket", "Reads a ticket.", |args: Ticket| async move {
        Ok(format!("ticket {} is done", args.number))
    })
}

fn call(number: u32) -> Reply {
    Reply::function_call("ticket", json!({ "number": number }).to_string()).id("call")
}

/// Whether the model has seen this as the output of its call.
fn has_seen(stage: &Stage, output: &str) -> bool {
    let requests = stage.model.requests();
    let items = requests.last().unwrap().input_items();
    items
        .iter()
        .any(|item| item["output"].to_string().contains(output))
}

/// How many files the runtime has open, and its resident memory in KiB.
fn cost(stage: &Stage) -> (usize, usize) {
    let running = processes_in(stage.home.path());
    // A child that it has just forked, and that is about to become another program, looks like it for a moment.
    let runtimes = running
        .iter()
        .filter(|it| it.contains("app-server --listen"));
    let ids = runtimes.filter_map(|it| it.split(' ').next()?.parse::<u32>().ok());
    let id = ids.min().unwrap();
    let process = format!("/proc/{id}");
    let files = fs::read_dir(format!("{process}/fd")).unwrap().count();
    let status = fs::read_to_string(format!("{process}/status")).unwrap();
    let memory = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let memory = memory.unwrap().split_whitespace().next().unwrap();
    (files, memory.parse().unwrap())
}

#[codex_e2e_macros::test]
async fn a_thousand_short_threads_on_one_client_cost_no_more_than_a_few() {
    let stage = Stage::new().await.unwrap();
    stage.model.default_reply(Reply::text("yes"));
    let runtime = codex_testkit::runtime().unwrap();
    let limited = format!("ulimit -n 1024; exec '{}' \"$@\"", runtime.codex.display());
    let builder = stage.builder().codex_bin(script(&stage, &limited));
    let codex = builder.start().await.unwrap();
    // How many files are open goes up and down with the connections to the model: looked at several times.
    let (mut early, mut late) = (Vec::new(), Vec::new());
    for number in 0..1000 {
        let thread = codex.thread_start().ephemeral(true).await.unwrap();
        let result = thread.run("Yes?").await.unwrap();
        assert_eq!(result.final_response.as_deref(), Some("yes"));
        thread.close().await.unwrap();
        match number {
            150..200 => early.push(cost(&stage)),
            950..1000 => late.push(cost(&stage)),
            _ => {}
        }
    }
    let shown = format!("files and memory: {early:?} {late:?}");
    let most = early.iter().max_by_key(|(files, _)| files).unwrap().0;
    let least = late.iter().min_by_key(|(files, _)| files).unwrap().0;
    assert!(least <= most + 8, "{shown}");
    // A thread that stays costs 1.3 MB: 800 would be a gigabyte.
    let (before, after) = (early.last().unwrap().1, late.last().unwrap().1);
    assert!(after < before + 128 * 1024, "{shown}");
    assert_eq!(codex.stats().known_threads, 0);
}

#[codex_e2e_macros::test]
async fn a_closed_thread_is_unloaded_and_a_stored_one_is_resumed() {
    let stage = Stage::new().await.unwrap();
    stage.model.default_reply(Reply::text("yes"));
    let codex = stage.child().await.unwrap();
    let thread = codex.thread_start().tool(ticket()).await.unwrap();
    thread.run("Yes?").await.unwrap();
    thread.close().await.unwrap();
    let loaded = codex.request(codex_sdk::types::ThreadLoadedListParams::default());
    assert_eq!(loaded.await.unwrap().data, Vec::<String>::new());
    assert_eq!(codex.stats().known_threads, 0);
    // It is closed already.
    thread.close().await.unwrap();
    let thread = codex.thread_resume(thread.id()).await.unwrap();
    thread.run("Still there?").await.unwrap();
}

#[codex_e2e_macros::test]
async fn a_thread_whose_turn_runs_is_not_closed() {
    let stage = Stage::new().await.unwrap();
    let gate = Gate::new();
    stage.model.push(Reply::text("late").gate(&gate));
    let codex = stage.start().await.unwrap();
    let thread = codex.thread_start().await.unwrap();
    let turn = thread.turn("Go.").await.unwrap();
    gate.reached().await;
    let error = thread.close().await.unwrap_err();
    assert!(matches!(error, Error::ThreadBusy { .. }), "{error:?}");
    gate.release();
    assert_eq!(turn.run().await.unwrap().status, TurnStatus::Completed);
    thread.close().await.unwrap();
}

#[codex_e2e_macros::test]
async fn tools_of_a_thread_that_was_archived_are_dropped() {
    let stage = Stage::new().await.unwrap();
    stage.model.default_reply(Reply::text("yes"));
    let codex = stage.start().await.unwrap();
    let held = Arc::new(());
    let holds = Arc::clone(&held);
    let tool = Tool::new("hold", "Holds.", move |_: Ticket| {
        let holds = Arc::clone(&holds);
        async move { Ok(format!("{holds:?}")) }
    });
    let thread = codex.thread_start().tool(tool).await.unwrap();
    thread.run("Yes?").await.unwrap();
    let mut events = thread.notifications();
    codex.thread_archive(thread.id()).await.unwrap();
    while let Some(event) = events.next().await {
        if let ServerNotification::ThreadArchived(_) = event.unwrap() {
            break;
        }
    }
    // The drop itself is the work of a task.
    while Arc::strong_count(&held) > 1 {
        tokio::task::yield_now().await;
    }
    assert_eq!(codex.stats().known_threads, 0);
}

#[codex_e2e_macros::test]
async fn a_fork_answers_with_the_tools_of_its_source() {
    let stage = Stage::new().await.unwrap();
    stage.model.push(Reply::text("hello"));
    let codex = stage.start().await.unwrap();
    let source = codex.thread_start().tool(ticket()).await.unwrap();
    source.run("Hello.").await.unwrap();
    let fork = codex.thread_fork(source.id()).await.unwrap();
    // Also when the source is gone.
    codex.thread_archive(source.id()).await.unwrap();
    stage.model.push(call(8));
    stage.model.push(Reply::text("Done."));
    fork.run("Read ticket 8.").await.unwrap();
    assert!(has_seen(&stage, "ticket 8 is done"));
}

#[codex_e2e_macros::test]
async fn a_thread_that_is_resumed_while_a_tool_runs_runs_it_once() {
    let stage = Stage::new().await.unwrap();
    let codex = stage.start().await.unwrap();
    let (begun, go_on) = (Arc::new(AtomicUsize::new(0)), Arc::new(Notify::new()));
    let (count, gate) = (Arc::clone(&begun), Arc::clone(&go_on));
    let running = Arc::new(Notify::new());
    let runs = Arc::clone(&running);
    let tool = Tool::new("ticket", "Reads a ticket.", move |_: Ticket| {
        let (count, gate, runs) = (Arc::clone(&count), Arc::clone(&gate), Arc::clone(&runs));
        async move {
            count.fetch_add(1, Ordering::Relaxed);
            runs.notify_one();
            gate.notified().await;
            Ok("once")
        }
    });
    let thread = codex.thread_start().tool(tool).await.unwrap();
    stage.model.push(call(1));
    stage.model.push(Reply::text("Done."));
    let turn = thread.turn("Read it.").await.unwrap();
    running.notified().await;
    codex.thread_resume(thread.id()).await.unwrap();
    codex.thread_resume(thread.id()).await.unwrap();
    go_on.notify_one();
    let result = turn.run().await.unwrap();
    assert_eq!(result.final_response.as_deref(), Some("Done."));
    assert!(has_seen(&stage, "once"));
    assert_eq!(begun.load(Ordering::Relaxed), 1);
    assert_eq!(codex.stats().server_requests_pending, 0);
}

#[codex_e2e_macros::test]
async fn a_goal_that_is_set_right_after_another_was_given_up_runs() {
    let stage = Stage::new().await.unwrap();
    let codex = stage.start().await.unwrap();
    let thread = codex.thread_start().await.unwrap();
    let gate = Gate::new();
    stage.model.push(Reply::text("never seen").gate(&gate));
    let goal = thread.goal("Give up.").await.unwrap();
    gate.reached().await;
    goal.interrupt().await.unwrap();
    goal.run().await.unwrap();
    stage.model.push(Reply::text("The other."));
    stage.model.push(Reply::function_call(
        "update_goal",
        r#"{"status":"complete"}"#,
    ));
    stage.model.push(Reply::text("Reached."));
    let result = thread.goal("Reach it.").run().await.unwrap();
    assert_eq!(result.status, TurnStatus::Completed);
    assert_eq!(result.final_response.as_deref(), Some("Reached."));
}

#[codex_e2e_macros::test]
async fn a_thread_runs_a_turn_right_after_it_was_compacted() {
    let stage = Stage::new().await.unwrap();
    stage.model.default_reply(Reply::text("yes"));
    let codex = stage.start().await.unwrap();
    let thread = codex
        .thread_start()
        .sandbox(Sandbox::ReadOnly)
        .await
        .unwrap();
    thread.run("Yes?").await.unwrap();
    for _ in 0..3 {
        thread.compact().await.unwrap();
        let result = thread.run("Still?").await.unwrap();
        assert_eq!(result.final_response.as_deref(), Some("yes"));
    }
    assert!(codex_e2e::is_idle(&codex));
}

#[codex_e2e_macros::test]
async fn two_thousand_steers_at_once_are_all_answered() {
    let stage = Stage::new().await.unwrap();
    let gate = Gate::new();
    stage.model.push(Reply::text("late").gate(&gate));
    stage.model.default_reply(Reply::text("Done."));
    let codex: Codex = stage.start().await.unwrap();
    let thread = codex.thread_start().await.unwrap();
    let turn = thread.turn("Go.").await.unwrap();
    gate.reached().await;
    let steers: Vec<_> = (0..2000)
        .map(|number| tokio::spawn(turn.steer(format!("And {number}."))))
        .collect();
    for steer in steers {
        let steer = tokio::time::timeout(Duration::from_secs(60), steer).await;
        steer.unwrap().unwrap().unwrap();
    }
    gate.release();
    turn.run().await.unwrap();
}
