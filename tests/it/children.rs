//! Sub-agents: threads that the runtime makes itself, when the model asks for them.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use codex_e2e::{Stage, idle};
use codex_sdk::schemars::JsonSchema;
use codex_sdk::types::{
    CommandExecutionApprovalDecision, CommandExecutionRequestApprovalParams,
    CommandExecutionRequestApprovalResponse, DynamicToolCallParams, DynamicToolCallResponse,
    UserInput,
};
use codex_sdk::{
    Codex, HandlerResult, RequestContext, ServerRequestHandler, Tool, schemars, types,
};
use codex_testkit::Reply;
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Deserialize, JsonSchema)]
struct Ticket {
    number: u32,
}

/// The namespaces of the two kinds of sub-agents that the runtime has.
const FIRST: &str = "multi_agent_v1";
const SECOND: &str = "collaboration";

/// A runtime whose models have sub-agents of this kind, and ask before they leave the sandbox.
async fn stage(kind: &str) -> Stage {
    let stage = Stage::with(|home| {
        let home = home.approval_policy("on-request");
        match kind {
            FIRST => home,
            _ => home.model_name("gpt-5.5").feature("multi_agent_v2", true),
        }
    });
    stage.await.unwrap()
}

/// The model makes a sub-agent, then both of them give this reply and end. Which of the two asks first
/// is open, so the replies are the same.
fn both_reply(stage: &Stage, kind: &str, reply: &Reply) {
    let task = json!({ "message": "Do it, too.", "task_name": "other" });
    let task = match kind {
        FIRST => json!({ "message": task["message"] }),
        _ => task,
    };
    let spawn = Reply::function_call("spawn_agent", task.to_string()).namespace(kind);
    stage.model.push(spawn);
    stage.model.push(reply.clone());
    stage.model.push(reply.clone());
    stage.model.default_reply(Reply::text("Done."));
}

/// Waits for the ends of both, and returns the outputs of the call `call`.
async fn outputs(stage: &Stage, codex: &Codex) -> Vec<String> {
    let requests = stage.model.wait_for_requests(5).await;
    idle(codex).await;
    let outputs = requests.iter().filter_map(|request| {
        let items = request.input_items();
        let is_output = |it: &Value| it["call_id"] == "call" && !it["output"].is_null();
        // What one of them says to the other may stand behind it; an answer of the model is of a later request.
        let (at, output) = items.iter().enumerate().find(|(_, it)| is_output(it))?;
        let answered = items[at..].iter().any(|it| it["role"] == "assistant");
        (!answered).then(|| output["output"].to_string())
    });
    outputs.collect()
}

fn ticket_call() -> Reply {
    Reply::function_call("ticket", r#"{"number":8}"#).id("call")
}

#[codex_e2e_macros::test]
async fn a_sub_agent_calls_a_tool_of_its_parent() {
    let stage = stage(SECOND).await;
    both_reply(&stage, SECOND, &ticket_call());
    let codex = stage.start().await.unwrap();
    let calls = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&calls);
    let tool = Tool::new("ticket", "Reads a ticket.", move |args: Ticket| {
        count.fetch_add(1, Ordering::Relaxed);
        async move { Ok(format!("ticket {} is done", args.number)) }
    });
    let thread = codex.thread_start().tool(tool).await.unwrap();
    thread.run("Let another read ticket 8, too.").await.unwrap();
    let outputs = outputs(&stage, &codex).await;
    assert_eq!(outputs, [r#""ticket 8 is done""#; 2]);
    assert_eq!(calls.load(Ordering::Relaxed), 2);
}

/// What a handler was asked, with the thread that asked and its parent.
type Seen = BTreeSet<(&'static str, Option<String>, Option<String>)>;

/// Accepts everything, and notes who asked.
#[derive(Default)]
struct Notes(Mutex<Seen>);

impl Notes {
    fn add(&self, what: &'static str, context: &RequestContext) {
        let text = |part: Option<&str>| part.map(str::to_owned);
        let (thread, parent) = (context.thread_id(), context.parent_thread_id());
        let asked = (what, text(thread), text(parent));
        self.0.lock().unwrap().insert(asked);
    }

    /// Who asked this: one of them nobody's child, the other one the child of that.
    #[track_caller]
    fn were_asked(&self, what: &str, parent: &str) {
        let seen = self.0.lock().unwrap();
        let asked = seen.iter().filter(|it| it.0 == what);
        let mut parents: Vec<_> = asked
            .map(|(_, thread, of)| (thread.as_deref() == Some(parent), of.as_deref()))
            .collect();
        parents.sort_unstable();
        assert_eq!(parents, [(false, Some(parent)), (true, None)], "{seen:?}");
    }
}

impl ServerRequestHandler for Notes {
    async fn command_approval(
        &self,
        context: RequestContext,
        _params: CommandExecutionRequestApprovalParams,
    ) -> HandlerResult<CommandExecutionRequestApprovalResponse> {
        self.add("approval", &context);
        let accept = CommandExecutionApprovalDecision::Accept;
        Ok(CommandExecutionRequestApprovalResponse::new(accept))
    }

    async fn tool_call(
        &self,
        context: RequestContext,
        _params: DynamicToolCallParams,
    ) -> HandlerResult<DynamicToolCallResponse> {
        self.add("tool", &context);
        let item = types::DynamicToolCallOutputContentItemInputText::new("handled");
        let item = types::DynamicToolCallOutputContentItem::InputText(item);
        Ok(DynamicToolCallResponse::new(vec![item], true))
    }
}

#[codex_e2e_macros::test]
async fn a_handler_is_told_whose_sub_agent_wants_an_approval() {
    for kind in [FIRST, SECOND] {
        let stage = stage(kind).await;
        let touch = json!({
            "cmd": "echo approved", "login": false,
            "sandbox_permissions": "require_escalated", "justification": "?",
        });
        let touch = Reply::function_call("exec_command", touch.to_string()).id("call");
        both_reply(&stage, kind, &touch);
        let notes = Arc::new(Notes::default());
        let builder = stage.builder().handler(Arc::clone(&notes));
        let codex = builder.start().await.unwrap();
        let thread = codex.thread_start().await.unwrap();
        thread.run("Let another do it, too.").await.unwrap();
        let outputs = outputs(&stage, &codex).await;
        assert_eq!(outputs.len(), 2, "{outputs:?}");
        for output in outputs {
            assert!(output.contains("approved"), "{output}");
        }
        notes.were_asked("approval", thread.id());
    }
}

#[codex_e2e_macros::test]
async fn a_handler_is_told_whose_sub_agent_calls_a_tool() {
    let stage = stage(SECOND).await;
    both_reply(&stage, SECOND, &ticket_call());
    let notes = Arc::new(Notes::default());
    let builder = stage.builder().handler(Arc::clone(&notes));
    let codex = builder.start().await.unwrap();
    // Offered to the model by the protocol's own means, so that the handler answers it.
    let params = json!({ "dynamicTools": [{
        "type": "function", "name": "ticket", "description": "Reads a ticket.",
        "inputSchema": { "type": "object", "properties": {} },
    }] });
    let started = codex.request_raw("thread/start", params).await.unwrap();
    let id = started["thread"]["id"].as_str().unwrap();
    let text = UserInput::Text(types::UserInputText::new("Let another read it, too."));
    let turn = codex.request(types::TurnStartParams::new(vec![text], id));
    turn.await.unwrap();
    let outputs = outputs(&stage, &codex).await;
    assert_eq!(outputs, [r#""handled""#; 2]);
    notes.were_asked("tool", id);
}
