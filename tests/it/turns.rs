//! What a turn streams and what it brings.

use codex_e2e::Stage;
use codex_sdk::types::{ThreadItem, TurnStatus};
use codex_sdk::{Error, Notification, types};
use codex_testkit::{Reply, Usage};

/// Names a notification by its method, and an item by its kind.
fn describe(event: &Notification) -> String {
    let item = match event {
        Notification::ItemStarted(started) => Some(&started.item),
        Notification::ItemCompleted(completed) => Some(&completed.item),
        _ => None,
    };
    let kind = item.map(|item| format!(" {}", item.tag()));
    format!("{}{}", event.method(), kind.unwrap_or_default())
}

#[codex_e2e_macros::test]
async fn parity_73_75_79_a_plain_turn_streams_in_the_runtimes_order_and_ends() {
    let stage = Stage::new().await.unwrap();
    stage.model.push(Reply::deltas(["he", "llo"]));
    let codex = stage.start().await.unwrap();
    let thread = codex.thread_start().await.unwrap();
    let mut turn = thread.turn("Say hello.").await.unwrap();
    let mut events = Vec::new();
    let mut text = String::new();
    while let Some(event) = turn.next().await {
        let event = event.unwrap();
        text.push_str(event.text_delta().unwrap_or_default());
        assert_eq!(event.thread_id(), Some(thread.id()));
        assert_eq!(event.turn_id(), Some(turn.id()));
        events.push(describe(&event));
    }
    assert_eq!(
        events,
        [
            "turn/started",
            "item/started userMessage",
            "item/completed userMessage",
            "item/started agentMessage",
            "item/agentMessage/delta",
            "item/agentMessage/delta",
            "item/completed agentMessage",
            "thread/tokenUsage/updated",
            "turn/completed",
        ]
    );
    assert_eq!(text, "hello");
    assert!(turn.next().await.is_none());
    let request = stage.model.next_request().await;
    assert_eq!(request.user_texts().last(), Some(&"Say hello."));
    codex.close().await.unwrap();
}

#[codex_e2e_macros::test]
async fn parity_65_67_a_result_holds_every_completed_item_the_usage_and_the_times() {
    let stage = Stage::new().await.unwrap();
    let usage = Usage {
        input: 11,
        cached: 3,
        output: 7,
        reasoning: 5,
    };
    stage.model.push(Reply::text("Hello.").usage(usage));
    let codex = stage.start().await.unwrap();
    let thread = codex.thread_start().await.unwrap();
    let result = thread.run("hello").await.unwrap();
    assert_eq!(result.status, TurnStatus::Completed);
    assert_eq!(result.error, None);
    assert_eq!(result.final_response.as_deref(), Some("Hello."));
    let kinds: Vec<_> = result.items.iter().map(ThreadItem::tag).collect();
    assert_eq!(kinds, ["userMessage", "agentMessage"]);
    let last = result.usage.unwrap().last;
    assert_eq!((last.input_tokens, last.cached_input_tokens), (11, 3));
    assert_eq!((last.output_tokens, last.reasoning_output_tokens), (7, 5));
    assert!(result.started_at <= result.completed_at && result.started_at.is_some());
    assert!(result.duration_ms.is_some());
}

