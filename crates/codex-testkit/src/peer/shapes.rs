//! Protocol values as JSON, with every field that the schema requires.
//!
//! Each is a starting point: a test changes the fields it cares about, as in
//! `shapes::thread("t")["name"] = …`.

use codex_cli_bin::RUNTIME_VERSION;
use serde_json::{Value, json};

/// The time used for everything here, in milliseconds since the Unix epoch.
pub const NOW_MS: i64 = 1_767_225_600_000;

/// The time used for everything here, in seconds since the Unix epoch.
pub const NOW: i64 = NOW_MS / 1000;

const CWD: &str = if cfg!(windows) {
    r"C:\workspace"
} else {
    "/workspace"
};

/// The response to `initialize`; its `userAgent` starts with `test/` and the runtime's version.
pub fn initialize_response() -> Value {
    let version = RUNTIME_VERSION;
    json!({
        "userAgent": format!("test/{version} (Debian 12.0.0; x86_64) xterm (test; 0.0.1)"),
        "codexHome": CWD,
        "platformFamily": std::env::consts::FAMILY,
        "platformOs": std::env::consts::OS,
    })
}

/// The response to `thread/start`, `thread/resume` and `thread/fork`.
pub fn thread_start_response(thread_id: &str) -> Value {
    json!({
        "thread": thread(thread_id),
        "model": "mock-model",
        "modelProvider": "scripted",
        "cwd": CWD,
        "approvalPolicy": "never",
        "approvalsReviewer": "user",
        "sandbox": {"type": "readOnly", "networkAccess": false},
    })
}

/// The response to `turn/start`.
pub fn turn_start_response(turn_id: &str) -> Value {
    let mut turn = turn(turn_id, "inProgress");
    turn["startedAt"] = Value::Null;
    json!({"turn": turn})
}

/// An idle `Thread` without turns.
pub fn thread(id: &str) -> Value {
    json!({
        "id": id,
        "sessionId": id,
        "projectId": null,
        "preview": "",
        "ephemeral": false,
        "modelProvider": "scripted",
        "createdAt": NOW,
        "updatedAt": NOW,
        "status": {"type": "idle"},
        "cwd": CWD,
        "cliVersion": RUNTIME_VERSION,
        "source": "appServer",
        "turns": [],
    })
}

/// A `Turn` without items. The status is `inProgress`, `completed`, `interrupted` or `failed`;
/// `failed` adds an error.
pub fn turn(id: &str, status: &str) -> Value {
    let ended = status != "inProgress";
    json!({
        "id": id,
        "items": [],
        "itemsView": "notLoaded",
        "status": status,
        "error": (status == "failed").then(|| turn_error("the turn failed")),
        "startedAt": NOW,
        "completedAt": ended.then_some(NOW),
        "durationMs": ended.then_some(5),
    })
}

/// A `TurnError` of the kind `other`.
pub fn turn_error(message: &str) -> Value {
    json!({"message": message, "codexErrorInfo": "other", "additionalDetails": null})
}

/// A `ThreadItem` from the model, without a phase.
pub fn agent_message(id: &str, text: &str) -> Value {
    json!({"type": "agentMessage", "id": id, "text": text, "phase": null, "memoryCitation": null})
}

/// A `ThreadItem` from the user.
pub fn user_message(id: &str, text: &str) -> Value {
    let content = json!({"type": "text", "text": text, "text_elements": []});
    json!({"type": "userMessage", "id": id, "content": [content]})
}

/// A `ThreadItem` for a command: `inProgress`, `completed`, `failed` or `declined`.
pub fn command_execution(id: &str, command: &str, status: &str) -> Value {
    json!({
        "type": "commandExecution",
        "id": id,
        "command": command,
        "cwd": CWD,
        "processId": null,
        "status": status,
        "commandActions": [],
        "aggregatedOutput": null,
        "exitCode": (status == "completed").then_some(0),
        "durationMs": (status == "completed").then_some(5),
    })
}

/// The params of the server request `item/commandExecution/requestApproval`.
pub fn command_approval(thread_id: &str, turn_id: &str, item_id: &str, command: &str) -> Value {
    json!({
        "threadId": thread_id,
        "turnId": turn_id,
        "itemId": item_id,
        "startedAtMs": NOW_MS,
        "command": command,
        "cwd": CWD,
    })
}

/// A `ThreadTokenUsage` after one response.
pub fn token_usage(input: i64, output: i64) -> Value {
    let breakdown = json!({
        "totalTokens": input + output,
        "inputTokens": input,
        "cachedInputTokens": 0,
        "outputTokens": output,
        "reasoningOutputTokens": 0,
    });
    json!({"total": breakdown, "last": breakdown, "modelContextWindow": null})
}
