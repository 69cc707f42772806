//! What the runtime asks of the program, and what comes of the answers.

use codex_e2e::Stage;
use codex_sdk::TurnResult;
use codex_sdk::types::ThreadItem;
use codex_testkit::Reply;
use serde_json::json;

mod decisions;
mod questions;
mod unanswered;

/// Whether the program's answer lets a command out of its sandbox.
const MARK: &str = "approved.txt";

async fn stage() -> Stage {
    let stage = Stage::with(|home| {
        home.model_name("gpt-5.5")
            .approval_policy("on-request")
            .sandbox_mode("read-only")
            .feature("request_permissions_tool", true)
    });
    stage.await.unwrap()
}

/// The model wants to write a file, which its sandbox forbids, and then says that it is done.
fn wants_to_write(stage: &Stage) {
    let call = json!({
        "cmd": format!("touch {MARK}"), "sandbox_permissions": "require_escalated",
        "justification": "to leave a mark",
    });
    let call = Reply::function_call("exec_command", call.to_string()).id("touch");
    stage.model.push(call);
    stage.model.push(Reply::text("Done."));
}

fn was_written(stage: &Stage) -> bool {
    stage.home.workspace().join(MARK).exists()
}

fn command_status(result: &TurnResult) -> Option<&str> {
    result.items.iter().find_map(|item| match item {
        ThreadItem::CommandExecution(command) => Some(command.status.as_str()),
        _ => None,
    })
}
