//! `watch`: all of a thread, for whoever looks on.

use std::time::Duration;

use codex_e2e::{Stage, idle};
use codex_sdk::types::ThreadItem;
use codex_sdk::{Codex, Error, Notification, Thread, ThreadWatch};
use codex_testkit::{Gate, Reply};

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
    stage.model.push(Reply::deltas(pieces()));
    let codex = stage
        .builder()
        .subscription_budget(1 << 20)
        .start()
        .await
        .unwrap();
    let thread = codex.thread_start().await.unwrap();
    let mut slow = thread.watch();
    let mut fast = thread.watch();
    let turn = thread.turn("go").await.unwrap();
    let (result, seen) = tokio::join!(turn.run(), text_of(&mut fast));
    assert_eq!(seen, pieces().concat());
    assert_eq!(result.unwrap().final_response, Some(seen));
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
