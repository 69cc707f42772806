//! Programs without an async runtime.

use std::sync::{Arc, Mutex, mpsc};
use std::thread;

use codex_e2e::Stage;
use codex_sdk::blocking::Codex;
use codex_sdk::schemars::{self, JsonSchema};
use codex_sdk::types::{CommandExecutionApprovalDecision, ThreadLoadedListParams, TurnStatus};
use codex_sdk::{Error, Notification, RetryPolicy, Sandbox, Tool, blocking};
use codex_testkit::{Gate, Reply};
use serde::Deserialize;

/// A stage, and what carries its model.
fn stage() -> (tokio::runtime::Runtime, Stage) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let stage = runtime.block_on(Stage::new()).unwrap();
    (runtime, stage)
}

fn start(stage: &Stage) -> Codex {
    stage.builder().start().block_on().unwrap()
}

#[codex_e2e_macros::test]
fn blocking_a_turn_is_an_iterator_and_a_result() {
    let (_runtime, stage) = stage();
    stage.model.push(Reply::deltas(["he", "llo"]));
    stage.model.push(Reply::text("again"));
    let codex = start(&stage);
    let thread = codex.thread_start().block_on().unwrap();
    let mut turn = thread.turn("Say hello.").block_on().unwrap();
    let mut text = String::new();
    for event in &mut turn {
        let event = event.unwrap();
        text.push_str(event.text_delta().unwrap_or_default());
    }
    assert_eq!(text, "hello");
    let result = turn.run().block_on().unwrap();
    assert_eq!(result.final_response.as_deref(), Some("hello"));
    let result = thread.run("Again.").block_on().unwrap();
    assert_eq!(result.final_response.as_deref(), Some("again"));
    codex.close().block_on().unwrap();
    let error = thread.run("Once more.").block_on().unwrap_err();
    assert!(error.is_closed(), "{error:?}");
}

#[codex_e2e_macros::test]
fn blocking_a_turn_is_steered_and_interrupted_from_another_thread() {
    let (runtime, stage) = stage();
    let gate = Gate::new();
    stage.model.push(Reply::text("never seen").gate(&gate));
    let codex = start(&stage);
    let thread = codex.thread_start().block_on().unwrap();
    let turn = thread.turn("Go.").block_on().unwrap();
    runtime.block_on(gate.reached());
    let control = turn.control();
    let other = thread::spawn(move || {
        control.steer("Faster.").block_on().unwrap();
        control.interrupt().block_on().unwrap();
    });
    assert_eq!(
        turn.run().block_on().unwrap().status,
        TurnStatus::Interrupted
    );
    other.join().unwrap();
}

#[codex_e2e_macros::test]
fn blocking_threads_have_turns_at_the_same_time_and_lists_are_iterators() {
    let (_runtime, stage) = stage();
    stage.model.default_reply(Reply::text("yes"));
    let codex = start(&stage);
    let mut events = codex.notifications().into_iter();
    let turns: Vec<_> = (0..4)
        .map(|_| {
            let codex = codex.clone();
            thread::spawn(move || {
                let thread = codex.thread_start().block_on()?;
                thread.run("Yes?").block_on()
            })
        })
        .collect();
    for turn in turns {
        let result = turn.join().unwrap().unwrap();
        assert_eq!(result.final_response.as_deref(), Some("yes"));
    }
    assert!(events.next().unwrap().is_ok());
    let threads = codex.thread_list().limit(3).stream().into_iter();
    assert_eq!(threads.map(Result::unwrap).count(), 4);
    let loaded = codex.request(ThreadLoadedListParams::default());
    assert_eq!(loaded.block_on().unwrap().data.len(), 4);
    let models = blocking::retry_on_overload(RetryPolicy::default(), || codex.models());
    assert!(!models.unwrap().data.is_empty());
    stage.model.push(Reply::failed("server_error", "Once."));
    let fifth = codex.thread_start().block_on().unwrap();
    let policy = RetryPolicy::default();
    let result = blocking::retry_on_transient(policy, || fifth.run("Still yes?"));
    assert_eq!(result.unwrap().final_response.as_deref(), Some("yes"));
}

#[derive(Deserialize, JsonSchema)]
struct Nothing {}

