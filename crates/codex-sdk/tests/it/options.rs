//! Every option, as it is on the wire.

use codex_sdk::types::{
    Personality, ReasoningSummary, SortDirection, ThreadListCwdFilter, ThreadSortKey,
    ThreadSourceKind, ThreadStartSource,
};
use codex_sdk::{
    ApprovalMode, Call, Codex, Error, ExternalMessage, InputItem, RunInput, Sandbox, StartTurn,
};
use codex_testkit::Peer;
use codex_testkit::peer::shapes;
use serde_json::{Value, json};

use crate::support::{connect, sent, start_turn, thread};

/// The parameters of a turn; its thread is `t`.
async fn turn<O>(peer: &mut Peer, start: StartTurn<O>) -> Value
where
    StartTurn<O>: IntoFuture<IntoFuture = Call<O>>,
{
    let params = sent(peer, "turn/start", start).await;
    assert_eq!(params["threadId"], "t");
    params
}

/// The `config` of a thread with a key of its own and a sandbox.
fn config() -> Value {
    json!({
        "key": 1,
        "sandbox_workspace_write": {
            "exclude_slash_tmp": false, "exclude_tmpdir_env_var": false,
            "network_access": false, "writable_roots": [],
        },
    })
}

#[tokio::test]
async fn parity_145_every_option_of_a_new_thread_is_sent() {
    let (codex, mut peer) = connect().await;
    let start = codex
        .thread_start()
        .approval_mode(ApprovalMode::AutoReview)
        .base_instructions("base")
        .config(json!({ "key": 1 }))
        .cwd("/folder")
        .developer_instructions("developer")
        .ephemeral(true)
        .model("model")
        .model_provider("provider")
        .personality(Personality::None)
        .sandbox(Sandbox::ReadOnly)
        .service_name("service")
        .service_tier("tier")
        .session_start_source(ThreadStartSource::Clear)
        .thread_source("user");
    let expected = json!({
        "approvalPolicy": "on-request", "approvalsReviewer": "auto_review",
        "baseInstructions": "base", "config": config(), "cwd": "/folder",
        "developerInstructions": "developer", "ephemeral": true,
        "model": "model", "modelProvider": "provider", "personality": "none",
        "sandbox": "read-only", "serviceName": "service", "serviceTier": "tier",
        "sessionStartSource": "clear", "threadSource": "user",
    });
    assert_eq!(sent(&mut peer, "thread/start", start).await, expected);
    // Without any, nothing is approved, and the rest is the runtime's configuration.
    let start = codex.thread_start();
    let expected = json!({ "approvalPolicy": "never" });
    assert_eq!(sent(&mut peer, "thread/start", start).await, expected);
}

#[tokio::test]
async fn a_configuration_of_a_thread_that_is_no_object_is_refused() {
    let (codex, _peer) = connect().await;
    let error = codex.thread_start().config(json!([1])).await.unwrap_err();
    assert!(matches!(error, Error::InvalidInput(_)), "{error:?}");
}

#[tokio::test]
async fn parity_144_145_every_option_of_a_resumed_thread_is_sent() {
    let (codex, mut peer) = connect().await;
    let resume = codex
        .thread_resume("t")
        .approval_mode(ApprovalMode::DenyAll)
        .base_instructions("base")
        .config(json!({ "key": 1 }))
        .cwd("/folder")
        .developer_instructions("developer")
        .include_turns(false)
        .model("model")
        .model_provider("provider")
        .personality(Personality::None)
        .sandbox(Sandbox::WorkspaceWrite)
        .service_tier("tier");
    let expected = json!({
        "threadId": "t", "approvalPolicy": "never",
        "baseInstructions": "base", "config": config(), "cwd": "/folder",
        "developerInstructions": "developer", "excludeTurns": true,
        "model": "model", "modelProvider": "provider", "personality": "none",
        "sandbox": "workspace-write", "serviceTier": "tier",
    });
    assert_eq!(sent(&mut peer, "thread/resume", resume).await, expected);
    let resume = codex.thread_resume("t");
    let expected = json!({ "threadId": "t" });
    assert_eq!(sent(&mut peer, "thread/resume", resume).await, expected);
}

#[tokio::test]
async fn parity_144_145_every_option_of_a_fork_is_sent() {
    let (codex, mut peer) = connect().await;
    let fork = codex
        .thread_fork("t")
        .approval_mode(ApprovalMode::Ask)
        .base_instructions("base")
        .config(json!({ "key": 1 }))
        .cwd("/folder")
        .developer_instructions("developer")
        .ephemeral(true)
        .include_turns(true)
        .last_turn_id("1")
        .model("model")
        .model_provider("provider")
        .sandbox(Sandbox::FullAccess)
        .service_tier("tier")
        .thread_source("subagent");
    let expected = json!({
        "threadId": "t", "approvalPolicy": "on-request", "approvalsReviewer": "user",
        "baseInstructions": "base", "config": config(), "cwd": "/folder",
        "developerInstructions": "developer", "ephemeral": true, "excludeTurns": false,
        "lastTurnId": "1", "model": "model", "modelProvider": "provider",
        "sandbox": "danger-full-access", "serviceTier": "tier", "threadSource": "subagent",
    });
    assert_eq!(sent(&mut peer, "thread/fork", fork).await, expected);
    let fork = codex.thread_fork("t");
    let expected = json!({ "threadId": "t" });
    assert_eq!(sent(&mut peer, "thread/fork", fork).await, expected);
}

