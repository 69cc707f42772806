//! Calls that the runtime refuses.

use std::fs;
use std::path::{Path, PathBuf};

use codex_e2e::Stage;
use codex_sdk::{Condition, McpServer};
use codex_testkit::{Gate, Reply};
use serde_json::{Value, json};

use crate::conditions::{means, rpc};

#[codex_e2e_macros::test]
async fn an_unknown_method_is_refused_in_one_sentence() {
    let stage = Stage::new().await.unwrap();
    let codex = stage.start().await.unwrap();
    let refused = codex.request_raw("no/such", json!({})).await;
    let error = means(refused, Condition::FeatureUnsupported);
    let message = "the runtime refused `no/such`: Invalid request: unknown variant `no/such` (code -32600): \
                   use the pinned runtime, or switch the feature on (`config`)";
    assert_eq!(error.to_string(), message);
    assert_eq!(format!("{error:?}"), message);
    // All of its words are still there, for a program.
    assert!(rpc(&error).message.contains("`thread/resume`"), "{error}");
}

#[codex_e2e_macros::test]
async fn a_mistake_in_the_parameters_is_an_invalid_request() {
    let stage = Stage::new().await.unwrap();
    let codex = stage.start().await.unwrap();
    let thread = codex.thread_start().await.unwrap();
    let id = thread.id();
    let long = json!([{ "type": "text", "text": "x".repeat(1_048_577) }]);
    let calls = [
        ("thread/read", json!({})),
        ("thread/list", json!({ "cursor": "nonsense" })),
        ("turn/start", json!({ "threadId": id, "input": long })),
        (
            "turn/start",
            json!({ "threadId": id, "input": [{ "type": "smell" }] }),
        ),
        ("thread/name/set", json!({ "threadId": id, "name": "" })),
        (
            "thread/goal/set",
            json!({ "threadId": id, "objective": "" }),
        ),
        ("command/exec", json!({ "command": [] })),
        ("account/login/cancel", json!({ "loginId": "x" })),
    ];
    for (method, params) in calls {
        let refused = codex.request_raw(method, params).await;
        means(refused, Condition::InvalidRequest);
    }
    // What this client refuses itself means the same.
    let blank = thread.goal(" ").await.map(drop);
    means(blank, Condition::InvalidRequest);
}

#[codex_e2e_macros::test]
async fn what_fails_on_the_machine_of_the_runtime_is_told_by_its_words() {
    let stage = Stage::new().await.unwrap();
    let codex = stage.start().await.unwrap();
    let calls = [
        ("fs/readFile", json!({ "path": "/no/such/file" })),
        (
            "command/exec",
            json!({ "command": ["true"], "cwd": "/no/such" }),
        ),
    ];
    for (method, params) in calls {
        let refused = codex.request_raw(method, params).await;
        let error = means(refused, Condition::RuntimeFailed);
        assert!(error.to_string().contains("No such file"), "{error}");
    }
}

#[codex_e2e_macros::test]
async fn a_mistake_in_a_configuration_is_named() {
    let stage = Stage::with(|home| home.trusted(true)).await.unwrap();
    let codex = stage.start().await.unwrap();
    let mistakes = [
        json!({ "sandbox_mode": "nonsense" }),
        json!({ "model_context_window": "large" }),
        json!({ "features": { "goals": "perhaps" } }),
    ];
    for config in mistakes {
        let refused = codex.thread_start().config(config).await.map(drop);
        means(refused, Condition::ConfigInvalid);
    }
    let nobody = codex.thread_start().model_provider("nobody").await;
    let error = means(nobody.map(drop), Condition::ConfigInvalid);
    assert!(error.to_string().contains("`nobody`"), "{error}");

    let project = stage.home.workspace().join(".codex");
    fs::create_dir(&project).unwrap();
    for text in ["sandbox_mode = 'nonsense'", "this is no toml"] {
        fs::write(project.join("config.toml"), text).unwrap();
        let refused = codex.thread_start().await.map(drop);
        let error = means(refused, Condition::ConfigInvalid);
        assert!(error.to_string().contains("config.toml"), "{error}");
        let read = json!({ "includeLayers": false, "cwd": stage.home.workspace() });
        let refused = codex.request_raw("config/read", read).await;
        means(refused, Condition::ConfigInvalid);
    }
}

#[codex_e2e_macros::test]
async fn a_configuration_that_is_written_wrongly_or_too_late_is_told_apart() {
    let stage = Stage::new().await.unwrap();
    let codex = stage.start().await.unwrap();
    let write = |value: &str, more: Value| {
        let mut params =
            json!({ "keyPath": "sandbox_mode", "value": value, "mergeStrategy": "replace" });
        params
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        codex.request_raw("config/value/write", params)
    };
    means(write("nonsense", json!({})).await, Condition::ConfigInvalid);
    let old = json!({ "expectedVersion": "sha256:0" });
    means(write("read-only", old).await, Condition::ConfigChanged);

    // The way out that the message names.
    let read = codex.request_raw("config/read", json!({ "includeLayers": true }));
    let layers = read.await.unwrap()["layers"].take();
    let mut layers = layers.as_array().unwrap().iter();
    let of_user = layers
        .find(|layer| layer["name"]["type"] == "user")
        .unwrap();
    let new = json!({ "expectedVersion": of_user["version"] });
    write("read-only", new).await.unwrap();
}

