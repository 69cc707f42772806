//! What a turn streams, and how it is steered.

use codex_e2e::Stage;
use codex_testkit::{Gate, Reply};
use codex_types as types;
use serde_json::{Value, json};

use crate::recording::session::{Session, text};
use crate::recording::tally::Tally;

const HOOKS: &str = r#"
    [tools.update_plan]
    enabled = true
    [[hooks.UserPromptSubmit]]
    hooks = [{ type = "command", command = "echo {}" }]
"#;

pub(crate) async fn record() -> Tally {
    let stage = Stage::with(|home| {
        home.model_name("gpt-5.5")
            .sandbox_mode("danger-full-access")
            .feature("step_model_switching", true)
            .feature("apply_patch_streaming_events", true)
            .config_toml(HOOKS)
    })
    .await
    .unwrap();
    let mut session = Session::start(&stage).await;
    trust_hooks(&mut session).await;
    let thread = session.thread(json!({})).await;
    thinking(&mut session, &thread).await;
    planning(&mut session, &thread).await;
    patching(&mut session, &thread).await;
    terminals(&mut session, &thread).await;
    steering(&mut session, &thread).await;
    reviewing(&mut session, &thread).await;
    failing(&mut session, &thread).await;
    session.end().await
}

/// Hooks run only once somebody has trusted what they say now.
async fn trust_hooks(session: &mut Session<'_>) {
    let listed = session.request::<types::HooksListParams>(json!({})).await;
    let types::HookMetadata::Command(hook) = &listed.data[0].hooks[0] else {
        panic!("no command: {listed:?}");
    };
    let state = json!({(&hook.key): {"trusted_hash": hook.current_hash, "enabled": true}});
    session
        .request::<types::ConfigBatchWriteParams>(json!({"edits": [
            {"keyPath": "hooks.state", "mergeStrategy": "upsert", "value": state},
        ]}))
        .await;
}

/// Reasoning, and what the service says about the model beside it.
async fn thinking(session: &mut Session<'_>, thread: &str) {
    let about = json!({
        "type": "response.metadata",
        "headers": {"openai-model": "gpt-5.2", "x-codex-safety-buffering-enabled": "true"},
        "metadata": {
            "openai_verification_recommendation": ["trusted_access_for_cyber"],
            "openai_chatgpt_moderation_metadata": {"presentation": "plain"},
        },
        "safety_buffering": {"use_cases": ["cyber"], "reasons": ["caution"], "retry_model": "gpt-5.1"},
    });
    let raw = streamed(
        &json!({"type": "reasoning", "id": "raw", "summary": []}),
        json!({
            "type": "response.reasoning_text.delta", "item_id": "raw", "output_index": 0,
            "content_index": 0, "delta": "hm",
        }),
    );
    let reply = Reply::event(about)
        .then(Reply::reasoning(["I ", "think"]))
        .then(raw)
        .then(Reply::deltas(["he", "llo"]));
    session.turn(thread, json!({}), [reply]).await;
    for method in ["hook/started", "hook/completed", "model/rerouted"] {
        session.notification(method, |_| true).await;
    }
    session
        .notification("item/reasoning/textDelta", |_| true)
        .await;
    session
        .notification("item/reasoning/summaryTextDelta", |_| true)
        .await;
}

async fn planning(session: &mut Session<'_>, thread: &str) {
    let plan = json!({"plan": [{"step": "look", "status": "in_progress"}]});
    let replies = [
        Reply::function_call("update_plan", plan.to_string()),
        Reply::text("ok"),
    ];
    session.turn(thread, json!({}), replies).await;
    session.notification("turn/plan/updated", |_| true).await;
}

/// A patch that is written bit by bit.
async fn patching(session: &mut Session<'_>, thread: &str) {
    let lines = [
        "*** Begin Patch\n",
        "*** Add File: new\n",
        "+hi\n",
        "*** End Patch",
    ];
    let call = json!({
        "type": "custom_tool_call", "id": "patch", "call_id": "patch",
        "name": "apply_patch", "input": lines.concat(),
    });
    let deltas = lines.iter().map(|line| {
        Reply::event(json!({
            "type": "response.custom_tool_call_input.delta", "item_id": "patch",
            "output_index": 0, "call_id": "patch", "delta": line,
        }))
    });
    let added = Reply::event(item_event("added", &call));
    let done = Reply::event(item_event("done", &call));
    let reply = deltas.fold(added, Reply::then).then(done);
    session
        .turn(thread, json!({}), [reply, Reply::text("ok")])
        .await;
    session
        .notification("item/fileChange/patchUpdated", |_| true)
        .await;
    session.notification("turn/diff/updated", |_| true).await;
}

