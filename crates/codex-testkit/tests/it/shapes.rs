use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use codex_testkit::Peer;
use codex_testkit::peer::shapes;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, BufReader};

static SCHEMA: LazyLock<Value> = LazyLock::new(|| {
    let crate_folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let path = crate_folder.join("../../schema/experimental.json");
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
});

#[track_caller]
fn assert_valid(definition: &str, value: &Value) {
    let schema = json!({
        "$schema": SCHEMA["$schema"],
        "definitions": SCHEMA["definitions"],
        "allOf": [{"$ref": format!("#/definitions/{definition}")}],
    });
    let validator = jsonschema::validator_for(&schema).unwrap();
    let errors = validator.iter_errors(value);
    let errors: Vec<_> = errors.map(|error| error.to_string()).collect();
    assert!(errors.is_empty(), "{definition}: {errors:#?}\n{value}");
}

#[test]
fn the_schema_is_really_asked() {
    let incomplete = json!({"id": "u"});

    let refused = std::panic::catch_unwind(|| assert_valid("v2/Turn", &incomplete));

    assert!(refused.is_err());
}

#[test]
fn values_have_what_the_schema_requires() {
    assert_valid("InitializeResponse", &shapes::initialize_response());
    assert_valid(
        "v2/ThreadStartResponse",
        &shapes::thread_start_response("t"),
    );
    assert_valid(
        "v2/ThreadResumeResponse",
        &shapes::thread_start_response("t"),
    );
    assert_valid("v2/ThreadForkResponse", &shapes::thread_start_response("t"));
    assert_valid("v2/TurnStartResponse", &shapes::turn_start_response("u"));
    assert_valid("v2/Thread", &shapes::thread("t"));
    for status in ["inProgress", "completed", "interrupted", "failed"] {
        assert_valid("v2/Turn", &shapes::turn("u", status));
    }
    for status in ["inProgress", "completed", "failed", "declined"] {
        let item = shapes::command_execution("i", "ls", status);
        assert_valid("v2/ThreadItem", &item);
    }
    assert_valid("v2/ThreadItem", &shapes::agent_message("i", "text"));
    assert_valid("v2/ThreadItem", &shapes::user_message("i", "text"));
    assert_valid("v2/TurnError", &shapes::turn_error("broken"));
    assert_valid("v2/ThreadTokenUsage", &shapes::token_usage(3, 4));
    let approval = shapes::command_approval("t", "u", "i", "ls");
    assert_valid("CommandExecutionRequestApprovalParams", &approval);
}

#[tokio::test]
async fn every_notification_of_a_turn_is_one_of_the_protocol() {
    let (mut peer, (reader, _writer)) = Peer::pair();
    let mut turn = peer.turn("t", "u");
    turn.play("hello").await;
    turn.error(shapes::turn_error("broken"), true).await;
    turn.failed(shapes::turn_error("broken")).await;
    peer.close().await;

    let mut lines = BufReader::new(reader).lines();
    let mut count = 0;
    while let Some(line) = lines.next_line().await.unwrap() {
        let message = serde_json::from_str(&line).unwrap();
        assert_valid("ServerNotification", &message);
        count += 1;
    }
    assert_eq!(count, 8);
}
