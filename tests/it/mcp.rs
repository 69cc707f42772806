//! Servers of the Model Context Protocol that threads are given.

use std::{fs, path::Path};

use codex_e2e::{Stage, processes_in};
use codex_sdk::{
    ApprovalMode, Codex, McpServer, McpToolApproval, Notification, NotificationStream, Sandbox,
    StartThread, Thread, TurnResult,
    types::{
        McpServerConnectionStatus, McpServerStartupState, McpServerStatus, McpServerStatusDetail,
        McpServerStatusUpdatedNotification, McpToolCallStatus, ThreadItem, ThreadItemMcpToolCall,
        TurnStatus,
    },
};
use codex_testkit::{RecordedRequest, Reply};
use serde_json::{Value, json};

const TINY: &str = env!("CARGO_BIN_EXE_tiny-mcp");

async fn client() -> (Stage, Codex) {
    let stage = Stage::new().await.unwrap();
    let codex = stage.start().await.unwrap();
    (stage, codex)
}

fn tiny() -> McpServer {
    McpServer::stdio(TINY)
}

/// A turn in which the model calls a tool of the server `tiny`: its item, what the model got, the turn.
async fn call(
    stage: &Stage,
    thread: &Thread,
    tool: &str,
    arguments: Value,
) -> (ThreadItemMcpToolCall, String, TurnResult) {
    let before = stage.model.requests().len();
    let id = format!("call {before}");
    let call = Reply::function_call(tool, arguments.to_string()).namespace("mcp__tiny");
    stage.model.push(call.id(&id));
    stage.model.push(Reply::text("done"));
    let result = thread.run("Call it.").await.unwrap();
    let request = stage.model.requests().pop().unwrap();
    let output = request.tool_output(&id).unwrap().to_string();
    let items = result.items.iter().filter_map(|item| match item {
        ThreadItem::McpToolCall(call) => Some(call.clone()),
        _ => None,
    });
    let items: Vec<_> = items.collect();
    let [item] = &items[..] else {
        panic!("not one call: {items:?}");
    };
    (item.clone(), output, result)
}

/// What the server says of its environment.
async fn variable(stage: &Stage, thread: &Thread, name: &str) -> String {
    let (item, ..) = call(stage, thread, "variable", json!({ "name": name })).await;
    text(&item).to_owned()
}

/// The text that a call brought.
fn text(item: &ThreadItemMcpToolCall) -> &str {
    let result = item.result.as_ref();
    let content = result.and_then(|result| result.content.first());
    let content = content.unwrap_or(&Value::Null);
    content["text"].as_str().unwrap_or_default()
}

/// The tools of MCP servers that the model finds for a query, as `server.tool`.
async fn found(stage: &Stage, thread: &Thread, query: &str) -> Vec<String> {
    let search = json!({
        "type": "tool_search_call", "id": "search", "call_id": "search",
        "execution": "client", "status": "completed", "arguments": { "query": query },
    });
    stage.model.push(Reply::output_item(search));
    stage.model.push(Reply::text("done"));
    thread.run("Look for it.").await.unwrap();
    let request = stage.model.requests().pop().unwrap();
    let output = request.input_items().last().unwrap();
    assert_eq!(output["type"], "tool_search_output", "{output}");
    offered(output["tools"].as_array().unwrap())
}

fn offered(tools: &[Value]) -> Vec<String> {
    let spaces = tools.iter().filter(|tool| tool["type"] == "namespace");
    let names = spaces.flat_map(|space| {
        let tools = space["tools"].as_array().unwrap();
        let name = |tool: &Value| format!("{}.{}", space["name"], tool["name"]).replace('"', "");
        tools.iter().map(name).collect::<Vec<_>>()
    });
    let mut names: Vec<_> = names.filter(|name| name.starts_with("mcp__")).collect();
    names.sort();
    names
}

async fn servers(codex: &Codex, thread: &Thread) -> Vec<String> {
    let listed = codex.mcp_servers().thread_id(thread.id()).await.unwrap();
    listed.data.into_iter().map(|server| server.name).collect()
}

