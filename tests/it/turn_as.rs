//! Typed answers that are followed while they come.

use codex_e2e::{Stage, idle, next_text};
use codex_sdk::schemars::{self, JsonSchema};
use codex_sdk::types::TurnStatus;
use codex_sdk::{Condition, Error, strict_schema};
use codex_testkit::{Gate, Reply};
use serde::{Deserialize, Serialize};
use serde_json::json;

#[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
struct Review {
    /// One sentence.
    summary: String,
    findings: Vec<String>,
}

fn review() -> Review {
    Review {
        summary: "Fine.".to_owned(),
        findings: vec!["a.rs is long".to_owned()],
    }
}

fn answer() -> Reply {
    Reply::deltas([r#"{"summary":"Fi"#, r#"ne.","findings":["a.rs is long"]}"#])
}

#[codex_e2e_macros::test]
async fn turn_as_streams_and_ends_in_a_value() {
    let stage = Stage::new().await.unwrap();
    let gate = Gate::new();
    stage.model.push(answer().gate_at(1, &gate));
    let (codex, thread) = stage.start_thread().await.unwrap();
    let mut turn = thread.turn_as::<Review>("Review it.").await.unwrap();
    gate.release();
    let first = next_text(&mut turn).await.unwrap();
    assert!(r#"{"summary":"Fine."#.starts_with(&*first), "{first}");
    let review = turn.run().await.unwrap();
    assert_eq!(review.value, self::review());
    assert_eq!(review.result.status, TurnStatus::Completed);
    assert!(!review.result.items.is_empty());
    let value = serde_json::to_value(&review).unwrap();
    assert_eq!(value["value"]["summary"], "Fine.");
    assert_eq!(value["result"]["status"], "completed");
    let asked = stage.model.next_request().await;
    let held = &asked.body["text"]["format"]["schema"];
    assert_eq!(*held, strict_schema::<Review>().unwrap());
    idle(&codex).await;
}

#[codex_e2e_macros::test]
async fn turn_as_is_steered_and_interrupted_as_any_turn() {
    let stage = Stage::new().await.unwrap();
    let gate = Gate::new();
    stage.model.push(Reply::text("{}").gate(&gate));
    stage.model.push(answer());
    stage.model.push(Reply::stall());
    let (codex, thread) = stage.start_thread().await.unwrap();
    let turn = thread.turn_as::<Review>("Review it.").await.unwrap();
    stage.model.next_request().await;
    turn.steer("Be kind.").await.unwrap();
    gate.release();
    assert_eq!(turn.run().await.unwrap().value, review());

    let turn = thread.turn_as::<Review>("Again.").await.unwrap();
    turn.interrupt().await.unwrap();
    let Error::Answer(error) = turn.run().await.unwrap_err() else {
        panic!("an answer");
    };
    assert_eq!(error.text, None);
    assert_eq!(error.result.status, TurnStatus::Interrupted);
    idle(&codex).await;
}

#[codex_e2e_macros::test]
async fn turn_as_refuses_a_type_without_a_schema_before_anything_is_sent() {
    #[derive(Debug, Deserialize, JsonSchema)]
    struct Map {
        _any: std::collections::HashMap<String, String>,
    }
    let stage = Stage::new().await.unwrap();
    let (codex, thread) = stage.start_thread().await.unwrap();
    let error = thread.turn_as::<Map>("go").await.unwrap_err();
    assert!(matches!(error, Error::Schema { .. }), "{error:?}");
    assert_eq!(stage.model.requests().len(), 0);
    idle(&codex).await;
}

#[codex_e2e_macros::test]
async fn turn_as_joins_a_turn_of_the_same_schema_and_finds_the_thread_busy_with_another() {
    let stage = Stage::new().await.unwrap();
    let gate = Gate::new();
    stage.model.push(Reply::text("plain").gate(&gate));
    let (codex, thread) = stage.start_thread().await.unwrap();
    let plain = thread.turn("go").await.unwrap();
    gate.reached().await;
    let schema = strict_schema::<Review>().unwrap();
    for error in [
        thread.run_as::<Review>("Review it.").await.unwrap_err(),
        thread.turn_as::<Review>("Review it.").await.unwrap_err(),
        thread.run("go").output_schema(schema).await.unwrap_err(),
    ] {
        assert!(error.rpc().is_some(), "{error:?}");
        assert_eq!(error.condition(), Some(Condition::ThreadBusy), "{error:?}");
    }
    gate.release();
    assert_eq!(plain.run().await.unwrap().status, TurnStatus::Completed);

    let gate = Gate::new();
    stage.model.push(answer().gate(&gate));
    stage.model.default_reply(answer());
    let typed = thread.turn_as::<Review>("Review it.").await.unwrap();
    gate.reached().await;
    let error = thread.run_as::<Vec<u32>>("Count.").await.unwrap_err();
    assert_eq!(error.condition(), Some(Condition::ThreadBusy), "{error:?}");
    let joined = thread.turn_as::<Review>("And this.").await.unwrap();
    assert_eq!(joined.id(), typed.id());
    gate.release();
    assert_eq!(joined.run().await.unwrap().value, review());
    assert_eq!(typed.run().await.unwrap().value, review());
    idle(&codex).await;
}

#[codex_e2e_macros::test]
async fn turn_as_by_hand_is_an_output_schema_and_parse() {
    let stage = Stage::new().await.unwrap();
    stage.model.push(answer());
    stage.model.push(Reply::text(r#"{"value":[1,2]}"#));
    stage.model.push(Reply::text("no JSON"));
    let (codex, thread) = stage.start_thread().await.unwrap();
    let schema = strict_schema::<Review>().unwrap();
    let result = thread.run("go").output_schema(schema).await.unwrap();
    assert_eq!(result.parse::<Review>().unwrap(), review());
    // One that is no object is within one.
    let schema = strict_schema::<Vec<u32>>().unwrap();
    let result = thread.run("go").output_schema(schema).await.unwrap();
    assert_eq!(result.parse::<Vec<u32>>().unwrap(), [1, 2]);
    let result = thread.run("go").await.unwrap();
    let error = result.parse::<Review>().unwrap_err();
    assert!(matches!(error, Error::Answer(_)), "{error:?}");
    idle(&codex).await;
}

#[codex_e2e_macros::test]
async fn what_strict_mode_refuses_of_an_output_schema_is_refused_before_it_is_sent() {
    let stage = Stage::new().await.unwrap();
    let (codex, thread) = stage.start_thread().await.unwrap();
    let closed = |properties: serde_json::Value, required: serde_json::Value| {
        json!({
            "type": "object", "additionalProperties": false,
            "properties": properties, "required": required,
        })
    };
    let derived = schemars::schema_for!(Review).to_value();
    for (schema, path) in [
        (derived, "$"),
        (
            json!({ "type": "array", "items": { "type": "string" } }),
            "$",
        ),
        (
            closed(json!({ "a": { "type": "string" } }), json!([])),
            "$.a",
        ),
        (closed(json!({ "a": { "oneOf": [] } }), json!(["a"])), "$.a"),
        (
            closed(
                json!({ "a": { "type": "array", "items": { "type": "object" } } }),
                json!(["a"]),
            ),
            "$.a[]",
        ),
        (
            closed(
                json!({ "a": { "$ref": "#/$defs/A", "title": "A" } }),
                json!(["a"]),
            ),
            "$.a",
        ),
    ] {
        let error = thread
            .run("go")
            .output_schema(schema.clone())
            .await
            .unwrap_err();
        let Error::Schema { path: at, .. } = &error else {
            panic!("{schema}: {error:?}");
        };
        assert_eq!(at, path, "{schema}: {error:?}");
    }
    assert_eq!(stage.model.requests().len(), 0);
    idle(&codex).await;
}
