//! What calls and their options are on the wire.

use codex_sdk::types::{LoginAccountParams, LoginAccountParamsChatgptAuthTokensRequired};
use codex_sdk::{ApprovalMode, ExternalMessage, Sandbox};
use codex_testkit::Peer;
use serde_json::{Value, json};

use crate::support::{connect, sent, thread};

#[tokio::test]
async fn parity_43_a_text_is_one_item_and_an_external_message_is_none() {
    let (_codex, mut peer, thread) = thread().await;
    let text = sent(&mut peer, "turn/start", thread.run("hello")).await;
    let input = json!([{"type": "text", "text": "hello", "text_elements": []}]);
    assert_eq!(text, json!({"threadId": "t", "input": input}));

    let message = ExternalMessage::new("slack", "News.").namespace("notifications");
    let external = sent(&mut peer, "turn/start", thread.run(message)).await;
    let output = json!({"name": "slack", "namespace": "notifications", "output": "News."});
    let expected = json!({"threadId": "t", "input": [], "toolOutput": output});
    assert_eq!(external, expected);
}

#[tokio::test]
async fn parity_64_logins_are_told_by_their_type() {
    let (codex, mut peer) = connect().await;
    let start = "account/login/start";
    let api_key = sent(&mut peer, start, codex.login_api_key("sk-key")).await;
    assert_eq!(api_key, json!({"type": "apiKey", "apiKey": "sk-key"}));
    let browser = sent(&mut peer, start, codex.login_chatgpt()).await;
    assert_eq!(browser, json!({"type": "chatgpt"}));
    let device = sent(&mut peer, start, codex.login_chatgpt_device_code()).await;
    assert_eq!(device, json!({"type": "chatgptDeviceCode"}));
    let tokens = LoginAccountParamsChatgptAuthTokensRequired {
        access_token: "jwt".to_owned(),
        chatgpt_account_id: "account".to_owned(),
    };
    let tokens = codex.request(LoginAccountParams::ChatgptAuthTokens(tokens.into()));
    let tokens = sent(&mut peer, start, tokens).await;
    let expected =
        json!({"type": "chatgptAuthTokens", "accessToken": "jwt", "chatgptAccountId": "account"});
    assert_eq!(tokens, expected);

    let read = sent(&mut peer, "account/read", codex.account()).await;
    assert_eq!(read, json!({}));
    let refreshed = codex.account().refresh_token(true);
    let refreshed = sent(&mut peer, "account/read", refreshed).await;
    assert_eq!(refreshed, json!({"refreshToken": true}));
    let logout = sent(&mut peer, "account/logout", codex.logout()).await;
    assert_eq!(logout, Value::Null);
}

#[tokio::test]
async fn parity_114_names_are_in_camel_case_and_what_isnt_set_is_left_out() {
    let (codex, mut peer, thread) = thread().await;
    let list = codex.thread_list();
    assert_eq!(sent(&mut peer, "thread/list", list).await, json!({}));
    let list = codex.thread_list().search_term("words").limit(3_u32);
    let expected = json!({"searchTerm": "words", "limit": 3});
    assert_eq!(sent(&mut peer, "thread/list", list).await, expected);
    let models = codex.models().include_hidden(true);
    let expected = json!({"includeHidden": true});
    assert_eq!(sent(&mut peer, "model/list", models).await, expected);
    let name = sent(&mut peer, "thread/name/set", thread.set_name("n")).await;
    assert_eq!(name, json!({"threadId": "t", "name": "n"}));
    let compact = sent(&mut peer, "thread/compact/start", thread.compact()).await;
    assert_eq!(compact, json!({"threadId": "t"}));
}

#[tokio::test]
async fn parity_144_the_turns_are_mentioned_only_when_they_are_asked_about() {
    let (codex, mut peer) = connect().await;
    for (include, expected) in [
        (None, json!({"threadId": "t"})),
        (Some(true), json!({"threadId": "t", "excludeTurns": false})),
        (Some(false), json!({"threadId": "t", "excludeTurns": true})),
    ] {
        let (resume, fork) = (codex.thread_resume("t"), codex.thread_fork("t"));
        let (resume, fork) = match include {
            Some(include) => (resume.include_turns(include), fork.include_turns(include)),
            None => (resume, fork),
        };
        assert_eq!(sent(&mut peer, "thread/resume", resume).await, expected);
        assert_eq!(sent(&mut peer, "thread/fork", fork).await, expected);
    }
}