/// How the start of a server ended.
async fn started(
    events: &mut NotificationStream,
    server: &str,
) -> McpServerStatusUpdatedNotification {
    loop {
        match events.next().await.unwrap().unwrap() {
            Notification::McpServerStartupStatusUpdated(status)
                if status.name == server && status.status != McpServerStartupState::Starting =>
            {
                return status;
            }
            _ => {}
        }
    }
}

#[tokio::test]
async fn the_model_finds_and_calls_the_tools_of_a_threads_server() {
    let (stage, codex) = client().await;
    let mut events = codex.notifications();
    let thread = codex.thread_start().mcp_server("tiny", tiny());
    let thread = thread.await.unwrap();
    let status = started(&mut events, "tiny").await;
    assert_eq!(status.status, McpServerStartupState::Ready);
    assert_eq!(status.thread_id.as_deref(), Some(thread.id()));

    assert!(
        found(&stage, &thread, "say the same")
            .await
            .contains(&"mcp__tiny.echo".to_owned())
    );
    let (item, output, result) = call(&stage, &thread, "echo", json!({ "text": "hi" })).await;
    assert_eq!(item.status, McpToolCallStatus::Completed);
    assert_eq!(
        (&*item.server, &*item.tool, text(&item)),
        ("tiny", "echo", "hi")
    );
    assert_eq!(item.arguments, json!({ "text": "hi" }));
    assert!(output.contains("\"hi\""), "{output}");
    assert_eq!(result.final_response.as_deref(), Some("done"));
}

/// Not every model has the tool that searches.
#[tokio::test]
async fn a_model_without_a_search_is_offered_the_tools_at_once() {
    let stage = Stage::with(|home| home.sandbox_mode("read-only"));
    let stage = stage.await.unwrap();
    stage.model.push(Reply::text("done"));
    let codex = stage.start().await.unwrap();
    let server = tiny()
        .enabled_tools(["echo", "fail", "ask"])
        .disabled_tools(["ask"]);
    let thread = codex.thread_start().mcp_server("a.b:c/d", server);
    thread.await.unwrap().run("hello").await.unwrap();
    let request: RecordedRequest = stage.model.next_request().await;
    let expected = ["mcp__a_b_c_d.echo", "mcp__a_b_c_d.fail"];
    assert_eq!(offered(request.tools()), expected);
}

#[tokio::test]
async fn a_tool_that_fails_is_a_failed_item_and_the_turn_goes_on() {
    let (stage, codex) = client().await;
    let thread = codex.thread_start().mcp_server("tiny", tiny());
    let thread = thread.await.unwrap();
    let (item, output, result) = call(&stage, &thread, "fail", json!({})).await;
    assert_eq!(item.status, McpToolCallStatus::Failed);
    assert_eq!(text(&item), "nothing works today");
    assert!(output.contains("nothing works today"), "{output}");
    assert_eq!(result.status, TurnStatus::Completed);
}

#[tokio::test]
async fn progress_of_a_tool_is_in_the_stream_of_its_turn() {
    let (stage, codex) = client().await;
    let thread = codex.thread_start().mcp_server("tiny", tiny());
    let thread = thread.await.unwrap();
    let call = Reply::function_call("ask", "{}").namespace("mcp__tiny");
    stage.model.push(call);
    stage.model.push(Reply::text("done"));
    let mut turn = thread.turn("Call it.").await.unwrap();
    let mut progress = Vec::new();
    while let Some(event) = turn.next().await {
        if let Notification::ItemMcpToolCallProgress(event) = event.unwrap() {
            progress.push(event.message);
        }
    }
    assert_eq!(progress, ["asking"]);
}

#[tokio::test]
async fn mcp_elicitation_without_a_handler_is_declined() {
    let (stage, codex) = client().await;
    for mode in [ApprovalMode::DenyAll, ApprovalMode::Ask] {
        let thread = codex.thread_start().approval_mode(mode);
        let thread = thread.mcp_server("tiny", tiny()).await.unwrap();
        let (item, ..) = call(&stage, &thread, "ask", json!({})).await;
        assert_eq!(text(&item), "Decline: hello, nobody!", "{mode:?}");
        assert_eq!(item.status, McpToolCallStatus::Completed);
    }
}

