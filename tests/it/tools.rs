//! Tools of the program that the model calls.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use codex_e2e::{Stage, is_idle};
use codex_sdk::schemars::JsonSchema;
use codex_sdk::types::{ThreadItem, TurnStatus};
use codex_sdk::{
    Error, HandlerResult, RequestContext, ServerRequestHandler, Tool, ToolOutput, schemars, types,
};
use codex_testkit::{RecordedRequest, Reply};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::Barrier;

#[derive(Debug, Deserialize, JsonSchema)]
struct Weather {
    /// The name of a city.
    city: String,
    #[serde(default)]
    days: Option<u8>,
}

fn weather() -> Tool {
    let tell = |args: Weather| async move {
        let days = args.days.unwrap_or(1);
        Ok(format!("Rain in {} for {days} days.", args.city))
    };
    Tool::new("weather", "Tells the weather of a city.", tell)
}

/// The model calls a tool, and then says that it is done.
fn calls(stage: &Stage, name: &str, arguments: &Value) {
    let call = Reply::function_call(name, arguments.to_string()).id("call");
    stage.model.push(call);
    stage.model.push(Reply::text("Done."));
}

/// The output of the latest call with this id.
fn output(request: &RecordedRequest, call: &str) -> String {
    let mut items = request.input_items().iter().rev();
    let item = items.find(|item| item["call_id"] == call && item.get("output").is_some());
    item.unwrap()["output"].to_string()
}

fn last_output(stage: &Stage) -> String {
    output(stage.model.requests().last().unwrap(), "call")
}

fn tool_statuses(items: &[ThreadItem]) -> Vec<&str> {
    let calls = items.iter().filter_map(|item| match item {
        ThreadItem::DynamicToolCall(call) => Some(call.status.as_str()),
        _ => None,
    });
    calls.collect()
}

#[codex_e2e_macros::test]
async fn a_tool_is_offered_with_its_schema_called_and_its_output_seen() {
    let (stage, codex) = Stage::with_client().await.unwrap();
    let thread = codex.thread_start().tool(weather()).await.unwrap();
    calls(&stage, "weather", &json!({ "city": "Lisbon", "days": 3 }));
    let result = thread.run("How is the weather?").await.unwrap();
    assert_eq!(result.final_response.as_deref(), Some("Done."));
    assert_eq!(tool_statuses(&result.items), ["completed"]);
    let output = last_output(&stage);
    assert!(output.contains("Rain in Lisbon for 3 days."), "{output}");

    let requests = stage.model.requests();
    let offered = requests[0]
        .tools()
        .iter()
        .find(|it| it["name"] == "weather");
    let offered = offered.unwrap();
    assert_eq!(offered["description"], "Tells the weather of a city.");
    let city = &offered["parameters"]["properties"]["city"];
    assert_eq!(city["description"], "The name of a city.");
    assert!(is_idle(&codex), "{:?}", codex.stats());
}

#[codex_e2e_macros::test]
async fn a_tool_that_fails_is_a_failed_output_and_no_failed_turn() {
    let (stage, codex) = Stage::with_client().await.unwrap();
    let broken = |_: Weather| async { Err::<String, _>("the sensor is broken".into()) };
    let panicking = |args: Weather| async move {
        assert!(args.city.is_empty(), "{}", args.city);
        Ok("never")
    };
    let thread = codex
        .thread_start()
        .tool(Tool::new("broken", "Fails.", broken))
        .tool(Tool::new("panicking", "Panics.", panicking))
        .tool(weather())
        .await
        .unwrap();
    let city = json!({ "city": "Lisbon" });
    for (tool, arguments, words) in [
        ("broken", &city, "the sensor is broken"),
        ("panicking", &city, "the tool panicked"),
        ("weather", &json!({ "city": 7 }), "expected a string"),
        ("weather", &json!({}), "missing field `city`"),
    ] {
        calls(&stage, tool, arguments);
        let result = thread.run("How is the weather?").await.unwrap();
        assert_eq!(result.status, TurnStatus::Completed);
        assert_eq!(result.final_response.as_deref(), Some("Done."));
        assert_eq!(tool_statuses(&result.items), ["failed"], "{tool}");
        let output = last_output(&stage);
        assert!(output.contains(words), "{output}");
    }
}