/// What a `turn/start` says beside its thread and its input.
async fn options(peer: &mut Peer, run: codex_sdk::StartTurn<codex_sdk::TurnResult>) -> Value {
    let mut params = sent(peer, "turn/start", run).await;
    let fields = params.as_object_mut().unwrap();
    fields.remove("threadId");
    fields.remove("input");
    params
}

#[tokio::test]
async fn parity_145_a_tier_is_for_the_thread_or_for_one_turn_and_a_source_is_a_trigger() {
    let (codex, mut peer, thread) = thread().await;
    let run = thread.run("go").service_tier("fast");
    let expected = json!({"serviceTier": "fast"});
    assert_eq!(options(&mut peer, run).await, expected);
    let run = thread
        .run("go")
        .turn_service_tier("default")
        .source("slack");
    let expected = json!({"serviceTierForTurn": "default", "turnTrigger": "slack"});
    assert_eq!(options(&mut peer, run).await, expected);
    let resume = codex.thread_resume("t").service_tier("fast");
    let expected = json!({"threadId": "t", "serviceTier": "fast"});
    assert_eq!(sent(&mut peer, "thread/resume", resume).await, expected);
}

#[tokio::test]
async fn parity_7_146_modes_of_approval_on_the_wire() {
    let (codex, mut peer, thread) = thread().await;
    // Nothing is left to the runtime's configuration.
    let new = sent(&mut peer, "thread/start", codex.thread_start()).await;
    assert_eq!(new, json!({"approvalPolicy": "never"}));
    for (mode, expected) in [
        (ApprovalMode::DenyAll, json!({"approvalPolicy": "never"})),
        (
            ApprovalMode::Ask,
            json!({"approvalPolicy": "on-request", "approvalsReviewer": "user"}),
        ),
        (
            ApprovalMode::AutoReview,
            json!({"approvalPolicy": "on-request", "approvalsReviewer": "auto_review"}),
        ),
    ] {
        let start = codex.thread_start().approval_mode(mode);
        assert_eq!(sent(&mut peer, "thread/start", start).await, expected);
        let run = thread.run("go").approval_mode(mode);
        assert_eq!(options(&mut peer, run).await, expected);
    }
    assert_eq!(options(&mut peer, thread.run("go")).await, json!({}));
}

#[tokio::test]
async fn parity_146_sandboxes_on_the_wire() {
    let (codex, mut peer, thread) = thread().await;
    for (sandbox, mode, policy) in [
        (
            Sandbox::ReadOnly,
            "read-only",
            json!({"type": "readOnly", "networkAccess": false}),
        ),
        (
            Sandbox::WorkspaceWrite,
            "workspace-write",
            json!({
                "type": "workspaceWrite", "networkAccess": false, "writableRoots": [],
                "excludeSlashTmp": false, "excludeTmpdirEnvVar": false,
            }),
        ),
        (
            Sandbox::FullAccess,
            "danger-full-access",
            json!({"type": "dangerFullAccess"}),
        ),
    ] {
        let fork = codex.thread_fork("t").sandbox(sandbox);
        // What isn't sent is as the user's configuration has it, also for a later turn.
        let config = json!({"sandbox_workspace_write": {
            "exclude_slash_tmp": false, "exclude_tmpdir_env_var": false,
            "network_access": false, "writable_roots": [],
        }});
        let expected = json!({"threadId": "t", "sandbox": mode, "config": config});
        assert_eq!(sent(&mut peer, "thread/fork", fork).await, expected);
        let run = thread.run("go").sandbox(sandbox);
        let expected = json!({"sandboxPolicy": policy});
        assert_eq!(options(&mut peer, run).await, expected);
    }
}
