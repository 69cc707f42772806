use codex_e2e::Stage;
use codex_sdk::types::{
    McpServerStartupState, McpServerStatusUpdatedNotification, ThreadItem, ThreadItemMcpToolCall,
};
use codex_sdk::{Codex, McpServer, Notification, NotificationStream, Thread, TurnResult};
use codex_testkit::Reply;
use serde_json::{Value, json};

pub(super) const TINY: &str = env!("CARGO_BIN_EXE_tiny-mcp");

pub(super) fn tiny() -> McpServer {
    McpServer::stdio(TINY)
}

/// A turn in which the model calls a tool of the server `tiny`: its item, what the model got, the turn.
pub(super) async fn call(
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
pub(super) async fn variable(stage: &Stage, thread: &Thread, name: &str) -> String {
    let (item, ..) = call(stage, thread, "variable", json!({ "name": name })).await;
    text(&item).to_owned()
}

/// The text that a call brought.
pub(super) fn text(item: &ThreadItemMcpToolCall) -> &str {
    let result = item.result.as_ref();
    let content = result.and_then(|result| result.content.first());
    let content = content.unwrap_or(&Value::Null);
    content["text"].as_str().unwrap_or_default()
}

/// The tools of MCP servers that the model finds for a query, as `server.tool`.
pub(super) async fn found(stage: &Stage, thread: &Thread, query: &str) -> Vec<String> {
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

pub(super) fn offered(tools: &[Value]) -> Vec<String> {
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

pub(super) async fn servers(codex: &Codex, thread: &Thread) -> Vec<String> {
    let listed = codex.mcp_servers().thread_id(thread.id()).await.unwrap();
    listed.data.into_iter().map(|server| server.name).collect()
}

/// How the start of a server ended.
pub(super) async fn started(
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
