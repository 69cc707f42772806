//! How each request of the runtime is refused.

use codex_testkit::peer::shapes;
use serde_json::{Value, json};

/// Requests that the runtime may send, each with its parameters and the answer that refuses it.
pub(crate) fn refusals() -> [(&'static str, Value, Value); 7] {
    let ids = json!({ "threadId": "t", "turnId": "1", "itemId": "i", "startedAtMs": 1 });
    let with = |more: Value| {
        let mut params = ids.as_object().unwrap().clone();
        params.extend(more.as_object().unwrap().clone());
        Value::from(params)
    };
    let declined = json!({ "decision": "decline" });
    let denied = json!({ "decision": { "denied": { "rejection": "denied by this program" } } });
    let legacy = json!({ "conversationId": "t", "callId": "c", "fileChanges": {} });
    let exec = json!({ "conversationId": "t", "callId": "c", "command": ["ls"], "cwd": "/", "parsedCmd": [] });
    let elicitation = json!({
        "threadId": "t", "serverName": "s", "mode": "form", "message": "m",
        "requestedSchema": { "type": "object", "properties": {} },
    });
    let permissions = with(json!({
        "cwd": "/", "permissions": { "network": { "enabled": true } },
    }));
    let granted = json!({ "permissions": {}, "scope": "turn" });
    [
        (
            "item/commandExecution/requestApproval",
            shapes::command_approval("t", "1", "i", "ls"),
            declined.clone(),
        ),
        ("item/fileChange/requestApproval", ids.clone(), declined),
        ("item/permissions/requestApproval", permissions, granted),
        (
            "item/tool/requestUserInput",
            with(json!({ "questions": [], "isBlocking": true })),
            json!({ "answers": {} }),
        ),
        (
            "mcpServer/elicitation/request",
            elicitation,
            json!({ "action": "decline" }),
        ),
        ("applyPatchApproval", legacy, denied.clone()),
        ("execCommandApproval", exec, denied),
    ]
}
