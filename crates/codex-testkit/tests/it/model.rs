use std::time::{Duration, Instant};

use codex_testkit::{Gate, Reply, ScriptedModel, Usage};
use serde_json::json;

use crate::http::{ask, send, types};

#[tokio::test]
async fn a_message_comes_as_the_runtime_expects_it() {
    let model = ScriptedModel::start().await.unwrap();
    let usage = Usage {
        input: 12,
        cached: 2,
        output: 5,
        reasoning: 1,
    };
    model.push(
        Reply::deltas(["he", "llo"])
            .phase("final_answer")
            .usage(usage),
    );

    let events = ask(&model).await.events().await;

    let expected = [
        "created",
        "output_item.added",
        "content_part.added",
        "output_text.delta",
        "output_text.delta",
        "output_text.done",
        "output_item.done",
        "completed",
    ];
    assert_eq!(types(&events), expected);
    assert_eq!(events[1]["item"]["content"], json!([]));
    assert_eq!(events[3]["delta"], "he");
    assert_eq!(events[4]["delta"], "llo");
    let message = json!({
        "type": "message", "role": "assistant", "id": "msg_1_0", "status": "completed",
        "content": [{"type": "output_text", "text": "hello", "annotations": []}],
        "phase": "final_answer",
    });
    assert_eq!(events[6]["item"], message);
    assert_eq!(events[7]["response"]["output"], json!([message]));
    let usage = json!({
        "input_tokens": 12, "input_tokens_details": {"cached_tokens": 2},
        "output_tokens": 5, "output_tokens_details": {"reasoning_tokens": 1},
        "total_tokens": 17,
    });
    assert_eq!(events[7]["response"]["usage"], usage);
}

