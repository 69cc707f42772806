//! Answers as values of a type: what the model is held to, and what comes back.

use std::collections::HashMap;
use std::time::Duration;

use codex_e2e::{Stage, idle, is_idle};
use codex_sdk::schemars::JsonSchema;
use codex_sdk::types::TurnStatus;
use codex_sdk::{AnswerError, Error, Notification, Result, Structured, schemars};
use codex_testkit::{Gate, Reply};
use serde::Deserialize;
use serde_json::{Value, json};

/// A review of a change.
#[derive(Debug, PartialEq, Deserialize, JsonSchema)]
struct Review {
    /// One sentence.
    summary: String,
    #[serde(default)]
    findings: Vec<Finding>,
    verdict: Option<Verdict>,
    parent: Option<Box<Review>>,
}

#[derive(Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Finding {
    file_name: String,
    line: Option<u32>,
    severity: Severity,
    fix: Fix,
}

#[derive(Debug, PartialEq, Deserialize, JsonSchema)]
enum Severity {
    /// It is wrong.
    Bug,
    Style,
}

#[derive(Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum Fix {
    None,
    Replace { with: String },
    Move(Place),
}

#[derive(Debug, PartialEq, Deserialize, JsonSchema)]
struct Place {
    line: u32,
}

#[derive(Debug, PartialEq, Deserialize, JsonSchema)]
enum Verdict {
    Accept,
    Reject { because: String },
}

fn answer_error<T: std::fmt::Debug>(result: Result<Structured<T>>) -> AnswerError {
    let error = result.unwrap_err();
    let partial = error.partial_result().cloned();
    let Error::Answer(answer) = error else {
        panic!("{error:?}");
    };
    assert_eq!(partial, Some(answer.result.clone()));
    *answer
}

/// Checks a schema against the rules for strict ones; a definition is reached by each reference to it.
fn assert_strict(node: &Value, root: &Value, path: &str) {
    const KNOWN: [&str; 18] = [
        "$defs",
        "$ref",
        "additionalProperties",
        "anyOf",
        "const",
        "description",
        "enum",
        "exclusiveMaximum",
        "exclusiveMinimum",
        "items",
        "maxItems",
        "maximum",
        "minItems",
        "minimum",
        "pattern",
        "properties",
        "required",
        "type",
    ];
    let keywords = node.as_object().unwrap_or_else(|| panic!("{path}: {node}"));
    let unknown = keywords.keys().find(|key| !KNOWN.contains(&key.as_str()));
    assert_eq!(unknown, None, "{path}");
    if let Some(reference) = keywords.get("$ref").and_then(Value::as_str) {
        assert_eq!(keywords.len(), 1, "{path}: {node}");
        let target = root.pointer(reference.strip_prefix('#').unwrap());
        assert!(target.is_some(), "{path}: {reference}");
        return;
    }
    if let Some(branches) = keywords.get("anyOf") {
        assert!(node.get("type").is_none() && path != "$", "{path}: {node}");
        for branch in branches.as_array().unwrap() {
            assert_strict(branch, root, path);
        }
        return;
    }
    assert!(
        node["type"].is_string() || node["type"].is_array(),
        "{path}: {node}"
    );
    if node["type"] == "array" {
        assert_strict(&node["items"], root, &format!("{path}[]"));
    }
    if node["type"] == "object" {
        assert_eq!(node["additionalProperties"], false, "{path}");
        let properties = node["properties"].as_object().unwrap();
        let required: Vec<_> = node["required"].as_array().unwrap().iter().collect();
        let keys: Vec<Value> = properties.keys().map(|key| json!(key)).collect();
        assert_eq!(required, keys.iter().collect::<Vec<_>>(), "{path}");
        for (name, property) in properties {
            assert_strict(property, root, &format!("{path}.{name}"));
        }
    }
}

fn assert_all_strict(schema: &Value) {
    assert_eq!(schema["type"], "object", "{schema}");
    assert_strict(schema, schema, "$");
    for (name, definition) in schema["$defs"].as_object().into_iter().flatten() {
        assert_strict(definition, schema, name);
    }
}