#[codex_e2e_macros::test]
fn blocking_tools_may_block_and_block_on_and_hold_up_nobody_else() {
    let (_runtime, stage) = stage();
    stage
        .model
        .push(Reply::function_call("wait", "{}").id("call"));
    stage.model.push(Reply::text("Done."));
    let codex = start(&stage);
    let (begun, has_begun) = mpsc::channel();
    let (go_on, gate) = mpsc::channel::<()>();
    let gate = Arc::new(Mutex::new(gate));
    let weak = Arc::new(Mutex::new(Some(codex.clone())));
    let own = Arc::clone(&weak);
    let tool = Tool::new("wait", "Waits.", move |_: Nothing| {
        let (begun, gate, codex) = (begun.clone(), Arc::clone(&gate), own.lock().unwrap().take());
        async move {
            // Neither is asynchronous.
            let models = codex.ok_or("called twice")?.models().block_on()?;
            begun.send(models.data.len())?;
            gate.lock().unwrap().recv()?;
            Ok("waited")
        }
    });
    let thread = codex.thread_start().tool(tool).block_on().unwrap();
    let turn = thread.turn("Wait.").block_on().unwrap();
    assert!(has_begun.recv().unwrap() > 0);
    // The tool blocks its thread; others are served meanwhile.
    for _ in 0..20 {
        codex.account().block_on().unwrap();
    }
    go_on.send(()).unwrap();
    let result = turn.run().block_on().unwrap();
    assert_eq!(result.final_response.as_deref(), Some("Done."));
}

#[codex_e2e_macros::test]
fn blocking_a_client_that_is_dropped_ends_its_runtime() {
    let (_runtime, stage) = stage();
    let codex = start(&stage);
    let home = stage.home.path().to_owned();
    drop(codex.thread_start().block_on().unwrap());
    drop(codex);
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(10);
    while !codex_e2e::processes_in(&home).is_empty() {
        assert!(std::time::Instant::now() < deadline);
        thread::yield_now();
    }
}

#[codex_e2e_macros::test]
#[should_panic(expected = "await the operation instead")]
async fn blocking_within_an_async_runtime_panics_and_says_what_to_do() {
    let _ = Codex::start().block_on();
}

#[derive(Debug, Deserialize, JsonSchema)]
struct Sum {
    sum: u32,
}

#[codex_e2e_macros::test]
fn blocking_typed_turns_viewers_budgets_and_requests_are_iterators_and_results() {
    let (_runtime, stage) = stage();
    let escalated =
        r#"{"cmd":"echo no","sandbox_permissions":"require_escalated","justification":"?"}"#;
    stage.model.push(Reply::deltas([r#"{"su"#, r#"m":3}"#]));
    stage
        .model
        .push(Reply::function_call("exec_command", escalated));
    stage
        .model
        .default_reply(Reply::function_call("exec_command", r#"{"cmd":"true"}"#));
    let (builder, requests) = stage.builder().server_requests();
    let codex = builder.start().block_on().unwrap();
    let thread = codex
        .thread_start()
        .sandbox(Sandbox::ReadOnly)
        .block_on()
        .unwrap();
    let watch = thread.watch();
    let mut turn = thread.turn_as::<Sum>("1 + 2?").block_on().unwrap();
    for event in &mut turn {
        event.unwrap();
    }
    assert_eq!(turn.run().block_on().unwrap().value.sum, 3);
    let seen = watch.into_iter().map(Result::unwrap);
    let is_end = |event: &Notification| matches!(event, Notification::TurnCompleted(_));
    let text: String = seen
        .take_while(|event| !is_end(event))
        .filter_map(|event| event.text_delta().map(str::to_owned))
        .collect();
    assert_eq!(text, r#"{"sum":3}"#);

    let answers = thread::spawn(move || {
        let pending = requests.into_iter().next().unwrap();
        pending.respond(CommandExecutionApprovalDecision::Decline)
    });
    let error = thread.run("Go.").max_model_calls(3).block_on().unwrap_err();
    assert!(matches!(error, Error::BudgetSpent(_)), "{error:?}");
    answers.join().unwrap().unwrap();
    codex.close().block_on().unwrap();
}

#[codex_e2e_macros::test]
fn a_turn_is_detached_and_attached_to_without_an_async_runtime() {
    use codex_sdk::Codex;

    let (_runtime, stage) = stage();
    stage.model.push(Reply::text("whole"));
    let server = stage.builder().serve().start().block_on().unwrap();
    let codex = server.connect().block_on().unwrap();
    let thread = codex.thread_start().block_on().unwrap();
    let ticket = thread.turn("go").block_on().unwrap().detach();
    codex.close().block_on().unwrap();
    let token = server.token().unwrap().clone();
    let codex = Codex::connect(server.url()).bearer_token(token);
    let codex = codex.block_on().unwrap();
    let turn = codex.attach(ticket).block_on().unwrap();
    let result = turn.run().block_on().unwrap();
    assert_eq!(result.final_response.as_deref(), Some("whole"));
    server.stop().block_on().unwrap();
}