#[tokio::test]
async fn an_event_is_sent_as_it_is_and_is_no_item() {
    let model = ScriptedModel::start().await.unwrap();
    let event = json!({"type": "response.metadata", "metadata": {"mood": "calm"}});
    model.push(Reply::event(event.clone()).then(Reply::text("hello")));

    let events = ask(&model).await.events().await;

    assert_eq!(events[1], event);
    let last = events.last().unwrap();
    assert_eq!(last["response"]["output"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn joined_replies_are_one_response_with_items_in_order() {
    let model = ScriptedModel::start().await.unwrap();
    model.push(
        Reply::reasoning(["think"])
            .then(Reply::text("on it").phase("commentary"))
            .then(Reply::function_call("look", "{}").namespace("eyes"))
            .then(Reply::custom_tool_call("apply_patch", "*** Begin").id("patch")),
    );

    let events = ask(&model).await.events().await;

    let expected = [
        "created",
        "output_item.added",
        "reasoning_summary_part.added",
        "reasoning_summary_text.delta",
        "reasoning_summary_text.done",
        "output_item.done",
        "output_item.added",
        "content_part.added",
        "output_text.delta",
        "output_text.done",
        "output_item.done",
        "output_item.added",
        "output_item.done",
        "output_item.added",
        "output_item.done",
        "completed",
    ];
    assert_eq!(types(&events), expected);
    let output = events[15]["response"]["output"].as_array().unwrap();
    let summary = json!({
        "type": "reasoning", "id": "rs_1_0", "summary": [{"type": "summary_text", "text": "think"}],
    });
    assert_eq!(output[0], summary);
    let call = json!({
        "type": "function_call", "id": "fc_call_1_2", "call_id": "call_1_2",
        "name": "look", "arguments": "{}", "namespace": "eyes",
    });
    assert_eq!(output[2], call);
    let patch = json!({
        "type": "custom_tool_call", "id": "ctc_patch", "call_id": "patch",
        "name": "apply_patch", "input": "*** Begin",
    });
    assert_eq!(output[3], patch);
}

#[tokio::test]
async fn generated_ids_differ_between_replies() {
    let model = ScriptedModel::start().await.unwrap();
    model.default_reply(Reply::function_call("look", "{}"));

    let first = ask(&model).await.events().await;
    let second = ask(&model).await.events().await;

    assert_ne!(first[1]["item"]["call_id"], second[1]["item"]["call_id"]);
}

#[tokio::test]
async fn an_empty_queue_is_an_error_that_is_recorded() {
    let model = ScriptedModel::start().await.unwrap();

    let response = ask(&model).await;

    assert_eq!(response.status, 400);
    let message = "the scripted model has no reply left: push one, or set a default reply";
    let error = json!({"error": {"message": message}});
    assert_eq!(response.json().await, error);
    assert_eq!(model.requests().len(), 1);
}

#[tokio::test]
async fn failures_end_as_they_say() {
    let model = ScriptedModel::start().await.unwrap();
    model.push(Reply::failed("server_error", "boom"));
    model.push(Reply::text("cut").then(Reply::incomplete("max_output_tokens")));
    model.push(Reply::status(
        503,
        json!({"error": {"code": "server_is_overloaded"}}),
    ));

    let failed = ask(&model).await.events().await;
    assert_eq!(types(&failed), ["created", "failed"]);
    let error = json!({"code": "server_error", "message": "boom"});
    assert_eq!(failed[1]["response"]["error"], error);

    let incomplete = ask(&model).await.events().await;
    let last = &incomplete.last().unwrap()["response"];
    assert_eq!(
        last["incomplete_details"],
        json!({"reason": "max_output_tokens"})
    );

    let status = ask(&model).await;
    assert_eq!(status.status, 503);
    assert_eq!(status.json().await["error"]["code"], "server_is_overloaded");
}

#[tokio::test]
async fn a_disconnect_comes_after_every_event_before_it() {
    let model = ScriptedModel::start().await.unwrap();
    let deltas: Vec<_> = (0..500).map(|index| index.to_string()).collect();
    model.push(Reply::deltas(deltas).then(Reply::disconnect()));

    let events = ask(&model).await.events().await;

    assert_eq!(events.len(), 505);
    assert_eq!(types(&events).last(), Some(&"output_item.done"));
}

#[tokio::test]
async fn a_gate_holds_the_reply_after_its_first_event() {
    let model = ScriptedModel::start().await.unwrap();
    let gate = Gate::new();
    model.push(Reply::text("held").gate(&gate));
    let mut response = ask(&model).await;

    assert_eq!(response.event().await.unwrap()["type"], "response.created");
    gate.reached().await;
    let held = tokio::time::timeout(Duration::from_millis(50), response.event()).await;
    assert!(held.is_err(), "an event passed the closed gate: {held:?}");

    gate.release();
    assert_eq!(response.events().await.len(), 6);
}

#[tokio::test]
async fn a_gate_past_the_end_holds_the_end_of_the_stream() {
    let model = ScriptedModel::start().await.unwrap();
    let gate = Gate::new();
    model.push(Reply::text("whole").gate_at(usize::MAX, &gate));
    let mut response = ask(&model).await;

    for _ in 0..7 {
        response.event().await.unwrap();
    }
    gate.reached().await;
    gate.release();

    assert_eq!(response.event().await, None);
}

#[tokio::test]
async fn a_gate_holds_a_status_reply() {
    let model = ScriptedModel::start().await.unwrap();
    let gate = Gate::new();
    model.push(Reply::status(429, json!({})).gate(&gate));

    let (status, ()) = tokio::join!(async { ask(&model).await.status }, async {
        gate.reached().await;
        gate.release();
    });

    assert_eq!(status, 429);
}

#[tokio::test]
async fn a_delay_spreads_the_events() {
    let model = ScriptedModel::start().await.unwrap();
    model.push(Reply::text("slow").delay(Duration::from_millis(10)));
    let start = Instant::now();

    let events = ask(&model).await.events().await;

    assert!(start.elapsed() >= Duration::from_millis(10) * u32::try_from(events.len()).unwrap());
}

#[tokio::test]
async fn requests_are_recorded_whole() {
    let model = ScriptedModel::start().await.unwrap();
    model.push(Reply::text("compacted"));
    let body = json!({
        "input": [
            {"type": "message", "role": "developer", "content": [{"type": "input_text", "text": "rules"}]},
            {"type": "message", "role": "user", "content": [
                {"type": "input_text", "text": "look"},
                {"type": "input_image", "image_url": "data:image/png;base64,AA=="},
            ]},
            {"type": "function_call", "call_id": "c1", "name": "look", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "c1", "output": "seen"},
        ],
        "tools": [{"type": "function", "name": "look"}],
    });

    let response = send(&model, "POST", "/responses/compact?x=1", &body.to_string()).await;

    let compacted = response.json().await;
    assert_eq!(compacted["output"][0]["content"][0]["text"], "compacted");
    let request = model.next_request().await;
    assert_eq!(
        (&*request.method, &*request.path),
        ("POST", "/v1/responses/compact")
    );
    assert!(request.is_compact());
    assert_eq!(request.body, body);
    assert_eq!(request.input_items().len(), 4);
    assert_eq!(request.texts("developer"), ["rules"]);
    assert_eq!(request.user_texts(), ["look"]);
    assert_eq!(request.image_urls(), ["data:image/png;base64,AA=="]);
    assert_eq!(request.tool_output("c1"), Some(&json!("seen")));
    assert_eq!(
        request.tools(),
        [json!({"type": "function", "name": "look"})]
    );
    assert_eq!(request.header("x-CASE"), Some("Kept"));
    assert_eq!(request.header("authorization"), Some("Bearer s3cret"));
    assert!(!format!("{request:?}").contains("s3cret"));
}

#[tokio::test]
async fn other_paths_are_answered_and_recorded() {
    let model = ScriptedModel::start().await.unwrap();

    let models = send(&model, "GET", "/models", "").await;
    assert_eq!(models.json().await["data"][0]["id"], "mock-model");
    assert_eq!(
        send(&model, "POST", "/elsewhere", "not JSON").await.status,
        404
    );

    let requests = model.requests();
    assert_eq!(requests[0].body, json!(null));
    assert_eq!(requests[1].body, json!("not JSON"));
}

#[tokio::test]
async fn waiting_sees_requests_before_and_after_it_starts() {
    let model = ScriptedModel::start().await.unwrap();
    let post = |body| send(&model, "POST", "/responses", body);
    post("1").await;
    assert_eq!(model.next_request().await.body, 1);

    let (second, _) = tokio::join!(model.next_request(), post("2"));
    assert_eq!(second.body, 2);

    let (requests, ..) = tokio::join!(model.wait_for_requests(4), post("3"), post("4"));
    assert_eq!(requests.len(), 4);
    assert_eq!(model.next_request().await, requests[2]);
    assert_eq!(model.next_request().await, requests[3]);
}

#[tokio::test]
async fn requests_that_were_taken_are_forgotten() {
    let model = ScriptedModel::start().await.unwrap();
    let post = |body| send(&model, "POST", "/responses", body);
    post("1").await;
    post("2").await;

    let taken = model.take_requests();
    assert_eq!(taken.iter().map(|it| &it.body).collect::<Vec<_>>(), [1, 2]);
    assert_eq!(model.requests(), []);

    post("3").await;
    assert_eq!(model.next_request().await.body, 3);
    assert_eq!(model.wait_for_requests(1).await.len(), 1);
}

#[tokio::test]
#[should_panic(expected = "requests so far: 1\nPOST /v1/responses")]
async fn waiting_in_vain_says_what_came_instead() {
    let model = ScriptedModel::start().await.unwrap();
    model.set_deadline(Duration::from_millis(20));
    ask(&model).await;

    model.wait_for_requests(2).await;
}

#[test]
fn the_model_serves_without_a_runtime_and_ends_all_streams_when_dropped() {
    let model = ScriptedModel::start_blocking().unwrap();
    let gate = Gate::new();
    model.push(Reply::text("never whole").then(Reply::stall()));
    model.push(Reply::text("held").gate(&gate));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let (mut stalled, mut held) = runtime.block_on(async {
        let (mut stalled, held) = (ask(&model).await, ask(&model).await);
        for _ in 0..6 {
            stalled.event().await.unwrap();
        }
        gate.reached().await;
        (stalled, held)
    });

    drop(model);

    runtime.block_on(async {
        assert_eq!(stalled.event().await, None);
        assert!(held.events().await.len() <= 1);
    });
}
