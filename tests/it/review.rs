//! Codex's own review, and settings that change while something runs.

use codex_e2e::{Stage, idle, next_text};
use codex_sdk::types::{ReviewTarget, ReviewTargetCustom, ThreadItem, TurnStatus};
use codex_sdk::{Error, Sandbox};
use codex_testkit::{Gate, Reply, Usage};
use serde_json::json;

/// What a model answers to a review.
fn findings() -> Reply {
    let review = json!({
        "findings": [], "overall_correctness": "patch is correct",
        "overall_explanation": "It does what it says.", "overall_confidence_score": 0.9,
    });
    Reply::text(review.to_string())
}

#[codex_e2e_macros::test]
async fn review_is_a_turn_like_any_other() {
    let stage = Stage::new().await.unwrap();
    stage.model.default_reply(findings());
    let (codex, thread) = stage.start_thread().await.unwrap();
    let target = ReviewTarget::Custom(ReviewTargetCustom::new("Look at the last commit."));
    let mut turn = thread.review(target.clone()).await.unwrap();
    let mut modes = Vec::new();
    while let Some(event) = turn.next().await {
        if let codex_sdk::Notification::ItemCompleted(it) = event.unwrap() {
            modes.push(it.item.tag().to_owned());
        }
    }
    let result = turn.run().await.unwrap();
    assert_eq!(result.status, TurnStatus::Completed);
    let review = result.final_response.unwrap();
    assert!(review.contains("It does what it says."), "{review}");
    assert!(modes.iter().any(|it| it == "exitedReviewMode"), "{modes:?}");

    let again = thread.review(target).run().await.unwrap();
    let exited = |it: &ThreadItem| matches!(it, ThreadItem::ExitedReviewMode(_));
    assert!(again.items.iter().any(exited));
    // The thread is an ordinary one afterwards.
    stage.model.push(Reply::text("yes"));
    thread.run("go").await.unwrap();
    idle(&codex).await;
}

