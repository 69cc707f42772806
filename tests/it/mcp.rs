//! Servers of the Model Context Protocol that threads are given.

use std::fs;
use std::path::Path;

use codex_e2e::watch::Watch;
use codex_e2e::{Stage, left_in, processes_in};
use codex_sdk::McpServer;
use codex_sdk::types::{
    McpServerConnectionStatus, McpServerStartupState, McpServerStatus, McpServerStatusDetail,
};
use serde_json::json;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::fmt;
use tracing_subscriber::layer::{Layer, SubscriberExt};

use crate::mcp::support::{TINY, call, found, servers, started, text, tiny, variable};
use crate::secrets::shown::Shown;

mod calls;
mod http;
mod support;

#[codex_e2e_macros::test]
async fn the_servers_of_a_thread_are_its_own_beside_those_of_the_configuration() {
    let stage = Stage::with(|home| {
        home.model_name("gpt-5.5")
            .config_toml(format!("[mcp_servers.home]\ncommand = '{TINY}'"))
    });
    let stage = stage.await.unwrap();
    let codex = stage.start().await.unwrap();
    let start = |name| codex.thread_start().mcp_server(name, tiny());
    let one = start("one").await.unwrap();
    let config = json!({ "mcp_servers": { "three": { "command": TINY } } });
    let two = start("two").config(config).await.unwrap();
    assert_eq!(servers(&codex, &one).await, ["home", "one"]);
    assert_eq!(servers(&codex, &two).await, ["home", "three", "two"]);
    let tools = found(&stage, &one, "say the same").await;
    assert!(tools.contains(&"mcp__one.echo".to_owned()), "{tools:?}");
    assert!(!tools.contains(&"mcp__two.echo".to_owned()), "{tools:?}");

    let off = McpServer::stdio(TINY).enabled(false);
    let without = codex.thread_start().mcp_server("home", off);
    let without = without.await.unwrap();
    assert_eq!(found(&stage, &without, "say the same").await, [""; 0]);
}

#[codex_e2e_macros::test]
async fn a_thread_that_is_loaded_again_has_the_servers_that_it_is_given_then() {
    let (stage, codex) = Stage::with_client().await.unwrap();
    let thread = codex.thread_start().mcp_server("tiny", tiny());
    let thread = thread.await.unwrap();
    call(&stage, &thread, "echo", json!({ "text": "hi" })).await;
    // It is loaded: what it has stays.
    let resume = codex.thread_resume(thread.id()).include_turns(false);
    let resumed = resume.mcp_server("late", tiny()).await.unwrap();
    assert_eq!(servers(&codex, &resumed).await, ["tiny"]);
    let fork = || codex.thread_fork(thread.id()).include_turns(false);
    assert_eq!(servers(&codex, &fork().await.unwrap()).await, [""; 0]);
    let fork = fork().mcp_server("forked", tiny()).await.unwrap();
    assert_eq!(servers(&codex, &fork).await, ["forked"]);
    codex.close().await.unwrap();

    let codex = stage.start().await.unwrap();
    let resume = codex.thread_resume(thread.id()).include_turns(false);
    let resumed = resume.mcp_server("tiny", tiny()).await.unwrap();
    let (item, ..) = call(&stage, &resumed, "echo", json!({ "text": "again" })).await;
    assert_eq!(text(&item), "again");
}

#[codex_e2e_macros::test]
async fn a_server_has_its_environment_and_folder_and_leaves_no_trace() {
    const SECRET: &str = "never-to-be-stored-0123456789";
    let stage = Stage::new().await.unwrap();
    let builder = stage.builder().env("PASSED", "yes").env("KEPT", "yes");
    let codex = builder.start().await.unwrap();
    let server = tiny().env("SECRET", SECRET);
    // By the name of its home, the process of the server is found below.
    let server = server.env_vars(["PASSED", "CODEX_HOME"]);
    let folder = stage.home.path().canonicalize().unwrap();
    let thread = codex.thread_start().mcp_server("tiny", server.cwd(&folder));
    let thread = thread.await.unwrap();
    assert_eq!(variable(&stage, &thread, "PASSED").await, "yes");
    assert_eq!(variable(&stage, &thread, "KEPT").await, "unset");
    let (item, ..) = call(&stage, &thread, "length", json!({ "name": "SECRET" })).await;
    assert_eq!(text(&item), SECRET.len().to_string());
    let (item, ..) = call(&stage, &thread, "folder", json!({})).await;
    assert_eq!(Path::new(text(&item)), folder);
    if cfg!(target_os = "linux") {
        let running = processes_in(stage.home.path());
        assert!(running.iter().any(|process| process.contains("tiny-mcp")));
    }
    let requests = format!("{:?}", stage.model.requests());
    assert!(!requests.contains(SECRET));
    codex.close().await.unwrap();
    assert_eq!(left_in(stage.home.path()), [""; 0]);
    assert_eq!(files_with(stage.home.path(), SECRET.as_bytes()), [""; 0]);
}

/// The files below a folder that have this in them.
fn files_with(folder: &Path, text: &[u8]) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && !path.is_symlink() {
            found.extend(files_with(&path, text));
        } else if let Ok(content) = fs::read(&path)
            && content.windows(text.len()).any(|part| part == text)
        {
            found.push(path.display().to_string());
        }
    }
    found
}

