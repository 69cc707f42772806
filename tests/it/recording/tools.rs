//! What the model asks for and the client must say.

use codex_e2e::Stage;
use codex_e2e::pinned::{CLIENT_IS_CLOCK, asks_for_time};
use codex_testkit::Reply;
use serde_json::{Value, json};

use crate::recording::session::Session;
use crate::recording::tally::Tally;

pub(crate) async fn record() -> Tally {
    let stage = Stage::with(|home| {
        home.model_name("gpt-5.5")
            .approval_policy("on-request")
            .feature("request_permissions_tool", true)
    })
    .await
    .unwrap();
    let mut session = Session::start(&stage).await;
    let lookup = json!({
        "type": "function", "name": "lookup", "description": "Looks it up.",
        "inputSchema": {"type": "object", "properties": {}},
    });
    let thread = session.thread(json!({"dynamicTools": [lookup]})).await;
    for (tool, arguments) in [
        ("lookup", json!({})),
        ("exec_command", escalated()),
        (
            "request_permissions",
            json!({"reason": "to look", "permissions": {"network": {"enabled": true}}}),
        ),
    ] {
        let call = Reply::function_call(tool, arguments.to_string());
        session
            .turn(&thread, json!({}), [call, Reply::text("ok")])
            .await;
    }
    session
        .notification("serverRequest/resolved", |_| true)
        .await;
    file_change(&mut session, &thread).await;
    plan_mode(&mut session, &thread).await;
    automatic_review(&mut session, &thread).await;
    session.end().await
}

fn escalated() -> Value {
    json!({
        "cmd": "echo hi", "sandbox_permissions": "require_escalated", "justification": "to greet",
    })
}

async fn file_change(session: &mut Session<'_>, thread: &str) {
    let patch = "*** Begin Patch\n*** Add File: new\n+hi\n*** End Patch";
    let options = json!({"approvalPolicy": "untrusted", "sandboxPolicy": {
        "type": "workspaceWrite", "writableRoots": [], "networkAccess": false,
        "excludeTmpdirEnvVar": false, "excludeSlashTmp": false,
    }});
    let call = Reply::custom_tool_call("apply_patch", patch);
    session
        .turn(thread, options, [call, Reply::text("ok")])
        .await;
}

/// Only in plan mode may the model ask the user.
async fn plan_mode(session: &mut Session<'_>, thread: &str) {
    let question = json!({"questions": [{
        "id": "colour", "header": "Colour", "question": "Which one?", "options": [
            {"label": "red", "description": "A warm one."},
            {"label": "blue", "description": "A cold one."},
        ],
    }]});
    let mode =
        |mode| json!({"collaborationMode": {"mode": mode, "settings": {"model": "gpt-5.5"}}});
    let replies = [
        Reply::function_call("request_user_input", question.to_string()),
        Reply::text("<proposed_plan>\n# Paint\n- red\n</proposed_plan>"),
    ];
    session.turn(thread, mode("plan"), replies).await;
    session.notification("item/plan/delta", |_| true).await;
    session
        .turn(thread, mode("default"), [Reply::text("ok")])
        .await;
}

/// The model reviews itself. What it says first is no verdict, what it says then is one.
async fn automatic_review(session: &mut Session<'_>, thread: &str) {
    let verdict = json!({
        "risk_level": "low", "user_authorization": "high", "outcome": "allow", "rationale": "fine",
    });
    for said in ["no idea", &verdict.to_string()] {
        let replies = [
            Reply::function_call("exec_command", escalated().to_string()),
            Reply::text(said),
            Reply::text("ok"),
        ];
        let options = json!({"approvalPolicy": "on-request", "approvalsReviewer": "auto_review"});
        session.turn(thread, options, replies).await;
        session
            .notification("item/autoApprovalReview/completed", |_| true)
            .await;
    }
    session.notification("guardianWarning", |_| true).await;
}

/// A runtime whose clock is the client, if it can be. It would wait in vain for it during a review: hence
/// alone.
pub(crate) async fn record_time() -> Tally {
    if !asks_for_time() {
        return Tally::default();
    }
    let stage = Stage::with(|home| home.model_name("gpt-5.5").config_toml(CLIENT_IS_CLOCK))
        .await
        .unwrap();
    let mut session = Session::start(&stage).await;
    let thread = session.thread(json!({})).await;
    session.turn(&thread, json!({}), [Reply::text("ok")]).await;
    session.end().await
}
