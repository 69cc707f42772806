//! `watch`: all of a thread, for whoever looks on.

use std::sync::Arc;
use std::time::Duration;

use codex_e2e::{Stage, idle};
use codex_sdk::schemars::{self, JsonSchema};
use codex_sdk::types::{CommandExecutionApprovalDecision, ThreadItem};
use codex_sdk::{Codex, Error, Notification, Sandbox, Thread, ThreadWatch, Tool};
use codex_testkit::{Gate, Reply};
use serde::Deserialize;
use tokio::sync::Notify;

mod half_written;

#[derive(Deserialize, JsonSchema)]
struct Nothing {}

const PIECES: usize = 10_000;

fn pieces() -> Vec<String> {
    (0..PIECES).map(|n| format!("{n} ")).collect()
}

/// The text of the messages of a turn, up to its end.
async fn text_of(watch: &mut ThreadWatch) -> String {
    let mut text = String::new();
    while let Some(event) = watch.next().await {
        let event = event.unwrap();
        text.push_str(event.text_delta().unwrap_or_default());
        if matches!(event, Notification::TurnCompleted(_)) {
            break;
        }
    }
    text
}

#[codex_e2e_macros::test]
async fn watch_shows_two_viewers_and_a_handle_all_of_one_long_turn() {
    let stage = Stage::new().await.unwrap();
    stage.model.push(Reply::deltas(pieces()));
    let (codex, thread) = stage.start_thread().await.unwrap();
    let mut viewers = [thread.watch(), thread.watch()];
    let mut turn = thread.turn("go").await.unwrap();
    let handle = async {
        let mut text = String::new();
        while let Some(event) = turn.next().await {
            text.push_str(event.unwrap().text_delta().unwrap_or_default());
        }
        text
    };
    let [first, second] = &mut viewers;
    let (text, first, second) = tokio::join!(handle, text_of(first), text_of(second));
    assert_eq!(text, pieces().concat());
    assert_eq!(first, text);
    assert_eq!(second, text);
    drop(viewers);
    idle(&codex).await;
}

#[codex_e2e_macros::test]
async fn watch_lets_a_slow_viewer_lag_alone() {
    let stage = Stage::new().await.unwrap();
    let builder = stage.builder().subscription_budget(1 << 20);
    let codex = stage.open(builder).await.unwrap();
    let thread = codex.thread_start().await.unwrap();
    let mut slow = thread.watch();
    let mut fast = thread.watch();
    // Altogether it is more than may lie unread; but the fast one is waited for before that, on a busy machine too.
    for some in pieces().chunks(PIECES / 10) {
        stage.model.push(Reply::deltas(some.to_vec()));
        let turn = thread.turn("go").await.unwrap();
        let (result, seen) = tokio::join!(turn.run(), text_of(&mut fast));
        assert_eq!(seen, some.concat());
        assert_eq!(result.unwrap().final_response, Some(seen));
    }
    let error = loop {
        if let Err(error) = slow.next().await.unwrap() {
            break error;
        }
    };
    assert!(matches!(error, Error::Lagged { .. }), "{error:?}");
    assert!(slow.next().await.is_none());
    idle(&codex).await;
}