#[codex_e2e_macros::test]
async fn tools_are_called_in_parallel_and_a_slow_tool_hinders_no_other_turn() {
    let (stage, codex) = Stage::with_client().await.unwrap();
    // Each call waits for the other: called one after the other they would wait for ever.
    let barrier = Arc::new(Barrier::new(2));
    let meet = {
        let barrier = Arc::clone(&barrier);
        move |_: Weather| {
            let barrier = Arc::clone(&barrier);
            async move {
                barrier.wait().await;
                Ok("met")
            }
        }
    };
    let meet = Tool::new("meet", "Waits for another call.", meet);
    let one = codex.thread_start().tool(meet.clone()).await.unwrap();
    let two = codex.thread_start().tool(meet).await.unwrap();
    let call = Reply::function_call("meet", r#"{"city":"Lisbon"}"#).id("call");
    stage.model.push(call.clone());
    let first = tokio::spawn(one.run("Meet.").into_future());
    stage.model.next_request().await;
    while codex.stats().server_requests_pending == 0 {
        tokio::task::yield_now().await;
    }
    // Beside the call that waits, another thread has its turn.
    let other = codex.thread_start().await.unwrap();
    stage.model.push(Reply::text("unhindered"));
    let result = other.run("Go on.").await.unwrap();
    assert_eq!(result.final_response.as_deref(), Some("unhindered"));

    stage.model.push(call);
    stage.model.default_reply(Reply::text("Done."));
    let second = two.run("Meet.").await.unwrap();
    let first = first.await.unwrap().unwrap();
    for result in [first, second] {
        assert_eq!(tool_statuses(&result.items), ["completed"]);
        assert_eq!(result.final_response.as_deref(), Some("Done."));
    }
}

#[codex_e2e_macros::test]
async fn several_tool_calls_of_one_reply_are_all_answered() {
    let (stage, codex) = Stage::with_client().await.unwrap();
    let thread = codex.thread_start().tool(weather()).await.unwrap();
    let call = |id: &str, city: &str| {
        Reply::function_call("weather", json!({ "city": city }).to_string()).id(id)
    };
    let both = call("one", "Lisbon").then(call("two", "Porto"));
    stage.model.push(both);
    stage.model.push(Reply::text("Done."));
    let result = thread.run("How is the weather?").await.unwrap();
    assert_eq!(tool_statuses(&result.items), ["completed", "completed"]);
    let last = stage.model.requests().pop().unwrap();
    assert!(output(&last, "one").contains("Lisbon"));
    assert!(output(&last, "two").contains("Porto"));
}

#[codex_e2e_macros::test]
async fn tools_of_a_namespace_are_offered_together_and_told_apart() {
    let (stage, codex) = Stage::with_client().await.unwrap();
    let answer = |text: &'static str| move |_: Weather| async move { Ok(text) };
    let thread = codex
        .thread_start()
        .tool(Tool::new(
            "find",
            "Finds nothing in particular.",
            answer("plain"),
        ))
        .tool(
            Tool::new("find", "Finds a customer.", answer("customer"))
                .namespace("crm")
                .namespace_description("The customers."),
        )
        .tool(Tool::new("count", "Counts them.", answer("three")).namespace("crm"))
        .await
        .unwrap();
    let city = r#"{"city":"Lisbon"}"#;
    let replies = [
        Reply::function_call("find", city).id("plain"),
        Reply::function_call("find", city)
            .namespace("crm")
            .id("customer"),
        Reply::function_call("count", city)
            .namespace("crm")
            .id("three"),
    ];
    for reply in replies {
        stage.model.push(reply);
    }
    stage.model.push(Reply::text("Done."));
    thread.run("Find.").await.unwrap();
    let last = stage.model.requests().pop().unwrap();
    for call in ["plain", "customer", "three"] {
        assert!(
            output(&last, call).contains(call),
            "{}",
            output(&last, call)
        );
    }
    let tools = Value::from(last.tools().to_vec()).to_string();
    assert!(tools.contains("The customers."), "{tools}");
}

#[codex_e2e_macros::test]
async fn a_tool_returns_text_json_or_an_image() {
    let (stage, codex) = Stage::with_client().await.unwrap();
    let picture = crate::inputs::PIXEL_URL;
    let thread = codex
        .thread_start()
        .tool(Tool::new("json", "JSON.", |_: Weather| async {
            Ok(json!({ "ok": true }))
        }))
        .tool(Tool::new(
            "image",
            "A picture.",
            move |_: Weather| async move { Ok(ToolOutput::image(picture)) },
        ))
        .await
        .unwrap();
    for (tool, expected) in [("json", r#"\"ok\":true"#), ("image", picture)] {
        calls(&stage, tool, &json!({ "city": "Lisbon" }));
        thread.run("Go.").await.unwrap();
        let output = last_output(&stage);
        assert!(output.contains(expected), "{output}");
    }
}

#[codex_e2e_macros::test]
async fn a_tool_is_answered_again_on_a_resumed_thread() {
    let (stage, codex) = Stage::with_client().await.unwrap();
    let thread = codex.thread_start().tool(weather()).await.unwrap();
    calls(&stage, "weather", &json!({ "city": "Lisbon" }));
    thread.run("How is the weather?").await.unwrap();
    codex.close().await.unwrap();

    let codex = stage.start().await.unwrap();
    let resume = codex.thread_resume(thread.id()).include_turns(false);
    let thread = resume.tool(weather()).await.unwrap();
    calls(&stage, "weather", &json!({ "city": "Porto" }));
    let result = thread.run("And there?").await.unwrap();
    assert_eq!(tool_statuses(&result.items), ["completed"]);
    let output = last_output(&stage);
    assert!(output.contains("Rain in Porto"), "{output}");
}

#[codex_e2e_macros::test]
async fn a_tool_that_nobody_has_is_the_handlers_or_refused() {
    struct Guess(AtomicUsize);
    impl ServerRequestHandler for Guess {
        async fn tool_call(
            &self,
            _context: RequestContext,
            params: types::DynamicToolCallParams,
        ) -> HandlerResult<types::DynamicToolCallResponse> {
            self.0.fetch_add(1, Ordering::Relaxed);
            let text = format!("guessed {}", params.tool);
            let item = types::DynamicToolCallOutputContentItemInputText::new(text);
            let item = types::DynamicToolCallOutputContentItem::InputText(item);
            Ok(types::DynamicToolCallResponse::new(vec![item], true))
        }
    }
    for handled in [true, false] {
        let stage = Stage::new().await.unwrap();
        let handler = Arc::new(Guess(AtomicUsize::new(0)));
        let mut builder = stage.builder();
        if handled {
            builder = builder.handler(Arc::clone(&handler));
        }
        let codex = stage.open(builder).await.unwrap();
        // Offered to the model by the protocol's own means, and answered by no tool.
        let params = json!({ "dynamicTools": [{
            "type": "function", "name": "lookup", "description": "Looks it up.",
            "inputSchema": { "type": "object", "properties": {} },
        }] });
        let started = codex.request_raw("thread/start", params).await.unwrap();
        let id = started["thread"]["id"].as_str().unwrap();
        let thread = codex.thread_resume(id).await;
        let mut events = codex.notifications();
        drop(thread);
        calls(&stage, "lookup", &json!({}));
        let text = types::UserInput::Text(types::UserInputText::new("Look."));
        let turn = types::TurnStartParams::new(vec![text], id);
        codex.request(turn).await.unwrap();
        let ended =
            async { while events.next().await.unwrap().unwrap().method() != "turn/completed" {} };
        tokio::time::timeout(Duration::from_secs(30), ended)
            .await
            .unwrap();
        let output = last_output(&stage);
        let expected = if handled {
            "guessed lookup"
        } else {
            "no such tool"
        };
        assert!(output.contains(expected), "{output}");
        assert_eq!(handler.0.load(Ordering::Relaxed), usize::from(handled));
    }
}

#[codex_e2e_macros::test]
async fn a_tool_with_a_bad_or_a_double_name_is_refused_before_anything_is_sent() {
    let (_stage, codex) = Stage::with_client().await.unwrap();
    let named = |name: &str| Tool::new(name, "", |_: Weather| async { Ok("") });
    for (tools, words) in [
        (vec![named("two words")], "two words"),
        (vec![named("")], "\"\""),
        (vec![named("a").namespace("b/c")], "b/c"),
        (vec![named("a"), named("a")], "two tools"),
    ] {
        let start = tools
            .into_iter()
            .fold(codex.thread_start(), codex_sdk::StartThread::tool);
        let error = start.await.unwrap_err();
        assert!(matches!(error, Error::InvalidInput(_)), "{error:?}");
        assert!(error.to_string().contains(words), "{error}");
    }
    assert_eq!(codex.thread_list().await.unwrap().data.len(), 0);
}