#[tokio::test]
async fn parity_114_every_option_of_a_list_of_threads_is_sent() {
    let (codex, mut peer) = connect().await;
    let list = codex
        .thread_list()
        .archived(true)
        .cursor("cursor")
        .cwd(ThreadListCwdFilter::String("/folder".to_owned()))
        .limit(20u32)
        .model_providers(vec!["provider".to_owned()])
        .search_term("term")
        .section_id("section".to_owned())
        .sort_direction(SortDirection::Asc)
        .sort_key(ThreadSortKey::UpdatedAt)
        .source_kinds(vec![ThreadSourceKind::AppServer])
        .use_state_db_only(true);
    let expected = json!({
        "archived": true, "cursor": "cursor", "cwd": "/folder", "limit": 20,
        "modelProviders": ["provider"], "searchTerm": "term", "sectionId": "section",
        "sortDirection": "asc", "sortKey": "updated_at", "sourceKinds": ["appServer"],
        "useStateDbOnly": true,
    });
    assert_eq!(sent(&mut peer, "thread/list", list).await, expected);
    let list = codex.thread_list();
    assert_eq!(sent(&mut peer, "thread/list", list).await, json!({}));
}

#[tokio::test]
async fn every_other_request_sends_its_options() {
    let (codex, mut peer, thread) = thread().await;
    let peer = &mut peer;
    let id = json!({ "threadId": "t" });
    let shown = sent(peer, "model/list", codex.models().include_hidden(true)).await;
    assert_eq!(shown, json!({ "includeHidden": true }));
    let fresh = sent(peer, "account/read", codex.account().refresh_token(true)).await;
    assert_eq!(fresh, json!({ "refreshToken": true }));
    let read = sent(peer, "thread/read", thread.read().include_turns(true)).await;
    assert_eq!(read, json!({ "threadId": "t", "includeTurns": true }));
    let named = sent(peer, "thread/name/set", thread.set_name("name")).await;
    assert_eq!(named, json!({ "threadId": "t", "name": "name" }));
    let compact = sent(peer, "thread/compact/start", thread.compact()).await;
    assert_eq!(compact, id);
    let archive = sent(peer, "thread/archive", codex.thread_archive("t")).await;
    assert_eq!(archive, id);
    let unarchive = sent(peer, "thread/unarchive", codex.thread_unarchive("t")).await;
    assert_eq!(unarchive, id);
    let login = sent(peer, "account/login/start", codex.login_api_key("sk-key")).await;
    assert_eq!(login, json!({ "type": "apiKey", "apiKey": "sk-key" }));
    let login = sent(peer, "account/login/start", codex.login_chatgpt()).await;
    assert_eq!(login, json!({ "type": "chatgpt" }));
    let logout = sent(peer, "account/logout", codex.logout()).await;
    assert_eq!(logout, Value::Null);
}

#[tokio::test]
async fn parity_145_every_option_of_a_turn_is_sent() {
    let (_codex, mut peer, thread) = thread().await;
    let schema = json!({ "type": "object", "properties": {}, "required": [], "additionalProperties": false });
    macro_rules! with_all {
        ($start:expr) => {
            $start
                .approval_mode(ApprovalMode::AutoReview)
                .cwd("/folder")
                .effort("high")
                .model("model")
                .output_schema(schema.clone())
                .personality(Personality::None)
                .sandbox(Sandbox::FullAccess)
                .service_tier("tier")
                .source("source")
                .summary(ReasoningSummary::Concise)
                .turn_service_tier("default")
        };
    }
    let input = json!([{ "type": "text", "text": "go", "text_elements": [] }]);
    let expected = json!({
        "threadId": "t", "input": input,
        "approvalPolicy": "on-request", "approvalsReviewer": "auto_review",
        "cwd": "/folder", "effort": "high", "model": "model", "outputSchema": schema,
        "personality": "none", "sandboxPolicy": { "type": "dangerFullAccess" },
        "serviceTier": "tier", "serviceTierForTurn": "default", "summary": "concise",
        "turnTrigger": "source",
    });
    let run = with_all!(thread.run("go"));
    assert_eq!(turn(&mut peer, run).await, expected);
    let start = with_all!(thread.turn("go"));
    assert_eq!(turn(&mut peer, start).await, expected);
    let plain = json!({ "threadId": "t", "input": input });
    assert_eq!(turn(&mut peer, thread.run("go")).await, plain);
}