/// A turn that has run a command and written a message, and is held before the next one.
async fn half_way(stage: &Stage, codex: &Codex) -> (Thread, codex_sdk::TurnHandle, Gate) {
    let gate = Gate::new();
    let run = Reply::function_call("exec_command", r#"{"cmd":"echo first"}"#);
    stage
        .model
        .push(Reply::text("I'll look.").phase("commentary").then(run));
    stage.model.push(Reply::text("All done.").gate(&gate));
    let thread = codex.thread_start().await.unwrap();
    let mut turn = thread.turn("go").await.unwrap();
    loop {
        let event = turn.next().await.unwrap().unwrap();
        if let Notification::ItemCompleted(it) = event
            && matches!(it.item, ThreadItem::CommandExecution(_))
        {
            break;
        }
    }
    stage.model.wait_for_requests(2).await;
    (thread, turn, gate)
}

fn label(event: &Notification) -> String {
    match event {
        Notification::ItemStarted(it) => format!("{} {}", event.method(), it.item.tag()),
        Notification::ItemCompleted(it) => format!("{} {}", event.method(), it.item.tag()),
        _ => event.method().to_owned(),
    }
}

/// What is seen until this is.
async fn seen_until(watch: &mut ThreadWatch, last: &str) -> Vec<String> {
    let mut seen = Vec::new();
    while seen.last().is_none_or(|it| it != last) {
        seen.push(label(&watch.next().await.unwrap().unwrap()));
    }
    seen
}

/// Reads a turn until this comes.
async fn handle_until(turn: &mut codex_sdk::TurnHandle, last: &str) {
    while label(&turn.next().await.unwrap().unwrap()) != last {}
}

#[codex_e2e_macros::test]
async fn watch_begins_with_what_a_running_turn_has_brought() {
    let stage = Stage::new().await.unwrap();
    let codex = stage.start().await.unwrap();
    let (thread, turn, gate) = half_way(&stage, &codex).await;
    let mut late = thread.watch();
    let mut seen = Vec::new();
    for _ in 0..4 {
        seen.push(label(&late.next().await.unwrap().unwrap()));
    }
    assert_eq!(
        seen,
        [
            "turn/started",
            "item/completed userMessage",
            "item/completed agentMessage",
            "item/completed commandExecution",
        ]
    );
    gate.release();
    assert_eq!(text_of(&mut late).await, "All done.");
    turn.run().await.unwrap();
    idle(&codex).await;
}

#[codex_e2e_macros::test]
async fn watch_begun_just_before_the_end_of_a_turn_misses_none_of_it_and_has_nothing_twice() {
    let stage = Stage::new().await.unwrap();
    let codex = stage.start().await.unwrap();
    for _ in 0..5 {
        let (thread, turn, gate) = half_way(&stage, &codex).await;
        let mut late = thread.watch();
        gate.release();
        turn.run().await.unwrap();
        // Only now does it ask.
        let mut seen = Vec::new();
        loop {
            let event = late.next().await.unwrap().unwrap();
            seen.push(label(&event));
            if matches!(event, Notification::TurnCompleted(_)) {
                break;
            }
        }
        let count = |wanted: &str| seen.iter().filter(|it| *it == wanted).count();
        assert_eq!(count("turn/started"), 1, "{seen:#?}");
        assert_eq!(count("item/completed commandExecution"), 1, "{seen:#?}");
        assert_eq!(count("item/completed agentMessage"), 2, "{seen:#?}");
    }
    idle(&codex).await;
}

#[codex_e2e_macros::test]
async fn watch_that_is_read_late_has_nothing_twice() {
    let stage = Stage::new().await.unwrap();
    let codex = stage.start().await.unwrap();
    for _ in 0..5 {
        let thread = codex.thread_start().await.unwrap();
        let mut watch = thread.watch();
        let gate = Gate::new();
        let run = Reply::function_call("exec_command", r#"{"cmd":"sleep 1; echo first"}"#);
        stage.model.push(run);
        stage.model.push(Reply::text("All done.").gate(&gate));
        let mut turn = thread.turn("go").await.unwrap();
        gate.release();
        // It asks while the command runs.
        let is_command = |event: &Notification| label(event) == "item/started commandExecution";
        while !is_command(&turn.next().await.unwrap().unwrap()) {}
        let mut seen = Vec::new();
        loop {
            let event = watch.next().await.unwrap().unwrap();
            seen.push(label(&event));
            if matches!(event, Notification::TurnCompleted(_)) {
                break;
            }
        }
        let count = |wanted: &str| seen.iter().filter(|it| *it == wanted).count();
        for kind in ["userMessage", "commandExecution", "agentMessage"] {
            let started = count(&format!("item/started {kind}"));
            let completed = count(&format!("item/completed {kind}"));
            assert_eq!((started, completed), (1, 1), "{kind}: {seen:#?}");
        }
        assert_eq!(count("turn/started"), 1, "{seen:#?}");
        turn.run().await.unwrap();
    }
    idle(&codex).await;
}

#[codex_e2e_macros::test]
async fn watch_goes_on_over_turns_and_ends_with_the_client() {
    let stage = Stage::new().await.unwrap();
    stage.model.default_reply(Reply::text("yes"));
    let (codex, thread) = stage.start_thread().await.unwrap();
    let mut watch = thread.watch();
    for _ in 0..2 {
        thread.run("go").await.unwrap();
        assert_eq!(text_of(&mut watch).await, "yes");
    }
    codex.close().await.unwrap();
    let end = async {
        let mut last = None;
        while let Some(event) = watch.next().await {
            last = Some(event);
        }
        last
    };
    let last = tokio::time::timeout(Duration::from_secs(10), end).await;
    assert!(last.unwrap().unwrap().unwrap_err().is_closed());
}

#[codex_e2e_macros::test]
async fn watch_of_an_ephemeral_thread_begins_now() {
    let stage = Stage::new().await.unwrap();
    stage.model.push(Reply::text("yes"));
    let codex = stage.start().await.unwrap();
    let thread = codex.thread_start().ephemeral(true).await.unwrap();
    let mut watch = thread.watch();
    let (result, seen) = tokio::join!(thread.run("go").into_future(), text_of(&mut watch));
    assert_eq!(result.unwrap().final_response, Some(seen));
    idle(&codex).await;
}

#[codex_e2e_macros::test]
async fn watch_shows_a_later_turn_that_has_the_ids_of_the_one_it_began_in() {
    let stage = Stage::new().await.unwrap();
    let codex = stage.start().await.unwrap();
    let gate = Gate::new();
    let run = || Reply::function_call("exec_command", r#"{"cmd":"echo first"}"#).id("call-1");
    stage.model.push(run());
    stage.model.push(Reply::text("All done.").gate(&gate));
    let thread = codex.thread_start().await.unwrap();
    let turn = thread.turn("go").await.unwrap();
    gate.reached().await;
    let mut late = thread.watch();
    let seen = seen_until(&mut late, "item/completed commandExecution").await;
    assert_eq!(seen[0], "turn/started");
    gate.release();
    turn.run().await.unwrap();
    seen_until(&mut late, "turn/completed").await;

    stage.model.push(run());
    stage.model.push(Reply::text("Again."));
    thread.run("again").await.unwrap();
    let seen = seen_until(&mut late, "turn/completed").await;
    for wanted in ["started", "completed"] {
        let wanted = format!("item/{wanted} commandExecution");
        assert!(seen.contains(&wanted), "{wanted}: {seen:#?}");
    }
    idle(&codex).await;
}

#[codex_e2e_macros::test]
async fn watch_shows_no_turn_that_had_ended_though_a_command_of_it_runs_on() {
    let stage = Stage::new().await.unwrap();
    let codex = stage.start().await.unwrap();
    let arguments = r#"{"cmd":"sleep 2; echo end","yield_time_ms":250}"#;
    stage
        .model
        .push(Reply::function_call("exec_command", arguments));
    stage.model.push(Reply::text("It runs on."));
    let thread = codex.thread_start().await.unwrap();
    thread.run("go").await.unwrap();
    let mut late = thread.watch();
    let seen = seen_until(&mut late, "item/completed commandExecution").await;
    assert!(!seen.contains(&"turn/started".to_owned()), "{seen:#?}");
    idle(&codex).await;
}

#[codex_e2e_macros::test]
async fn watch_is_told_of_the_turn_in_which_it_was_called_however_late_it_is_read() {
    let stage = Stage::new().await.unwrap();
    let codex = stage.start().await.unwrap();
    let (thread, turn, gate) = half_way(&stage, &codex).await;
    let mut late = thread.watch();
    // The answer to what it asks is on its way before the next turn begins.
    thread.read().await.unwrap();
    gate.release();
    turn.run().await.unwrap();
    let gate = Gate::new();
    stage.model.push(Reply::text("Next.").gate(&gate));
    let next = thread.turn("next").await.unwrap();
    gate.reached().await;
    let seen = seen_until(&mut late, "turn/completed").await;
    let count = |wanted: &str| seen.iter().filter(|it| *it == wanted).count();
    assert_eq!(count("turn/started"), 1, "{seen:#?}");
    assert_eq!(count("item/completed commandExecution"), 1, "{seen:#?}");
    gate.release();
    let seen = seen_until(&mut late, "turn/completed").await;
    assert!(seen.contains(&"turn/started".to_owned()), "{seen:#?}");
    next.run().await.unwrap();
    idle(&codex).await;
}

/// What a viewer sees that comes now, up to the end of the turn.
async fn late(thread: &Thread, running: &str, go_on: impl FnOnce()) {
    let mut late = thread.watch();
    let begins = format!("item/started {running}");
    let seen = seen_until(&mut late, &begins).await;
    assert_eq!(seen[0], "turn/started", "{seen:#?}");
    go_on();
    let seen = seen_until(&mut late, "turn/completed").await;
    let count = |wanted: &str| seen.iter().filter(|it| *it == wanted).count();
    assert_eq!(count(&begins), 0, "{seen:#?}");
    assert_eq!(count(&format!("item/completed {running}")), 1, "{seen:#?}");
}

#[codex_e2e_macros::test]
async fn watch_is_told_of_a_command_and_a_tool_that_go_on() {
    let stage = Stage::new().await.unwrap();
    let codex = stage.start().await.unwrap();
    let done = Arc::new(Notify::new());
    let waits = Arc::clone(&done);
    let tool = Tool::new("wait", "Waits.", move |_: Nothing| {
        let waits = Arc::clone(&waits);
        async move {
            waits.notified().await;
            Ok("done".to_owned())
        }
    });
    let thread = codex.thread_start().tool(tool).await.unwrap();

    let run = Reply::function_call("exec_command", r#"{"cmd":"sleep 2; echo first"}"#);
    stage.model.push(run);
    let gate = Gate::new();
    stage.model.push(Reply::text("Done.").gate(&gate));
    let mut turn = thread.turn("go").await.unwrap();
    handle_until(&mut turn, "item/started commandExecution").await;
    late(&thread, "commandExecution", || gate.release()).await;
    turn.run().await.unwrap();

    stage.model.push(Reply::function_call("wait", "{}"));
    stage.model.push(Reply::text("Done."));
    let mut turn = thread.turn("go").await.unwrap();
    handle_until(&mut turn, "item/started dynamicToolCall").await;
    late(&thread, "dynamicToolCall", || done.notify_one()).await;
    turn.run().await.unwrap();
    idle(&codex).await;
}

#[codex_e2e_macros::test]
async fn watch_is_told_of_what_waits_for_an_approval() {
    let stage = Stage::new().await.unwrap();
    let (builder, mut requests) = stage.builder().server_requests();
    let codex = stage.open(builder).await.unwrap();
    let thread = codex.thread_start().sandbox(Sandbox::ReadOnly);
    let thread = thread.await.unwrap();
    let arguments =
        r#"{"cmd":"echo no","sandbox_permissions":"require_escalated","justification":"?"}"#;
    stage
        .model
        .push(Reply::function_call("exec_command", arguments));
    stage.model.push(Reply::text("Then not."));
    let turn = thread.turn("go").await.unwrap();
    let parked = requests.next().await.unwrap();
    late(&thread, "commandExecution", || {
        parked
            .respond(CommandExecutionApprovalDecision::Decline)
            .unwrap();
    })
    .await;
    turn.run().await.unwrap();
    idle(&codex).await;
}