#[codex_e2e_macros::test]
async fn run_as_holds_the_model_to_the_type_and_reads_its_answer() {
    let stage = Stage::new().await.unwrap();
    let answer = json!({
        "summary": "Two things.", "verdict": {"Reject": {"because": "it fails"}}, "findings": [
            {"fileName": "a.rs", "line": 3, "severity": "Bug", "fix": {"kind": "move", "line": 9}},
            {"fileName": "b.rs", "line": null, "severity": "Style",
             "fix": {"kind": "replace", "with": "x"}},
        ],
        "parent": {"summary": "Before.", "verdict": "Accept", "findings": [], "parent": null},
    });
    stage.model.push(Reply::text(answer.to_string()));
    let (_codex, thread) = stage.start_thread().await.unwrap();
    let run = thread.run_as::<Review>("review").model("another-model");
    let Structured { value, result, .. } = run.await.unwrap();

    let before = Review {
        summary: "Before.".into(),
        findings: Vec::new(),
        verdict: Some(Verdict::Accept),
        parent: None,
    };
    let finding = |file: &str, line, severity, fix| Finding {
        file_name: file.into(),
        line,
        severity,
        fix,
    };
    let replace = Fix::Replace { with: "x".into() };
    let expected = Review {
        summary: "Two things.".into(),
        findings: vec![
            finding("a.rs", Some(3), Severity::Bug, Fix::Move(Place { line: 9 })),
            finding("b.rs", None, Severity::Style, replace),
        ],
        verdict: Some(Verdict::Reject {
            because: "it fails".into(),
        }),
        parent: Some(Box::new(before)),
    };
    assert_eq!(value, expected);
    assert_eq!(result.final_response, Some(answer.to_string()));

    let request = stage.model.next_request().await;
    assert_eq!(request.body["model"], "another-model");
    let format = &request.body["text"]["format"];
    assert_eq!(
        (&format["type"], &format["strict"]),
        (&json!("json_schema"), &json!(true))
    );
    let schema = &format["schema"];
    assert_all_strict(schema);
    assert_eq!(schema["description"], "A review of a change.");
    assert_eq!(
        schema["properties"]["summary"]["description"],
        "One sentence."
    );
    let keys = json!(["fileName", "fix", "line", "severity"]);
    assert_eq!(schema["$defs"]["Finding"]["required"], keys);
}

#[codex_e2e_macros::test]
async fn run_as_takes_types_that_are_no_objects() {
    let stage = Stage::new().await.unwrap();
    let answers = [
        r#"{"value":[{"line":1},{"line":2}]}"#,
        r#"{"value":"Accept"}"#,
    ];
    for answer in answers {
        stage.model.push(Reply::text(answer));
    }
    let (_codex, thread) = stage.start_thread().await.unwrap();
    let places = thread.run_as::<Vec<Place>>("where").await.unwrap();
    assert_eq!(places.value, [Place { line: 1 }, Place { line: 2 }]);
    let verdict = thread.run_as::<Verdict>("and").await.unwrap();
    assert_eq!(verdict.value, Verdict::Accept);
    for request in stage.model.requests() {
        assert_all_strict(&request.body["text"]["format"]["schema"]);
    }
}

#[codex_e2e_macros::test]
async fn run_as_refuses_a_type_with_a_map_before_anything_is_sent() {
    #[derive(Debug, Deserialize, JsonSchema)]
    #[expect(dead_code, reason = "it is never read")]
    struct Report {
        players: Vec<Player>,
    }
    #[derive(Debug, Deserialize, JsonSchema)]
    #[expect(dead_code, reason = "it is never read")]
    struct Player {
        scores: HashMap<String, u32>,
    }
    let stage = Stage::new().await.unwrap();
    let (codex, thread) = stage.start_thread().await.unwrap();
    let error = thread.run_as::<Report>("count").await.unwrap_err();
    let Error::Schema { path, problem, .. } = &error else {
        panic!("{error:?}");
    };
    assert_eq!(path, "$.players[].scores");
    assert!(problem.contains("map"), "{problem}");
    assert!(is_idle(&codex));
    // The thread is as it was: the next turn is the first that the model sees.
    stage.model.push(Reply::text("here"));
    thread.run("still there?").await.unwrap();
    assert_eq!(stage.model.requests().len(), 1);
}

