//! What streams bring, alone and beside each other, and what options reach the model.

use codex_e2e::{Stage, next_text};
use codex_sdk::types::{ThreadItem, TokenUsageBreakdown, TokenUsageBreakdownRequired, TurnStatus};
use codex_sdk::{Notification, TurnResult};
use codex_testkit::{Gate, Reply, Usage};
use serde_json::json;

#[codex_e2e_macros::test]
async fn parity_66_the_model_of_a_turn_is_asked_and_the_usage_is_that_of_call_and_thread() {
    let stage = Stage::new().await.unwrap();
    let usage = Usage {
        input: 11,
        cached: 3,
        output: 7,
        reasoning: 5,
    };
    stage
        .model
        .default_reply(Reply::text("Hello.").usage(usage));
    let (_codex, thread) = stage.start_thread().await.unwrap();
    for times in [1, 2] {
        let result = thread.run("hello").model("another-model").await.unwrap();
        let request = stage.model.next_request().await;
        assert_eq!(request.body["model"], "another-model");
        assert_eq!(request.body["stream"], true);
        let usage = result.usage.unwrap();
        let tokens = |times: i64| {
            TokenUsageBreakdown::from(TokenUsageBreakdownRequired {
                cached_input_tokens: 3 * times,
                input_tokens: 11 * times,
                output_tokens: 7 * times,
                reasoning_output_tokens: 5 * times,
                total_tokens: 18 * times,
            })
        };
        assert_eq!(usage.last, tokens(1));
        assert_eq!(usage.total, tokens(times));
    }
}