#[codex_e2e_macros::test]
async fn the_servers_are_listed_with_their_tools_page_by_page() {
    let stage =
        Stage::with(|home| home.config_toml(format!("[mcp_servers.home]\ncommand = '{TINY}'")));
    let stage = stage.await.unwrap();
    let codex = stage.start().await.unwrap();
    let of_configuration = codex.mcp_servers().await.unwrap();
    let names = |servers: &[McpServerStatus]| -> Vec<String> {
        servers.iter().map(|server| server.name.clone()).collect()
    };
    assert_eq!(names(&of_configuration.data), ["home"]);

    let thread = codex.thread_start().mcp_server("tiny", tiny());
    let thread = thread.await.unwrap();
    let list = || codex.mcp_servers().thread_id(thread.id());
    let first = list().limit(1).await.unwrap();
    assert_eq!(names(&first.data), ["home"]);
    let second = list().limit(1).cursor(first.next_cursor.unwrap());
    assert_eq!(names(&second.await.unwrap().data), ["tiny"]);
    let mut pages = list().limit(1).stream();
    let mut all = Vec::new();
    while let Some(server) = pages.next().await {
        all.push(server.unwrap());
    }
    assert_eq!(names(&all), ["home", "tiny"]);
    let tools: Vec<_> = all[1].tools.keys().collect();
    assert_eq!(
        tools,
        [
            "ask", "change", "echo", "fail", "folder", "length", "variable"
        ]
    );
    assert_eq!(
        all[1].runtime_status,
        Some(McpServerConnectionStatus::Connected)
    );
    assert_eq!(all[1].resources.len(), 1);

    let brief = list().server_name("tiny");
    let brief = brief.detail(McpServerStatusDetail::ToolsAndAuthOnly);
    let brief = brief.await.unwrap().data;
    assert_eq!(names(&brief), ["tiny"]);
    assert!(brief[0].resources.is_empty());
}

#[codex_e2e_macros::test]
async fn a_server_that_does_not_start_is_told_of_and_no_turn_is_lost() {
    let (stage, codex) = Stage::with_client().await.unwrap();
    let mut events = codex.notifications();
    let missing = || McpServer::stdio("/nowhere/to-be-found");
    let thread = codex.thread_start().mcp_server("missing", missing());
    let thread = thread.mcp_server("tiny", tiny()).await.unwrap();
    let status = started(&mut events, "missing").await;
    assert_eq!(status.status, McpServerStartupState::Failed);
    assert!(status.error.unwrap().contains("missing"));
    // Another one of the same thread is there.
    let (item, _, result) = call(&stage, &thread, "echo", json!({ "text": "hi" })).await;
    assert_eq!(text(&item), "hi");
    assert_eq!(result.final_response.as_deref(), Some("done"));

    let required = missing().required(true);
    let refused = codex.thread_start().mcp_server("missing", required);
    let refused = refused.await.unwrap_err();
    let message = &refused.rpc().unwrap().message;
    assert!(message.contains("missing"), "{message}");

    // For a program, and not for a server that is reached by HTTP.
    let mixed = McpServer::http("http://127.0.0.1:9").env("KEY", "value");
    let refused = codex.thread_start().mcp_server("mixed", mixed);
    let refused = refused.await.unwrap_err();
    let message = &refused.rpc().unwrap().message;
    assert!(message.contains("env is not supported"), "{message}");
}

#[codex_e2e_macros::test]
async fn a_reload_brings_the_changes_of_the_configuration_to_loaded_threads() {
    let (stage, codex) = Stage::with_client().await.unwrap();
    let thread = codex.thread_start().await.unwrap();
    assert_eq!(servers(&codex, &thread).await, [""; 0]);
    let added = format!("[mcp_servers.tiny]\ncommand = '{TINY}'");
    stage.home.merge_config(&added).unwrap();
    codex.mcp_reload().await.unwrap();
    let (item, ..) = call(&stage, &thread, "echo", json!({ "text": "hi" })).await;
    assert_eq!(text(&item), "hi");
    assert_eq!(servers(&codex, &thread).await, ["tiny"]);
}

/// On one thread, so that its subscriber sees what all tasks log.
#[codex_e2e_macros::test(flavor = "current_thread")]
async fn a_failed_start_that_nobody_listens_to_is_logged() {
    let logged = Shown::default();
    let writer = logged.clone();
    let shown = fmt::layer().with_writer(move || writer.clone());
    let shown = shown.with_filter(LevelFilter::INFO);
    let subscriber = tracing_subscriber::registry().with(Watch).with(shown);
    // With no other subscriber, an event that another test's thread meets first would be off for good.
    let _other = tracing::Dispatch::new(tracing::subscriber::NoSubscriber::new());
    let _guard = tracing::subscriber::set_default(subscriber);
    let (stage, codex) = Stage::with_client().await.unwrap();
    let missing = McpServer::stdio("/nowhere/to-be-found");
    let thread = codex.thread_start().mcp_server("missing", missing);
    let thread = thread.mcp_server("tiny", tiny()).await.unwrap();
    // The turn waits for the servers to start, or not to.
    call(&stage, &thread, "echo", json!({ "text": "hi" })).await;
    let logged = logged.take();
    assert!(logged.contains("mcpServer/startupStatus"), "{logged}");
    assert!(logged.contains("missing"), "{logged}");
}