#[tokio::test]
async fn parity_146_presets_are_what_the_protocol_calls_them() {
    let (_codex, mut peer, thread) = thread().await;
    let policies = [
        (
            Sandbox::ReadOnly,
            json!({ "type": "readOnly", "networkAccess": false }),
        ),
        (
            Sandbox::WorkspaceWrite,
            json!({
                "type": "workspaceWrite", "networkAccess": false, "writableRoots": [],
                "excludeSlashTmp": false, "excludeTmpdirEnvVar": false,
            }),
        ),
        (Sandbox::FullAccess, json!({ "type": "dangerFullAccess" })),
    ];
    for (sandbox, expected) in policies {
        let params = turn(&mut peer, thread.run("go").sandbox(sandbox)).await;
        assert_eq!(params["sandboxPolicy"], expected);
    }
    let modes = [
        (ApprovalMode::DenyAll, json!("never"), Value::Null),
        (ApprovalMode::Ask, json!("on-request"), json!("user")),
        (
            ApprovalMode::AutoReview,
            json!("on-request"),
            json!("auto_review"),
        ),
    ];
    for (mode, policy, reviewer) in modes {
        let params = turn(&mut peer, thread.run("go").approval_mode(mode)).await;
        assert_eq!(params["approvalPolicy"], policy);
        assert_eq!(params["approvalsReviewer"], reviewer);
    }
}

#[tokio::test]
async fn parity_43_inputs_are_what_the_protocol_calls_them() {
    let (_codex, mut peer, thread) = thread().await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    let path = file.to_str().unwrap();
    let items = [
        InputItem::text("text"),
        InputItem::image("data:image/png;base64,AA=="),
        InputItem::local_image(&file),
        InputItem::skill("skill", &file),
        InputItem::mention("mention", "app://id"),
    ];
    let expected = json!([
        { "type": "text", "text": "text", "text_elements": [] },
        { "type": "image", "url": "data:image/png;base64,AA==" },
        { "type": "localImage", "path": path },
        { "type": "skill", "name": "skill", "path": path },
        { "type": "mention", "name": "mention", "path": "app://id" },
    ]);
    let params = turn(&mut peer, thread.run(items.clone())).await;
    assert_eq!(params["input"], expected);
    let message = ExternalMessage::new("tool", "content").namespace("space");
    let params = turn(&mut peer, thread.run(RunInput::from(message))).await;
    let output = json!({ "name": "tool", "namespace": "space", "output": "content" });
    assert_eq!(
        params,
        json!({ "threadId": "t", "input": [], "toolOutput": output })
    );

    let running = start_turn(&thread, &mut peer, "1").await;
    assert_eq!((running.thread_id(), running.id()), ("t", "1"));
    let params = sent(&mut peer, "turn/steer", running.steer(items.to_vec())).await;
    assert_eq!(
        params,
        json!({ "threadId": "t", "expectedTurnId": "1", "input": expected })
    );
}

#[tokio::test]
async fn parity_142_the_handshake_names_the_client_and_reads_the_runtimes_name() {
    let (mut peer, (output, input)) = Peer::pair();
    let builder = Codex::builder()
        .client_info("name", "title", "1.2.3")
        .experimental_api(false);
    let shake = builder.start_with_io(output, input);
    let serve = async {
        let request = peer.expect_request("initialize").await;
        let mut reply = shapes::initialize_response();
        reply["userAgent"] = json!("codex-cli/1.2.3");
        peer.reply(&request.id, reply).await;
        request.params
    };
    let (codex, params) = tokio::join!(shake, serve);
    let codex = codex.unwrap();
    let client = json!({ "name": "name", "title": "title", "version": "1.2.3" });
    assert_eq!(params["clientInfo"], client);
    assert_eq!(params["capabilities"]["experimentalApi"], false);
    let metadata = codex.metadata();
    assert_eq!(metadata.user_agent, "codex-cli/1.2.3");
    assert_eq!(metadata.server_name, "codex-cli");
    assert_eq!(metadata.server_version, "1.2.3");
    assert_eq!(metadata.platform_family, std::env::consts::FAMILY);
    assert_eq!(metadata.platform_os, std::env::consts::OS);
}

#[tokio::test]
async fn what_is_configured_and_instructed_is_in_no_debug_output() {
    let (codex, _peer) = connect().await;
    let config = json!({ "model_providers": { "own": { "api_key": "hush" } } });
    let start = codex.thread_start().config(config.clone());
    let start = start.developer_instructions("hush").cwd("/somewhere");
    let resume = codex.thread_resume("t").config(config.clone());
    let fork = codex.thread_fork("t").config(config);
    let shown = format!("{start:?} {resume:?} {fork:?}");
    assert!(
        shown.contains("StartThread") && shown.contains("/somewhere"),
        "{shown}"
    );
    assert!(!shown.contains("hush"), "{shown}");
}
