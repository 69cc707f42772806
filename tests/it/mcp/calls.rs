//! What the model does with the tools of a server.

use codex_e2e::Stage;
use codex_sdk::types::{
    McpServerElicitationAction, McpServerElicitationRequestParams,
    McpServerElicitationRequestResponse, McpServerStartupState, McpToolCallStatus, TurnStatus,
};
use codex_sdk::{
    ApprovalMode, HandlerResult, McpToolApproval, RequestContext, Sandbox, ServerRequestHandler,
    StartThread,
};
use codex_testkit::{RecordedRequest, Reply};
use serde_json::json;

use crate::mcp::support::{call, found, offered, started, text, tiny};

#[codex_e2e_macros::test]
async fn the_model_finds_and_calls_the_tools_of_a_threads_server() {
    let (stage, codex) = Stage::with_client().await.unwrap();
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
#[codex_e2e_macros::test]
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

#[codex_e2e_macros::test]
async fn a_tool_that_fails_is_a_failed_item_and_the_turn_goes_on() {
    let (stage, codex) = Stage::with_client().await.unwrap();
    let thread = codex.thread_start().mcp_server("tiny", tiny());
    let thread = thread.await.unwrap();
    let (item, output, result) = call(&stage, &thread, "fail", json!({})).await;
    assert_eq!(item.status, McpToolCallStatus::Failed);
    assert_eq!(text(&item), "nothing works today");
    assert!(output.contains("nothing works today"), "{output}");
    assert_eq!(result.status, TurnStatus::Completed);
}

#[codex_e2e_macros::test]
async fn mcp_elicitation_without_a_handler_is_declined() {
    let (stage, codex) = Stage::with_client().await.unwrap();
    for mode in [ApprovalMode::DenyAll, ApprovalMode::Ask] {
        let thread = codex.thread_start().approval_mode(mode);
        let thread = thread.mcp_server("tiny", tiny()).await.unwrap();
        let (item, ..) = call(&stage, &thread, "ask", json!({})).await;
        assert_eq!(text(&item), "Decline: hello, nobody!", "{mode:?}");
        assert_eq!(item.status, McpToolCallStatus::Completed);
    }
}

#[codex_e2e_macros::test]
async fn mcp_elicitation_is_answered_by_the_handler() {
    struct Ada;
    impl ServerRequestHandler for Ada {
        async fn mcp_elicitation(
            &self,
            context: RequestContext,
            _params: McpServerElicitationRequestParams,
        ) -> HandlerResult<McpServerElicitationRequestResponse> {
            assert!(context.thread_id().is_some());
            let accept = McpServerElicitationAction::Accept;
            let mut response = McpServerElicitationRequestResponse::new(accept);
            response.content = Some(json!({ "name": "Ada" }));
            Ok(response)
        }
    }
    let stage = Stage::new().await.unwrap();
    let codex = stage.open(stage.builder().handler(Ada)).await.unwrap();
    let thread = codex.thread_start().mcp_server("tiny", tiny());
    let thread = thread.await.unwrap();
    let (item, ..) = call(&stage, &thread, "ask", json!({})).await;
    assert_eq!(text(&item), "Accept: hello, Ada!");
}

/// Checks that the runtime refuses to run the tool with these words, or runs it if there are none.
async fn is_refused(stage: &Stage, start: StartThread, tool: &str, words: &str) {
    let shown = format!("{start:?} {tool}");
    let thread = start.await.unwrap();
    let (item, ..) = call(stage, &thread, tool, json!({ "text": "hi" })).await;
    let message = item.error.map(|error| error.message);
    assert_eq!(item.status == McpToolCallStatus::Failed, message.is_some());
    let message = message.unwrap_or_default();
    assert!(message.contains(words), "{shown}: {message}");
    assert_eq!(message.is_empty(), words.is_empty(), "{shown}");
}

#[codex_e2e_macros::test]
async fn a_tool_that_may_change_something_needs_an_approval_or_full_access() {
    let (stage, codex) = Stage::with_client().await.unwrap();
    let never = "approval policy is never";
    for (sandbox, mode, tool, words) in [
        (Sandbox::ReadOnly, ApprovalMode::DenyAll, "change", never),
        (Sandbox::ReadOnly, ApprovalMode::DenyAll, "echo", ""),
        (
            Sandbox::ReadOnly,
            ApprovalMode::Ask,
            "change",
            "user rejected",
        ),
        (
            Sandbox::FullAccess,
            ApprovalMode::Ask,
            "change",
            "user rejected",
        ),
        (Sandbox::FullAccess, ApprovalMode::DenyAll, "change", ""),
    ] {
        let start = codex.thread_start().sandbox(sandbox).approval_mode(mode);
        is_refused(&stage, start.mcp_server("tiny", tiny()), tool, words).await;
    }
    let all = |mode| tiny().default_tools_approval_mode(mode);
    let (approved, writes) = (all(McpToolApproval::Approve), McpToolApproval::Writes);
    let this_one = tiny().tool_approval("change", McpToolApproval::Approve);
    let but_this_one = approved.clone().tool_approval("change", writes);
    let (writes, asks) = (all(writes), all(McpToolApproval::Prompt));
    for (sandbox, server, tool, words) in [
        (Sandbox::ReadOnly, approved, "change", ""),
        (Sandbox::ReadOnly, this_one, "change", ""),
        (Sandbox::ReadOnly, but_this_one, "change", never),
        (Sandbox::ReadOnly, writes, "echo", ""),
        (Sandbox::ReadOnly, asks.clone(), "echo", never),
        (Sandbox::FullAccess, asks, "change", ""),
    ] {
        let start = codex.thread_start().sandbox(sandbox);
        is_refused(&stage, start.mcp_server("tiny", server), tool, words).await;
    }
}