#[codex_e2e_macros::test]
async fn an_mcp_server_that_is_required_or_unknown_is_named() {
    let stage = Stage::new().await.unwrap();
    let codex = stage.start().await.unwrap();
    let dead = McpServer::stdio("/no/such/program").required(true);
    let refused = codex.thread_start().mcp_server("dead", dead).await;
    let error = means(refused.map(drop), Condition::McpServerFailed);
    assert!(error.to_string().contains("dead"), "{error}");

    let thread = codex.thread_start().await.unwrap();
    let call = json!({ "threadId": thread.id(), "server": "nobody", "tool": "t" });
    let refused = codex.request_raw("mcpServer/tool/call", call).await;
    means(refused, Condition::McpServerFailed);
    let login = json!({ "name": "nobody" });
    let refused = codex.request_raw("mcpServer/oauth/login", login).await;
    means(refused, Condition::McpServerFailed);
}

#[codex_e2e_macros::test]
async fn a_turn_beside_a_compaction_finds_the_thread_busy() {
    let stage = Stage::new().await.unwrap();
    let gate = Gate::new();
    stage.model.push(Reply::text("Said something."));
    stage.model.push(Reply::text("A summary.").gate(&gate));
    let codex = stage.start().await.unwrap();
    let thread = codex.thread_start().await.unwrap();
    thread.run("Say something.").await.unwrap();
    let compact = json!({ "threadId": thread.id() });
    let compact = codex.request_raw("thread/compact/start", compact);
    compact.await.unwrap();
    gate.reached().await;
    let start = json!({ "threadId": thread.id(), "input": [{ "type": "text", "text": "Now?" }] });
    let refused = codex.request_raw("turn/start", start).await;
    means(refused, Condition::ThreadBusy);
    gate.release();
}

/// A runtime that may open only a few files.
#[cfg(unix)]
#[codex_e2e_macros::test]
async fn a_machine_without_free_files_is_named() {
    let stage = Stage::new().await.unwrap();
    let codex = codex_sdk::runtime::locate().unwrap().codex;
    let limited = format!("ulimit -n 64\nexec '{}' \"$@\"", codex.display());
    let limited = crate::startup::script(&stage, &limited);
    let codex = stage.builder().codex_bin(limited).start().await.unwrap();
    let mut threads = Vec::new();
    let error = loop {
        match codex.thread_start().await {
            Ok(thread) => threads.push(thread),
            Err(error) => break error,
        }
        assert!(threads.len() < 64);
    };
    means(Err::<(), _>(error), Condition::ResourcesExhausted);
}

#[codex_e2e_macros::test]
async fn two_clients_of_one_home_cannot_write_to_one_thread() {
    let stage = Stage::new().await.unwrap();
    stage.model.default_reply(Reply::text("Yes."));
    let first = stage.child().await.unwrap();
    let second = stage.child().await.unwrap();
    let thread = first.thread_start().await.unwrap();
    thread.run("Are you there?").await.unwrap();

    let refused = second.thread_resume(thread.id()).await.map(drop);
    let error = means(refused, Condition::ThreadInUse);
    assert!(error.to_string().contains(thread.id()), "{error}");
    let refused = second.thread_archive(thread.id()).await;
    means(refused, Condition::ThreadInUse);

    // Both ways out that the message names.
    let fork = second.thread_fork(thread.id()).await.unwrap();
    fork.run("And you?").await.unwrap();
    first.close().await.unwrap();
    let resumed = second.thread_resume(thread.id()).await.unwrap();
    resumed.run("And now?").await.unwrap();

    // The fork has only what is new: without its source it could not be read.
    let delete = |id: &str| second.request_raw("thread/delete", json!({ "threadId": id }));
    means(delete(thread.id()).await, Condition::ThreadHasForks);
    second.thread_archive(thread.id()).await.unwrap();
    fork.run("Still there?").await.unwrap();
    delete(fork.id()).await.unwrap();
    delete(thread.id()).await.unwrap();
}

/// The file that a thread is stored in.
pub(super) fn rollout(folder: &Path, id: &str) -> Option<PathBuf> {
    fs::read_dir(folder).ok()?.flatten().find_map(|entry| {
        let path = entry.path();
        if path.is_dir() {
            return rollout(&path, id);
        }
        let name = entry.file_name();
        let name = name.to_string_lossy();
        (name.starts_with("rollout-") && name.contains(id)).then_some(path)
    })
}