/// Why a review has no budgets: should this fail, it can have them.
#[codex_e2e_macros::test]
async fn review_is_told_no_usage_of() {
    let stage = Stage::new().await.unwrap();
    let usage = Usage {
        input: 90,
        output: 10,
        ..Usage::default()
    };
    let run = Reply::function_call("exec_command", r#"{"cmd":"true"}"#);
    stage.model.push(run.usage(usage));
    stage.model.default_reply(findings().usage(usage));
    let (codex, thread) = stage.start_thread().await.unwrap();
    let mut all = codex.notifications();
    let target = ReviewTarget::Custom(ReviewTargetCustom::new("Look."));
    let mut turn = thread.review(target).await.unwrap();
    let mut methods = Vec::new();
    while let Some(event) = turn.next().await {
        methods.push(event.unwrap().method().to_owned());
    }
    let result = turn.run().await.unwrap();
    idle(&codex).await;
    codex.close().await.unwrap();
    while let Some(Ok(event)) = all.next().await {
        methods.push(event.method().to_owned());
    }
    let told = methods.iter().any(|it| it == "thread/tokenUsage/updated");
    assert!(!told && result.turn_usage().is_none(), "{methods:?}");
    assert_eq!(stage.model.requests().len(), 2);
}

#[codex_e2e_macros::test]
async fn review_is_interrupted_by_its_handle_and_by_dropping_its_run() {
    let stage = Stage::new().await.unwrap();
    stage.model.default_reply(Reply::stall());
    let (codex, thread) = stage.start_thread().await.unwrap();
    let target = ReviewTarget::Custom(ReviewTargetCustom::new("Look."));
    let turn = thread.review(target.clone()).await.unwrap();
    stage.model.next_request().await;
    turn.interrupt().await.unwrap();
    assert_eq!(turn.run().await.unwrap().status, TurnStatus::Interrupted);

    let run = thread.review(target).run();
    tokio::select! {
        _ = run => panic!("the model stalls"),
        _ = stage.model.next_request() => {}
    }
    idle(&codex).await;
}

#[codex_e2e_macros::test]
async fn review_of_what_there_is_not_is_refused_with_words() {
    let stage = Stage::new().await.unwrap();
    let (codex, thread) = stage.start_thread().await.unwrap();
    let target = ReviewTarget::Custom(ReviewTargetCustom::new("  "));
    let error = thread.review(target).await.unwrap_err();
    assert!(error.rpc().is_some(), "{error:?}");
    idle(&codex).await;
}

#[codex_e2e_macros::test]
async fn review_compact_and_revert_are_refused_while_a_turn_runs_which_goes_on() {
    let stage = Stage::new().await.unwrap();
    let gate = Gate::new();
    stage.model.push(Reply::text("yes"));
    stage.model.push(Reply::text("late").gate(&gate));
    stage.model.default_reply(findings());
    let (codex, thread) = stage.start_thread().await.unwrap();
    let first = thread.run("go").await.unwrap();
    let turn = thread.turn("go on").await.unwrap();
    gate.reached().await;
    let target = ReviewTarget::Custom(ReviewTargetCustom::new("Look."));
    for error in [
        thread.review(target.clone()).await.unwrap_err(),
        thread.review(target.clone()).run().await.unwrap_err(),
        thread.compact().await.unwrap_err(),
        thread.revert(&first.id).await.unwrap_err(),
    ] {
        assert!(matches!(error, Error::ThreadBusy { .. }), "{error:?}");
    }
    gate.release();
    let result = turn.run().await.unwrap();
    assert_eq!(result.status, TurnStatus::Completed);
    assert_eq!(result.final_response.as_deref(), Some("late"));
    thread.review(target).run().await.unwrap();
    thread.compact().await.unwrap();
    thread.revert(&first.id).await.unwrap();
    idle(&codex).await;
}

#[codex_e2e_macros::test]
async fn settings_of_a_running_turn_and_of_later_ones_change() {
    let stage = Stage::with(|home| {
        home.model_name("gpt-5.5")
            .feature("step_model_switching", true)
    });
    let stage = stage.await.unwrap();
    let gate = Gate::new();
    let run = Reply::function_call("exec_command", r#"{"cmd":"true"}"#);
    stage.model.push(run.gate(&gate));
    stage.model.default_reply(Reply::text("yes"));
    let (codex, thread) = stage.start_thread().await.unwrap();
    let mut turn = thread.turn("go").await.unwrap();
    let before = stage.model.next_request().await;
    turn.update().effort("high").await.unwrap();
    gate.release();
    next_text(&mut turn).await;
    turn.run().await.unwrap();
    let after = stage.model.next_request().await;
    assert_ne!(before.body["reasoning"]["effort"], "high");
    assert_eq!(after.body["reasoning"]["effort"], "high");

    let sandbox = Sandbox::workspace_write().network(true);
    let update = thread.update().effort("low");
    update.sandbox(sandbox).await.unwrap();
    thread.run("go").await.unwrap();
    let later = stage.model.next_request().await;
    assert_eq!(later.body["reasoning"]["effort"], "low");
    idle(&codex).await;
}

#[codex_e2e_macros::test]
async fn a_conversation_is_reverted_and_forked_before_a_turn() {
    let stage = Stage::new().await.unwrap();
    stage.model.default_reply(Reply::text("yes"));
    let (codex, thread) = stage.start_thread().await.unwrap();
    let mut turns = Vec::new();
    for text in ["one", "two", "three"] {
        turns.push(thread.run(text).await.unwrap().id);
    }
    let fork = codex.thread_fork(thread.id()).include_turns(false);
    let fork = fork.before_turn_id(&turns[1]).await.unwrap();
    let before = stage.model.requests().len();
    fork.run("on").await.unwrap();
    thread.revert(&turns[2]).await.unwrap();
    thread.run("on").await.unwrap();
    let requests = stage.model.requests();
    let said = |n: usize| {
        let texts = requests[n].user_texts();
        let own = texts
            .into_iter()
            .filter(|it| ["one", "two", "three", "on"].contains(it));
        own.map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(said(before), ["one", "on"]);
    assert_eq!(said(before + 1), ["one", "two", "on"]);
    idle(&codex).await;
}
