//! Goals: many turns of the runtime, as one turn of the caller.

use std::time::Duration;

use codex_e2e::{Stage, idle, is_idle, is_usable};
use codex_sdk::types::{ThreadGoal, ThreadGoalStatus, ThreadItem, TurnStatus};
use codex_sdk::{Codex, Condition, Error, Notification, Thread, TurnResult, types};
use codex_testkit::{Gate, Reply, Usage};
use tokio::time::timeout;

use crate::cancel::drop_after;

const USAGE: Usage = Usage {
    input: 6,
    cached: 1,
    output: 3,
    reasoning: 1,
};

/// The model says that the goal is reached.
fn reached() -> Reply {
    Reply::function_call("update_goal", r#"{"status":"complete"}"#)
}

/// The goal that the runtime has stored for a thread.
async fn stored(codex: &Codex, thread: &Thread) -> Option<ThreadGoal> {
    let params = types::ThreadGoalGetParams::new(thread.id());
    codex.request(params).await.unwrap().goal
}

async fn stored_status(codex: &Codex, thread: &Thread) -> ThreadGoalStatus {
    stored(codex, thread).await.unwrap().status
}

fn texts(result: &TurnResult) -> Vec<&str> {
    let texts = result.items.iter().filter_map(|item| match item {
        ThreadItem::AgentMessage(message) => Some(message.text.as_str()),
        _ => None,
    });
    texts.collect()
}

#[codex_e2e_macros::test]
async fn parity_9_14_a_goal_is_one_turn_over_the_turns_of_the_runtime() {
    let stage = Stage::new().await.unwrap();
    stage.model.push(Reply::text("first").usage(USAGE));
    stage.model.push(reached());
    stage.model.push(Reply::text("second").usage(USAGE));
    let codex = stage.start().await.unwrap();
    let thread = codex.thread_start().await.unwrap();
    let result = thread.goal("  Count to two.\n").run().await.unwrap();
    assert_eq!(result.status, TurnStatus::Completed);
    assert_eq!(texts(&result), ["first", "second"]);
    assert_eq!(result.final_response.as_deref(), Some("second"));
    let usage = result.usage.clone().unwrap();
    assert_eq!((usage.total.input_tokens, usage.last.input_tokens), (12, 6));
    assert_eq!(usage.total.total_tokens, 18);
    assert_eq!(result.turn_usage().unwrap().total_tokens, 18);
    assert!(usage.model_context_window.is_some());
    let seconds = result.completed_at.unwrap() - result.started_at.unwrap();
    assert_eq!(result.duration_ms, Some(seconds * 1000));

    let requests = stage.model.requests();
    let objective = "<objective>\nCount to two.\n</objective>";
    let first = &requests[0];
    let in_words = first.user_texts().iter().any(|it| it.contains(objective));
    // From newer runtimes the model has it as what a tool has put out.
    let input = first.body["input"].as_array().unwrap();
    let mut outputs = input.iter().filter(|it| it["name"] == "goal_objective");
    let in_output = outputs.any(|it| it["output"] == "Count to two.");
    assert!(in_words || in_output, "{input:#?}");
    assert_eq!(
        stored(&codex, &thread).await.unwrap().objective,
        "Count to two."
    );
    assert!(is_idle(&codex), "{:?}", codex.stats());
}

#[codex_e2e_macros::test]
async fn parity_10_a_goal_streams_as_one_turn_under_one_id() {
    let stage = Stage::new().await.unwrap();
    stage.model.push(Reply::deltas(["on", "e "]));
    stage.model.push(reached());
    stage.model.push(Reply::deltas(["tw", "o"]));
    let codex = stage.start().await.unwrap();
    let thread = codex.thread_start().await.unwrap();
    let mut goal = thread.goal("Count to two.").await.unwrap();
    let (mut text, mut ends) = (String::new(), Vec::new());
    while let Some(event) = goal.next().await {
        let event = event.unwrap();
        assert_eq!(event.turn_id(), Some(goal.id()), "{}", event.method());
        assert!(!event.method().starts_with("thread/goal/"));
        text.push_str(event.text_delta().unwrap_or_default());
        if event.method().starts_with("turn/") {
            ends.push(event.method().to_owned());
        }
    }
    assert_eq!(text, "one two");
    assert_eq!(ends, ["turn/started", "turn/completed"]);
    let result = goal.run().await.unwrap();
    assert_eq!(texts(&result), ["one ", "two"]);
}

#[codex_e2e_macros::test]
async fn parity_11_a_goal_reached_in_its_first_turn_can_no_longer_be_steered() {
    let stage = Stage::new().await.unwrap();
    stage.model.push(reached());
    stage.model.push(Reply::text("done"));
    let codex = stage.start().await.unwrap();
    let thread = codex.thread_start().await.unwrap();
    let goal = thread.goal("Do it.").await.unwrap();
    let control = goal.control();
    let result = goal.run().await.unwrap();
    assert_eq!(result.final_response.as_deref(), Some("done"));
    assert_eq!(stage.model.requests().len(), 2);
    let error = control.steer("More.").await.unwrap_err();
    assert_eq!(error.condition(), Some(Condition::NoActiveTurn), "{error}");
    // What has ended needs no interrupt.
    control.interrupt().await.unwrap();
    assert_eq!(
        stored_status(&codex, &thread).await,
        ThreadGoalStatus::Complete
    );
}

#[codex_e2e_macros::test]
async fn parity_12_a_goal_replaces_the_one_that_was_stored() {
    let stage = Stage::new().await.unwrap();
    stage.model.push(reached());
    stage.model.push(Reply::text("done"));
    let codex = stage.start().await.unwrap();
    let thread = codex.thread_start().await.unwrap();
    let mut old = types::ThreadGoalSetParams::new(thread.id());
    old.objective = Some("Old objective.".to_owned());
    old.status = Some(ThreadGoalStatus::Paused);
    old.token_budget = Some(7);
    codex.request(old).await.unwrap();
    thread.goal("New objective.").run().await.unwrap();
    let goal = stored(&codex, &thread).await.unwrap();
    assert_eq!(
        (&*goal.objective, goal.token_budget),
        ("New objective.", None)
    );
    assert_eq!(goal.status, ThreadGoalStatus::Complete);
    for request in stage.model.requests() {
        assert!(!request.body.to_string().contains("Old objective."));
    }
}

#[codex_e2e_macros::test]
async fn parity_13_23_a_bad_objective_is_refused_before_anything_is_sent() {
    let stage = Stage::new().await.unwrap();
    let codex = stage.start().await.unwrap();
    let thread = codex.thread_start().await.unwrap();
    let mut old = types::ThreadGoalSetParams::new(thread.id());
    old.objective = Some("Old objective.".to_owned());
    old.status = Some(ThreadGoalStatus::Paused);
    codex.request(old).await.unwrap();
    for (objective, word) in [(" \n", "blank"), (&*"x".repeat(4001), "4001")] {
        let error = thread.goal(objective).await.unwrap_err();
        assert!(matches!(error, Error::InvalidInput(_)), "{error:?}");
        assert!(error.to_string().contains(word), "{error}");
    }
    let goal = stored(&codex, &thread).await.unwrap();
    assert_eq!(goal.objective, "Old objective.");
    assert_eq!(stage.model.requests().len(), 0);

    let ephemeral = codex.thread_start().ephemeral(true).await.unwrap();
    let error = ephemeral.goal("Do it.").await.unwrap_err();
    assert_eq!(
        error.condition(),
        Some(Condition::ThreadNotStored),
        "{error}"
    );
    is_usable(&stage, &codex, &ephemeral).await;
    assert_eq!(stage.model.requests().len(), 1);
}

#[codex_e2e_macros::test]
async fn parity_15_a_continuation_is_steered_under_the_id_of_the_goal() {
    let stage = Stage::new().await.unwrap();
    let gate = Gate::new();
    stage.model.push(Reply::text("first"));
    stage.model.push(Reply::text("second").gate(&gate));
    stage.model.push(reached().then(Reply::text("third")));
    stage.model.push(Reply::text("end"));
    let codex = stage.start().await.unwrap();
    let thread = codex.thread_start().await.unwrap();
    let goal = thread.goal("Count.").await.unwrap();
    gate.reached().await;
    let steered = goal.steer("Skip a number.").await.unwrap();
    assert_eq!(steered.turn_id, goal.id());
    gate.release();
    let result = goal.run().await.unwrap();
    assert_eq!(result.status, TurnStatus::Completed);
    let request = &stage.model.requests()[2];
    assert_eq!(request.user_texts().last(), Some(&"Skip a number."));
}

#[codex_e2e_macros::test]
async fn parity_17_an_interrupted_goal_is_paused_and_the_thread_usable() {
    let stage = Stage::new().await.unwrap();
    let gate = Gate::new();
    stage.model.push(Reply::text("first"));
    stage.model.push(Reply::text("never seen").gate(&gate));
    let codex = stage.start().await.unwrap();
    let thread = codex.thread_start().await.unwrap();
    let goal = thread.goal("Count.").await.unwrap();
    gate.reached().await;
    goal.interrupt().await.unwrap();
    let result = goal.run().await.unwrap();
    assert_eq!(result.status, TurnStatus::Interrupted);
    assert_eq!(texts(&result), ["first"]);
    assert_eq!(
        stored_status(&codex, &thread).await,
        ThreadGoalStatus::Paused
    );
    is_usable(&stage, &codex, &thread).await;
    assert_eq!(stage.model.requests().len(), 3);
}

#[codex_e2e_macros::test]
async fn parity_18_a_goal_whose_model_fails_is_a_failed_turn() {
    let cases = [
        (
            "insufficient_quota",
            "Quota exceeded",
            ThreadGoalStatus::UsageLimited,
        ),
        (
            "server_error",
            "stream disconnected",
            ThreadGoalStatus::Blocked,
        ),
    ];
    for (code, message, status) in cases {
        let stage = Stage::new().await.unwrap();
        stage.model.push(Reply::failed(code, "goal model failed"));
        let codex = stage.start().await.unwrap();
        let thread = codex.thread_start().await.unwrap();
        let error = thread.goal("Do it.").run().await.unwrap_err();
        let Error::TurnFailed(failed) = &error else {
            panic!("{error:?}");
        };
        assert!(failed.message.starts_with(message), "{failed}");
        assert_eq!(stored_status(&codex, &thread).await, status);
        is_usable(&stage, &codex, &thread).await;
    }
}

#[codex_e2e_macros::test]
async fn parity_19_20_a_dropped_run_pauses_its_goal_and_interrupts_its_turn() {
    let stage = Stage::new().await.unwrap();
    let gate = Gate::new();
    stage.model.push(Reply::text("first").gate(&gate));
    let codex = stage.start().await.unwrap();
    let thread = codex.thread_start().await.unwrap();
    let run = tokio::spawn(thread.goal("Count.").run());
    gate.reached().await;
    run.abort();
    assert!(run.await.unwrap_err().is_cancelled());
    is_usable(&stage, &codex, &thread).await;
    assert_eq!(
        stored_status(&codex, &thread).await,
        ThreadGoalStatus::Paused
    );
}

#[codex_e2e_macros::test]
async fn parity_21_a_dropped_handle_lets_its_goal_live_on() {
    let stage = Stage::new().await.unwrap();
    let gate = Gate::new();
    stage.model.push(Reply::text("first").gate(&gate));
    let codex = stage.start().await.unwrap();
    let thread = codex.thread_start().await.unwrap();
    let goal = thread.goal("Count.").await.unwrap();
    gate.reached().await;
    drop(goal);
    assert_eq!(
        stored_status(&codex, &thread).await,
        ThreadGoalStatus::Active
    );
    // No goal of this client owns the thread any more: an ordinary turn joins the one that runs.
    stage.model.push(reached());
    stage.model.push(Reply::text("joined"));
    let turn = thread.turn("And now?").await.unwrap();
    gate.release();
    let result = turn.run().await.unwrap();
    assert_eq!(result.status, TurnStatus::Completed);
}

#[codex_e2e_macros::test]
async fn parity_22_the_end_of_the_runtime_ends_a_goal() {
    let stage = Stage::new().await.unwrap();
    let gate = Gate::new();
    stage.model.push(Reply::text("first").gate(&gate));
    let codex = stage.start().await.unwrap();
    let thread = codex.thread_start().await.unwrap();
    let run = tokio::spawn(thread.goal("Count.").run());
    gate.reached().await;
    codex.close().await.unwrap();
    let error = run.await.unwrap().unwrap_err();
    assert!(error.is_closed(), "{error:?}");
    assert!(error.partial_result().is_some());
    assert!(is_idle(&codex), "{:?}", codex.stats());
}

#[codex_e2e_macros::test]
async fn parity_24_without_the_feature_a_goal_is_unsupported() {
    let stage = Stage::with(|home| home.feature("goals", false))
        .await
        .unwrap();
    let codex = stage.start().await.unwrap();
    let thread = codex.thread_start().await.unwrap();
    let error = thread.goal("Do it.").await.unwrap_err();
    assert_eq!(
        error.condition(),
        Some(Condition::FeatureUnsupported),
        "{error}"
    );
    assert!(is_idle(&codex), "{:?}", codex.stats());
    assert_eq!(stage.model.requests().len(), 0);
}

#[codex_e2e_macros::test]
async fn parity_25_27_goals_and_turns_keep_out_of_each_others_way() {
    let stage = Stage::new().await.unwrap();
    let gate = Gate::new();
    stage.model.push(Reply::text("undisturbed").gate(&gate));
    let codex = stage.start().await.unwrap();
    let thread = codex.thread_start().await.unwrap();
    let turn = thread.turn("Work.").await.unwrap();
    gate.reached().await;
    let error = thread.goal("Do it.").await.unwrap_err();
    assert_eq!(error.condition(), Some(Condition::ThreadBusy), "{error}");
    gate.release();
    let result = turn.run().await.unwrap();
    assert_eq!(result.final_response.as_deref(), Some("undisturbed"));

    let gate = Gate::new();
    stage.model.push(Reply::text("first").gate(&gate));
    stage.model.push(reached());
    stage.model.push(Reply::text("second"));
    let goal = thread.goal("Count.").await.unwrap();
    gate.reached().await;
    for error in [
        thread.goal("Another.").await.unwrap_err(),
        thread.run("A turn.").await.unwrap_err(),
    ] {
        assert!(matches!(error, Error::ThreadBusy { .. }), "{error:?}");
    }
    gate.release();
    let result = goal.run().await.unwrap();
    assert_eq!(texts(&result), ["first", "second"]);
    is_usable(&stage, &codex, &thread).await;
}

#[codex_e2e_macros::test]
async fn parity_26_a_goal_dropped_while_it_starts_is_paused() {
    let stage = Stage::new().await.unwrap();
    stage.model.default_reply(Reply::stall());
    let codex = stage.start().await.unwrap();
    for polls in 1.. {
        let thread = codex.thread_start().await.unwrap();
        let mut events = thread.notifications();
        let ended = drop_after(polls, thread.goal("Count.").into_future()).await;
        if ended {
            assert!(polls > 2, "it was never dropped while it was starting");
            return;
        }
        idle(&codex).await;
        // The one turn that it may begin all the same is interrupted.
        while stored(&codex, &thread).await.is_some() {
            let Ok(event) = timeout(Duration::from_secs(3), events.next()).await else {
                break;
            };
            if let Notification::TurnCompleted(completed) = event.unwrap().unwrap() {
                assert_eq!(completed.turn.status, TurnStatus::Interrupted);
                break;
            }
        }
        idle(&codex).await;
        if let Some(goal) = stored(&codex, &thread).await {
            assert_eq!(goal.status, ThreadGoalStatus::Paused, "{polls} polls");
        }
    }
}