#[tokio::test]
async fn a_tool_that_may_change_something_needs_an_approval_or_full_access() {
    let (stage, codex) = client().await;
    let change = async |start: StartThread, server: McpServer| {
        let thread = start.mcp_server("tiny", server).await.unwrap();
        let (item, ..) = call(&stage, &thread, "change", json!({})).await;
        let message = item.error.map(|error| error.message);
        assert_eq!(item.status == McpToolCallStatus::Failed, message.is_some());
        message.unwrap_or_default()
    };
    let start = |sandbox| codex.thread_start().sandbox(sandbox);
    let approve = McpToolApproval::Approve;

    let message = change(start(Sandbox::ReadOnly), tiny()).await;
    assert!(message.contains("approval policy is never"), "{message}");
    let asking = start(Sandbox::FullAccess).approval_mode(ApprovalMode::Ask);
    let message = change(asking, tiny()).await;
    assert!(message.contains("rejected"), "{message}");

    assert_eq!(change(start(Sandbox::FullAccess), tiny()).await, "");
    let server = tiny().default_tools_approval_mode(approve);
    assert_eq!(change(start(Sandbox::ReadOnly), server).await, "");
    let server = tiny().tool_approval("change", approve);
    assert_eq!(change(start(Sandbox::ReadOnly), server).await, "");
    let server = tiny().default_tools_approval_mode(approve);
    let server = server.tool_approval("change", McpToolApproval::Writes);
    let message = change(start(Sandbox::ReadOnly), server).await;
    assert!(message.contains("approval policy is never"), "{message}");
}

#[tokio::test]
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

#[tokio::test]
async fn a_thread_that_is_loaded_again_has_the_servers_that_it_is_given_then() {
    let (stage, codex) = client().await;
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

#[tokio::test]
async fn a_server_has_its_environment_and_folder_and_leaves_no_trace_of_them() {
    const SECRET: &str = "never-to-be-stored-0123456789";
    let stage = Stage::new().await.unwrap();
    let builder = stage.builder().env("PASSED", "yes").env("KEPT", "yes");
    let codex = builder.start().await.unwrap();
    let server = tiny().env("SECRET", SECRET).env_vars(["PASSED"]).cwd("/");
    let thread = codex.thread_start().mcp_server("tiny", server);
    let thread = thread.await.unwrap();
    assert_eq!(variable(&stage, &thread, "PASSED").await, "yes");
    assert_eq!(variable(&stage, &thread, "KEPT").await, "unset");
    let (item, ..) = call(&stage, &thread, "length", json!({ "name": "SECRET" })).await;
    assert_eq!(text(&item), SECRET.len().to_string());
    let requests = format!("{:?}", stage.model.requests());
    assert!(!requests.contains(SECRET));
    codex.close().await.unwrap();
    assert_eq!(processes_in(stage.home.path()), [""; 0]);
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

#[tokio::test]
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
        ["ask", "change", "echo", "fail", "length", "variable"]
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

#[tokio::test]
async fn a_server_that_does_not_start_is_told_of_and_no_turn_is_lost() {
    let (stage, codex) = client().await;
    let mut events = codex.notifications();
    let missing = || McpServer::stdio("/nowhere/to-be-found");
    let thread = codex.thread_start().mcp_server("missing", missing());
    let thread = thread.mcp_server("tiny", tiny()).await.unwrap();
    let status = started(&mut events, "missing").await;
    assert_eq!(status.status, McpServerStartupState::Failed);
    assert!(status.error.unwrap().contains("No such file"));
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

#[tokio::test]
async fn a_reload_brings_the_changes_of_the_configuration_to_loaded_threads() {
    let (stage, codex) = client().await;
    let thread = codex.thread_start().await.unwrap();
    assert_eq!(servers(&codex, &thread).await, [""; 0]);
    let added = format!("[mcp_servers.tiny]\ncommand = '{TINY}'");
    stage.home.merge_config(&added).unwrap();
    codex.mcp_reload().await.unwrap();
    let (item, ..) = call(&stage, &thread, "echo", json!({ "text": "hi" })).await;
    assert_eq!(text(&item), "hi");
    assert_eq!(servers(&codex, &thread).await, ["tiny"]);
}