/// A command that the model writes to, and that stays when its turn has ended.
async fn terminals(session: &mut Session<'_>, thread: &str) {
    let gate = Gate::new();
    let start = json!({"cmd": "cat", "tty": true, "yield_time_ms": 250});
    let start = Reply::function_call("exec_command", start.to_string()).id("cat");
    // Its number isn't known before it runs: the reply is put together then.
    let turn = session
        .start_turn(thread, json!({}), [start, Reply::text("wait").gate(&gate)])
        .await;
    gate.reached().await;
    let listed = session
        .request::<types::ThreadBackgroundTerminalsListParams>(json!({"threadId": thread}))
        .await;
    let id = &listed.data[0].process_id;
    gate.release();
    session.turn_end(&turn).await;
    let number: u64 = id.parse().unwrap();
    let write = json!({"session_id": number, "chars": "hi\n", "yield_time_ms": 250});
    let write = Reply::function_call("write_stdin", write.to_string());
    session
        .turn(thread, json!({}), [write, Reply::text("ok")])
        .await;
    session
        .notification("item/commandExecution/terminalInteraction", |_| true)
        .await;
    session
        .notification("item/commandExecution/outputDelta", |_| true)
        .await;
    session
        .request::<types::ThreadBackgroundTerminalsTerminateParams>(
            json!({"threadId": thread, "processId": id}),
        )
        .await;
    session
        .request::<types::ThreadBackgroundTerminalsCleanParams>(json!({"threadId": thread}))
        .await;
    session
        .request::<types::ThreadShellCommandParams>(
            json!({"threadId": thread, "command": "echo hi"}),
        )
        .await;
    session.notification("turn/completed", |_| true).await;
}

async fn steering(session: &mut Session<'_>, thread: &str) {
    let gate = Gate::new();
    let turn = session
        .start_turn(thread, json!({}), [Reply::text("never said").gate(&gate)])
        .await;
    gate.reached().await;
    session
        .request::<types::TurnSettingsUpdateParams>(
            json!({"threadId": thread, "turnId": turn, "effort": "high"}),
        )
        .await;
    session
        .request::<types::TurnSteerParams>(
            json!({"threadId": thread, "expectedTurnId": turn, "input": text("left")}),
        )
        .await;
    let queued = session
        .request::<types::ThreadQueueAddParams>(
            json!({"threadId": thread, "clientUserMessageId": "next", "input": text("right")}),
        )
        .await;
    session
        .request::<types::TurnInterruptParams>(json!({"threadId": thread, "turnId": turn}))
        .await;
    assert_eq!(session.turn_end(&turn).await, "interrupted");
    gate.release();
    // After an interrupt the queue waits to be told.
    session.stage.model.push(Reply::text("ok"));
    session
        .request::<types::ThreadQueueStartParams>(
            json!({"threadId": thread, "queuedSubmissionId": queued.queued_submission.id}),
        )
        .await;
    session.notification("turn/completed", |_| true).await;
}

async fn reviewing(session: &mut Session<'_>, thread: &str) {
    session.stage.model.push(Reply::text("Looks fine."));
    let review = session
        .request::<types::ReviewStartParams>(json!({
            "threadId": thread, "target": {"type": "custom", "instructions": "Look at it."},
        }))
        .await;
    session.turn_end(&review.turn.id).await;
}

async fn failing(session: &mut Session<'_>, thread: &str) {
    let turn = session
        .start_turn(thread, json!({}), [Reply::status(500, json!({}))])
        .await;
    session
        .notification("error", |params| params["willRetry"] == false)
        .await;
    assert_eq!(session.turn_end(&turn).await, "failed");
}

/// An item that has one event of its own between its beginning and its end.
fn streamed(item: &Value, event: Value) -> Reply {
    Reply::event(item_event("added", item))
        .then(Reply::event(event))
        .then(Reply::event(item_event("done", item)))
}

fn item_event(name: &str, item: &Value) -> Value {
    json!({"type": format!("response.output_item.{name}"), "output_index": 0, "item": item})
}