#[codex_e2e_macros::test]
async fn the_usage_of_a_turn_is_its_share_of_the_threads_also_on_a_resumed_one() {
    let usage = |input, output| Usage {
        input,
        output,
        ..Usage::default()
    };
    let stage = Stage::new().await.unwrap();
    let codex = stage.start().await.unwrap();
    let thread = codex.thread_start().await.unwrap();
    let shares = |result: &codex_sdk::TurnResult| {
        let turn = result.turn_usage().unwrap();
        let total = &result.usage.as_ref().unwrap().total;
        (turn.input_tokens, turn.output_tokens, total.input_tokens)
    };
    stage.model.push(Reply::text("one").usage(usage(10, 1)));
    assert_eq!(shares(&thread.run("one").await.unwrap()), (10, 1, 10));
    // Two calls of the model in one turn.
    let call = Reply::function_call("exec_command", r#"{"cmd":"true"}"#);
    stage.model.push(call.usage(usage(20, 2)));
    stage.model.push(Reply::text("two").usage(usage(30, 3)));
    assert_eq!(shares(&thread.run("two").await.unwrap()), (50, 5, 60));
    codex.close().await.unwrap();

    let codex = stage.start().await.unwrap();
    let thread = codex
        .thread_resume(thread.id())
        .include_turns(false)
        .await
        .unwrap();
    stage.model.push(Reply::text("three").usage(usage(40, 4)));
    assert_eq!(shares(&thread.run("three").await.unwrap()), (40, 4, 100));
}

#[codex_e2e_macros::test]
async fn a_turn_that_ends_before_the_model_has_answered_has_no_usage() {
    let stage = Stage::new().await.unwrap();
    let usage = Usage {
        input: 10,
        output: 1,
        ..Usage::default()
    };
    let codex = stage.start().await.unwrap();
    let thread = codex.thread_start().await.unwrap();
    stage.model.push(Reply::text("one").usage(usage));
    let first = thread.run("one").await.unwrap();
    assert_eq!(first.turn_usage().unwrap().input_tokens, 10);
    let gate = codex_testkit::Gate::new();
    stage.model.push(Reply::text("two").gate(&gate));
    let turn = thread.turn("two").await.unwrap();
    gate.reached().await;
    turn.interrupt().await.unwrap();
    let second = turn.run().await.unwrap();
    assert_eq!(second.status, TurnStatus::Interrupted);
    assert_eq!(second.turn_usage(), None);
    stage.model.push(Reply::text("three").usage(usage));
    let third = thread.run("three").await.unwrap();
    assert_eq!(third.turn_usage().unwrap().input_tokens, 10);
}

#[codex_e2e_macros::test]
async fn parity_74_run_on_a_handle_includes_what_was_already_read() {
    let stage = Stage::new().await.unwrap();
    stage.model.push(Reply::deltas(["one ", "two"]));
    let codex = stage.start().await.unwrap();
    let thread = codex.thread_start().await.unwrap();
    let mut turn = thread.turn("count").await.unwrap();
    let id = turn.id().to_owned();
    while let Some(event) = turn.next().await {
        if event.unwrap().method() == "item/completed" {
            break;
        }
    }
    let result = turn.run().await.unwrap();
    assert_eq!(result.id, id);
    assert_eq!(result.items.len(), 2);
    assert_eq!(result.final_response.as_deref(), Some("one two"));
}

/// Runs a turn in which the model says these messages, and returns its final response.
async fn final_response(messages: &[(&str, Option<&str>)]) -> Option<String> {
    let stage = Stage::new().await.unwrap();
    let replies = messages.iter().map(|(text, phase)| match phase {
        Some(phase) => Reply::text(*text).phase(*phase),
        None => Reply::text(*text),
    });
    stage.model.push(replies.reduce(Reply::then).unwrap());
    let codex = stage.start().await.unwrap();
    let thread = codex.thread_start().await.unwrap();
    let result = thread.run("go").await.unwrap();
    let texts = result.items.iter().filter_map(|item| match item {
        ThreadItem::AgentMessage(message) => Some(message.text.as_str()),
        _ => None,
    });
    assert!(texts.eq(messages.iter().map(|(text, _)| *text)));
    result.final_response
}

#[codex_e2e_macros::test]
async fn parity_68_the_final_response_is_the_marked_message_else_the_last_unmarked_one() {
    let (commentary, answer) = (Some("commentary"), Some("final_answer"));
    let marked = final_response(&[("a", answer), ("b", None), ("c", commentary)]).await;
    assert_eq!(marked.as_deref(), Some("a"));
    let unmarked = final_response(&[("a", None), ("b", None), ("c", commentary)]).await;
    assert_eq!(unmarked.as_deref(), Some("b"));
    assert_eq!(final_response(&[("a", commentary)]).await, None);
    // An empty message is no answer, wherever it comes.
    let empty = final_response(&[("a", commentary), ("", answer)]).await;
    assert_eq!(empty, None);
    let after = final_response(&[("a", answer), ("", answer)]).await;
    assert_eq!(after.as_deref(), Some("a"));
    let before = final_response(&[("", answer), ("b", None)]).await;
    assert_eq!(before.as_deref(), Some("b"));
}

#[codex_e2e_macros::test]
async fn parity_69_a_failed_turn_is_an_error_with_its_kind_and_what_came_before() {
    let stage = Stage::new().await.unwrap();
    stage
        .model
        .push(Reply::failed("insufficient_quota", "no money"));
    let codex = stage.start().await.unwrap();
    let thread = codex.thread_start().await.unwrap();
    let error = thread.run("go").await.unwrap_err();
    let Error::TurnFailed(failed) = &error else {
        panic!("{error:?}");
    };
    assert!(failed.message.starts_with("Quota exceeded"), "{failed}");
    assert_eq!(
        failed.codex_error_info,
        Some(types::CodexErrorInfo::UsageLimitExceeded)
    );
    assert_eq!(error.partial_result().unwrap().items.len(), 1);
    assert!(!error.is_closed() && !error.is_retryable());

    stage.model.push(Reply::text("Better."));
    let result = thread.run("again").await.unwrap();
    assert_eq!(result.final_response.as_deref(), Some("Better."));
}

#[codex_e2e_macros::test]
async fn a_failed_turn_is_a_notification_in_its_stream() {
    let stage = Stage::new().await.unwrap();
    stage.model.push(Reply::failed("server_error", "broken"));
    let codex = stage.start().await.unwrap();
    let thread = codex.thread_start().await.unwrap();
    let mut turn = thread.turn("go").await.unwrap();
    let mut last = None;
    while let Some(event) = turn.next().await {
        last = Some(event.unwrap());
    }
    let Some(Notification::TurnCompleted(completed)) = last else {
        panic!("{last:?}");
    };
    assert_eq!(completed.turn.status, TurnStatus::Failed);
}

#[codex_e2e_macros::test]
async fn a_turn_can_be_steered() {
    let stage = Stage::new().await.unwrap();
    let gate = codex_testkit::Gate::new();
    stage.model.push(Reply::text("Working on it.").gate(&gate));
    stage.model.push(Reply::text("In French: bonjour."));
    let codex = stage.start().await.unwrap();
    let thread = codex.thread_start().await.unwrap();
    let turn = thread.turn("Say hello.").await.unwrap();
    gate.reached().await;
    let steered = turn.steer("In French, please.").await.unwrap();
    assert_eq!(steered.turn_id, turn.id());
    gate.release();
    let result = turn.run().await.unwrap();
    assert_eq!(
        result.final_response.as_deref(),
        Some("In French: bonjour.")
    );
    let requests = stage.model.requests();
    assert_eq!(requests[1].user_texts().last(), Some(&"In French, please."));
}

#[codex_e2e_macros::test]
async fn requests_are_typed_and_refusals_say_what_was_refused() {
    let stage = Stage::new().await.unwrap();
    let codex = stage.start().await.unwrap();
    assert_eq!(codex.metadata().server_version, codex_sdk::RUNTIME_VERSION);
    assert_eq!(types::RUNTIME_VERSION, codex_sdk::RUNTIME_VERSION);
    let thread = codex.thread_start().await.unwrap();
    let loaded = codex.request(types::ThreadLoadedListParams::default());
    assert_eq!(loaded.await.unwrap().data, [thread.id()]);

    let unknown = codex.request_raw("no/such", serde_json::json!({}));
    let error = unknown.await.unwrap_err();
    let rpc = error.rpc().unwrap();
    assert_eq!(rpc.kind(), codex_sdk::RpcErrorKind::InvalidRequest);
    assert_eq!(rpc.method, "no/such");
}

#[codex_e2e_macros::test]
async fn what_no_turn_takes_comes_to_the_subscriptions() {
    let stage = Stage::new().await.unwrap();
    stage.model.push(Reply::text("Hello."));
    let codex = stage
        .open(stage.builder().notifications(1 << 20))
        .await
        .unwrap();
    let mut all = codex.notifications();
    let thread = codex.thread_start().await.unwrap();
    let mut of_thread = thread.notifications();
    thread.run("hello").await.unwrap();
    codex.close().await.unwrap();

    let mut methods = Vec::new();
    while let Some(Ok(event)) = all.next().await {
        methods.push(event.method().to_owned());
    }
    let first = methods
        .iter()
        .position(|m| m == "remoteControl/status/changed");
    let started = methods.iter().position(|m| m == "thread/started");
    assert!(first.is_some() && first < started, "{methods:?}");
    assert!(
        methods.iter().any(|m| m == "thread/status/changed"),
        "{methods:?}"
    );
    assert!(!methods.iter().any(|m| m == "turn/started"), "{methods:?}");

    while let Some(Ok(event)) = of_thread.next().await {
        assert_eq!(event.thread_id(), Some(thread.id()));
    }
    assert!(of_thread.next().await.is_none());
}

#[codex_e2e_macros::test]
async fn with_no_handler_nothing_is_approved_and_the_turn_goes_on() {
    let stage = Stage::new().await.unwrap();
    let call = r#"{"cmd":"touch approved.txt"}"#;
    stage
        .model
        .push(Reply::function_call("exec_command", call).id("touch"));
    stage.model.push(Reply::text("It was refused."));
    let codex = stage.start().await.unwrap();
    let policy = types::AskForApproval::Untrusted;
    let thread = codex.thread_start().approval_policy(policy).await.unwrap();
    let result = thread.run("Touch a file.").await.unwrap();
    assert_eq!(result.final_response.as_deref(), Some("It was refused."));
    let declined = result.items.iter().any(|item| match item {
        ThreadItem::CommandExecution(command) => {
            command.status == types::CommandExecutionStatus::Declined
        }
        _ => false,
    });
    assert!(declined, "{:?}", result.items);
    assert!(!stage.home.workspace().join("approved.txt").exists());
}
