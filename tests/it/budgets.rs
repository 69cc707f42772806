//! What a turn may spend, and what becomes of one that goes on.

use std::time::Duration;

use codex_e2e::{Stage, idle};
use codex_sdk::types::TurnStatus;
use codex_sdk::{Budget, BudgetSpent, Error, Result, TurnResult};
use codex_testkit::{Reply, Usage};

const HUNDRED: Usage = Usage {
    input: 90,
    cached: 0,
    output: 10,
    reasoning: 0,
};

/// A model that calls a tool for ever, for 100 tokens a call.
async fn endless() -> Stage {
    let stage = Stage::new().await.unwrap();
    let run = Reply::function_call("exec_command", r#"{"cmd":"true"}"#);
    stage.model.default_reply(run.usage(HUNDRED));
    stage
}

#[track_caller]
fn spent(outcome: Result<TurnResult>) -> BudgetSpent {
    let error = outcome.unwrap_err();
    assert!(error.partial_result().is_some());
    match error {
        Error::BudgetSpent(spent) => *spent,
        other => panic!("{other:?}"),
    }
}

#[codex_e2e_macros::test]
async fn budget_of_model_calls_stops_a_turn_that_loops_20_of_20() {
    let stage = endless().await;
    let (codex, thread) = stage.start_thread().await.unwrap();
    for _ in 0..20 {
        let before = stage.model.requests().len();
        let error = spent(thread.run("go").max_model_calls(3).await);
        assert_eq!(error.budget, Budget::ModelCalls(3));
        assert!(error.interrupted);
        assert_eq!(error.result.turn_usage().unwrap().total_tokens, 300);
        let calls = stage.model.requests().len() - before;
        assert!((3..=4).contains(&calls), "{calls}");
        idle(&codex).await;
    }
    let words = spent(thread.run("go").max_model_calls(1).await).to_string();
    assert!(words.contains("raise `max_model_calls`"), "{words}");
}

#[codex_e2e_macros::test]
async fn budget_of_tokens_stops_a_turn_that_loops_20_of_20() {
    let stage = endless().await;
    let (codex, thread) = stage.start_thread().await.unwrap();
    for _ in 0..20 {
        let error = spent(thread.run("go").token_budget(250).await);
        assert_eq!(error.budget, Budget::Tokens(250));
        let used = error.result.turn_usage().unwrap().total_tokens;
        assert!((300..=400).contains(&used), "{used}");
        idle(&codex).await;
    }
}

#[codex_e2e_macros::test]
async fn budget_that_the_answer_uses_up_is_no_error() {
    let stage = Stage::new().await.unwrap();
    for _ in 0..10 {
        let run = Reply::function_call("exec_command", r#"{"cmd":"true"}"#);
        stage.model.push(run.usage(HUNDRED));
        let answer = Reply::reasoning(["Hm."]).then(Reply::deltas(["All ", "done."]));
        stage.model.push(answer.usage(HUNDRED));
    }
    let (codex, thread) = stage.start_thread().await.unwrap();
    for n in 0..10 {
        let run = thread.run("go");
        let run = match n % 2 {
            0 => run.max_model_calls(2),
            _ => run.token_budget(200),
        };
        let result = run.await.unwrap();
        assert_eq!(result.status, TurnStatus::Completed);
        assert_eq!(result.final_response.as_deref(), Some("All done."));
    }
    idle(&codex).await;
}

#[codex_e2e_macros::test]
async fn budget_of_a_stream_ends_it_with_the_error() {
    let stage = endless().await;
    let (codex, thread) = stage.start_thread().await.unwrap();
    let mut turn = thread.turn("go").max_model_calls(2).await.unwrap();
    let error = loop {
        if let Err(error) = turn.next().await.unwrap() {
            break error;
        }
    };
    assert!(matches!(error, Error::BudgetSpent(_)), "{error:?}");
    assert!(turn.next().await.is_none());
    spent(turn.run().await);
    let json = serde_json::to_value(&error).unwrap();
    assert_eq!(json["kind"], "BudgetSpent");
    idle(&codex).await;
}

#[codex_e2e_macros::test]
async fn budget_of_model_calls_holds_where_no_tokens_are_counted() {
    let stage = Stage::new().await.unwrap();
    let run = Reply::function_call("exec_command", r#"{"cmd":"true"}"#);
    stage.model.default_reply(run.usage(Usage::default()));
    let (codex, thread) = stage.start_thread().await.unwrap();
    let run = thread.run("go").max_model_calls(3);
    spent(run.timeout(Duration::from_secs(30)).await);
    let calls = stage.model.requests().len();
    assert!((3..=4).contains(&calls), "{calls}");
    idle(&codex).await;
}

#[codex_e2e_macros::test]
async fn budget_of_model_calls_stops_a_goal() {
    let stage = Stage::with(|home| home.model_name("gpt-5.5").feature("goals", true))
        .await
        .unwrap();
    stage.model.default_reply(Reply::text("Not yet."));
    let (codex, thread) = stage.start_thread().await.unwrap();
    let goal = thread.goal("Finish it.").max_model_calls(5);
    let error = spent(goal.timeout(Duration::from_secs(30)).run().await);
    assert_eq!(error.budget, Budget::ModelCalls(5));
    idle(&codex).await;
}

#[codex_e2e_macros::test]
async fn budget_of_one_handle_leaves_the_turn_to_another() {
    let stage = endless().await;
    let (codex, thread) = stage.start_thread().await.unwrap();
    let other = thread.turn("go").await.unwrap();
    let bounded = thread.turn("and on").max_model_calls(2).await.unwrap();
    let error = spent(bounded.run().await);
    assert!(!error.interrupted);
    other.interrupt().await.unwrap();
    assert_eq!(other.run().await.unwrap().status, TurnStatus::Interrupted);
    idle(&codex).await;
}

/// Calls that the model makes in vain, or that the runtime tells no item of.
fn without_items() -> [(&'static str, Reply); 7] {
    let plan = r#"{"plan":[{"step":"a","status":"pending"}]}"#;
    let unknown = Reply::function_call("no_such_tool", "{}");
    let missing = r#"{"path":"/nonexistent.png"}"#;
    let session = r#"{"session_id":77,"chars":""}"#;
    [
        ("an unknown tool", unknown.clone()),
        ("a plan", Reply::function_call("update_plan", plan)),
        (
            "bad arguments",
            Reply::function_call("exec_command", r#"{"nonsense":1}"#),
        ),
        (
            "a bad patch",
            Reply::custom_tool_call("apply_patch", "not a patch"),
        ),
        (
            "a missing image",
            Reply::function_call("view_image", missing),
        ),
        (
            "an unknown session",
            Reply::function_call("write_stdin", session),
        ),
        (
            "a comment",
            Reply::text("hm").phase("commentary").then(unknown),
        ),
    ]
}

/// So slow that a loop which isn't stopped stays small.
const SLOWLY: Duration = Duration::from_millis(20);

#[codex_e2e_macros::test]
async fn budgets_stop_loops_whose_calls_make_no_item() {
    let stage = Stage::new().await.unwrap();
    let (codex, thread) = stage.start_thread().await.unwrap();
    for (name, reply) in without_items() {
        let reply = reply.usage(HUNDRED).delay(SLOWLY);
        stage.model.default_reply(reply);
        for budget in [Budget::ModelCalls(3), Budget::Tokens(250)] {
            let before = stage.model.requests().len();
            let run = thread.run("go").timeout(Duration::from_secs(20));
            let run = match budget {
                Budget::ModelCalls(most) => run.max_model_calls(most),
                Budget::Tokens(most) => run.token_budget(most),
                other => panic!("{other:?}"),
            };
            let outcome = run.await;
            let calls = stage.model.requests().len() - before;
            assert!((3..=5).contains(&calls), "{name}: {calls}, {outcome:?}");
            assert_eq!(spent(outcome).budget, budget, "{name}");
            idle(&codex).await;
        }
    }
}

#[codex_e2e_macros::test]
async fn budget_of_model_calls_stops_a_goal_whose_calls_make_no_item() {
    let stage = Stage::with(|home| home.model_name("gpt-5.5").feature("goals", true))
        .await
        .unwrap();
    let reply = Reply::function_call("no_such_tool", "{}");
    stage
        .model
        .default_reply(reply.usage(HUNDRED).delay(SLOWLY));
    let (codex, thread) = stage.start_thread().await.unwrap();
    let goal = thread.goal("Finish it.").max_model_calls(3);
    let outcome = goal.timeout(Duration::from_secs(20)).run().await;
    assert_eq!(spent(outcome).budget, Budget::ModelCalls(3));
    let calls = stage.model.requests().len();
    assert!((3..=5).contains(&calls), "{calls}");
    idle(&codex).await;
}

#[codex_e2e_macros::test]
async fn budgets_of_nothing_are_refused_before_anything_is_sent() {
    let stage = Stage::new().await.unwrap();
    stage.model.default_reply(Reply::text("The answer."));
    let (codex, thread) = stage.start_thread().await.unwrap();
    let outcomes = [
        thread.run("go").max_model_calls(0).await.map(drop),
        thread.run("go").token_budget(0).await.map(drop),
        thread.turn("go").token_budget(-5).await.map(drop),
        thread.goal("Finish it.").max_model_calls(0).await.map(drop),
        thread.goal("Finish it.").token_budget(0).await.map(drop),
    ];
    for outcome in outcomes {
        let error = outcome.unwrap_err();
        assert!(matches!(error, Error::InvalidInput(_)), "{error:?}");
        let words = error.to_string();
        assert!(words.contains("must be more than 0"), "{words}");
    }
    assert!(stage.model.requests().is_empty());
    idle(&codex).await;
}