#[codex_e2e_macros::test]
async fn run_as_keeps_an_answer_that_doesnt_fit_and_says_where() {
    let stage = Stage::new().await.unwrap();
    let (_codex, thread) = stage.start_thread().await.unwrap();
    let line = r#"{"summary":"s","verdict":null,"parent":null,"findings":[
        {"fileName":"a.rs","line":"secret","severity":"Bug","fix":{"kind":"none"}}]}"#;
    let missing = r#"{"summary":"s","verdict":{"Reject":{}},"findings":[],"parent":null}"#;
    let cases = [
        (
            line,
            "$.findings[0].line",
            r#"invalid type: string "…", expected u32"#,
        ),
        (missing, "$.verdict.Reject", "missing field `because`"),
        ("I'd rather not.", "$", "expected value"),
        ("[]", "$", "invalid length"),
    ];
    for (text, path, reason) in cases {
        stage.model.push(Reply::text(text));
        let error = answer_error(thread.run_as::<Review>("review").await);
        let found = (error.path.as_str(), error.reason.as_str());
        assert_eq!(found, (path, reason), "{text}");
        assert_eq!(error.text.as_deref(), Some(text));
        assert_eq!(error.result.status, TurnStatus::Completed);
        assert!(!error.to_string().contains("secret"), "{error}");
    }
    // As if there were nothing around it.
    stage
        .model
        .push(Reply::text(r#"{"value":[{"line":1},{"line":-2}]}"#));
    let error = answer_error(thread.run_as::<Vec<Place>>("where").await);
    assert_eq!(error.path, "$[1].line");
}

#[codex_e2e_macros::test]
async fn run_as_takes_a_whole_number_with_a_point_for_an_integer() {
    let stage = Stage::new().await.unwrap();
    for answer in [r#"{"line":3.0}"#, r#"{"value":[3.0,4]}"#, r#"{"line":3.5}"#] {
        stage.model.push(Reply::text(answer));
    }
    let (codex, thread) = stage.start_thread().await.unwrap();
    let place = thread.run_as::<Place>("Where?").await.unwrap();
    assert_eq!(place.value, Place { line: 3 });
    assert_eq!(place.result.final_response.unwrap(), r#"{"line":3.0}"#);
    let lines = thread.run_as::<Vec<u8>>("Which?").await.unwrap();
    assert_eq!(lines.value, [3, 4]);
    let error = answer_error(thread.run_as::<Place>("Where?").await);
    assert_eq!(error.path, "$.line");
    idle(&codex).await;
}

#[codex_e2e_macros::test]
async fn run_as_without_an_answer_says_so() {
    let stage = Stage::new().await.unwrap();
    let (_codex, thread) = stage.start_thread().await.unwrap();
    stage.model.push(Reply::text("hm").phase("commentary"));
    let error = answer_error(thread.run_as::<Place>("where").await);
    assert_eq!(error.text, None);
    assert_eq!(error.reason, "the turn ended without an answer");
    assert_eq!(error.result.items.len(), 2);

    let gate = Gate::new();
    stage.model.push(Reply::text("late").gate(&gate));
    let run = tokio::spawn(thread.run_as::<Place>("where").into_future());
    gate.reached().await;
    let other = thread.turn("stop").await.unwrap();
    other.interrupt().await.unwrap();
    let error = answer_error(run.await.unwrap());
    assert_eq!(error.text, None);
    assert_eq!(error.reason, "the turn was interrupted before it answered");
    assert_eq!(error.result.status, TurnStatus::Interrupted);
}

#[codex_e2e_macros::test]
async fn run_as_that_is_dropped_interrupts_its_turn() {
    let stage = Stage::new().await.unwrap();
    stage.model.push(Reply::stall());
    let (codex, thread) = stage.start_thread().await.unwrap();
    let mut events = thread.notifications();
    let run = tokio::spawn(thread.run_as::<Place>("where").into_future());
    stage.model.next_request().await;
    run.abort();
    assert!(run.await.unwrap_err().is_cancelled());
    let status = loop {
        let next = tokio::time::timeout(Duration::from_secs(30), events.next());
        if let Notification::TurnCompleted(completed) = next.await.unwrap().unwrap().unwrap() {
            break completed.turn.status;
        }
    };
    assert_eq!(status, TurnStatus::Interrupted);
    idle(&codex).await;
}