#[codex_e2e_macros::test]
async fn parity_70_an_output_schema_reaches_the_model() {
    let stage = Stage::new().await.unwrap();
    stage.model.push(Reply::text(r#"{"ok":true}"#));
    let (_codex, thread) = stage.start_thread().await.unwrap();
    let schema = json!({
        "type": "object", "properties": {"ok": {"type": "boolean"}},
        "required": ["ok"], "additionalProperties": false,
    });
    thread
        .run("go")
        .output_schema(schema.clone())
        .await
        .unwrap();
    let request = stage.model.next_request().await;
    let expected = json!({
        "type": "json_schema", "strict": true, "name": "codex_output_schema", "schema": schema,
    });
    assert_eq!(request.body["text"]["format"], expected);
}

#[codex_e2e_macros::test]
async fn parity_76_the_text_of_a_stream_is_its_message_without_the_reasoning() {
    let stage = Stage::new().await.unwrap();
    let reply = Reply::reasoning(["hm", "m"]).then(Reply::deltas(["he", "llo"]));
    stage.model.push(reply);
    let (_codex, thread) = stage.start_thread().await.unwrap();
    let mut turn = thread.turn("go").await.unwrap();
    let (mut texts, mut others) = (Vec::new(), 0);
    while let Some(event) = turn.next().await {
        match event.unwrap().text_delta() {
            Some(text) => texts.push(text.to_owned()),
            None => others += 1,
        }
    }
    assert_eq!(texts, ["he", "llo"]);
    assert!(others > 0);
}

#[codex_e2e_macros::test]
async fn parity_78_two_streams_read_in_turns_have_their_own_each() {
    let stage = Stage::new().await.unwrap();
    let codex = stage.start().await.unwrap();
    let mut turns = Vec::new();
    for reply in [["a1", "a2"], ["b1", "b2"]] {
        // After the first of the deltas.
        let gate = Gate::new();
        stage.model.push(Reply::deltas(reply).gate_at(4, &gate));
        let thread = codex.thread_start().await.unwrap();
        let turn = thread.turn("go").await.unwrap();
        gate.reached().await;
        turns.push((turn, gate));
    }
    let [(mut a, a_gate), (mut b, b_gate)] = turns.try_into().unwrap();
    assert_eq!(next_text(&mut a).await.as_deref(), Some("a1"));
    assert_eq!(next_text(&mut b).await.as_deref(), Some("b1"));
    b_gate.release();
    assert_eq!(next_text(&mut b).await.as_deref(), Some("b2"));
    a_gate.release();
    assert_eq!(next_text(&mut a).await.as_deref(), Some("a2"));
    assert_eq!(next_text(&mut b).await, None);
    assert_eq!(next_text(&mut a).await, None);
    let (a, b) = (a.run().await.unwrap(), b.run().await.unwrap());
    assert_eq!(a.final_response.as_deref(), Some("a1a2"));
    assert_eq!(b.final_response.as_deref(), Some("b1b2"));
}

#[codex_e2e_macros::test]
async fn parity_80_a_late_handle_has_the_rest_of_the_turn_and_its_usage() {
    let stage = Stage::new().await.unwrap();
    let gate = Gate::new();
    // The whole message, then the gate: what is left is the end of the turn.
    let message = Reply::text("early").phase("final_answer").gate_at(6, &gate);
    stage.model.push(message);
    stage.model.push(Reply::text("aside").phase("commentary"));
    let (codex, thread) = stage.start_thread().await.unwrap();
    let mut first = thread.turn("go").await.unwrap();
    loop {
        let event = first.next().await.unwrap().unwrap();
        if let Notification::ItemCompleted(completed) = event
            && let ThreadItem::AgentMessage(_) = completed.item
        {
            break;
        }
    }
    let second = thread.turn("and on").await.unwrap();
    gate.release();
    let (first, second) = tokio::join!(first.run(), second.run());
    let (first, second) = (first.unwrap(), second.unwrap());
    assert_eq!(first.final_response.as_deref(), Some("early"));
    assert_eq!(second.final_response, None);
    assert!(second.usage.is_some() && second.usage == first.usage);
    assert_eq!(second.turn_usage(), None);
    assert_eq!(codex.stats().live_turns, 0);
}

#[codex_e2e_macros::test]
async fn parity_92_93_a_stream_that_was_read_to_its_end_stays_at_its_end() {
    let stage = Stage::new().await.unwrap();
    stage.model.push(Reply::text("all"));
    let (codex, thread) = stage.start_thread().await.unwrap();
    let mut turn = thread.turn("go").await.unwrap();
    while turn.next().await.is_some() {}
    for _ in 0..3 {
        assert!(turn.next().await.is_none());
    }
    codex.close().await.unwrap();
    assert!(turn.next().await.is_none());
    let result = turn.run().await.unwrap();
    assert_eq!(result.final_response.as_deref(), Some("all"));
}

#[codex_e2e_macros::test]
async fn parity_140_145_a_tier_and_a_source_are_for_one_turn_and_the_thread_lives_on() {
    let stage = Stage::new().await.unwrap();
    stage.model.default_reply(Reply::text("yes"));
    let (codex, thread) = stage.start_thread().await.unwrap();
    let run = thread.run("hello").turn_service_tier("priority");
    run.source("slack_notification").await.unwrap();
    let request = stage.model.next_request().await;
    assert_eq!(request.body["service_tier"], "priority");
    let metadata = request.header("x-codex-turn-metadata").unwrap();
    let metadata: serde_json::Value = serde_json::from_str(metadata).unwrap();
    assert_eq!(metadata["turn_trigger"], "slack_notification");
    thread.run("plain").await.unwrap();
    let plain = stage.model.next_request().await;
    assert_eq!(plain.body.get("service_tier"), None);

    let completed = |result: TurnResult| {
        assert_eq!(result.status, TurnStatus::Completed);
        assert_eq!(result.final_response.as_deref(), Some("yes"));
    };
    let resumed = codex.thread_resume(thread.id()).include_turns(false);
    completed(resumed.await.unwrap().run("resumed").await.unwrap());
    let fork = codex.thread_fork(thread.id()).include_turns(true);
    completed(fork.await.unwrap().run("forked").await.unwrap());
    let last = stage.model.requests().pop().unwrap();
    let texts = last.user_texts();
    assert_eq!(
        texts[texts.len() - 4..],
        ["hello", "plain", "resumed", "forked"]
    );
}
