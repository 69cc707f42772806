//! Sub-agents: threads that the runtime makes itself, when the model asks for them.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use codex_e2e::{Stage, idle};
use codex_sdk::schemars::JsonSchema;
use codex_sdk::types::{
    CommandExecutionApprovalDecision, CommandExecutionRequestApprovalParams,
    CommandExecutionRequestApprovalResponse, DynamicToolCallParams, DynamicToolCallResponse,
    UserInput,
};
use codex_sdk::{
    Codex, Error, HandlerResult, Notification, RequestContext, ServerRequestHandler, Tool,
    schemars, types,
};
use codex_testkit::{Gate, Reply, Usage};
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
        let codex = stage.open(builder).await.unwrap();
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
    let codex = stage.open(builder).await.unwrap();
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

/// What the model's calls of one turn cost here.
const USAGE: Usage = Usage {
    input: 90,
    cached: 0,
    output: 10,
    reasoning: 0,
};

#[codex_e2e_macros::test]
async fn agents_of_a_turn_are_heard_told_apart_and_summed() {
    for kind in [FIRST, SECOND] {
        let stage = stage(kind).await;
        both_reply(&stage, kind, &Reply::text("Both say this.").usage(USAGE));
        let codex = stage.start().await.unwrap();
        let thread = codex.thread_start().await.unwrap();
        let turn = thread.turn("Let another do it, too.").await.unwrap();
        let mut agents = turn.agents();
        let mut all = thread.watch();
        let heard = async {
            loop {
                let event = agents.next().await.unwrap().unwrap();
                assert_ne!(event.thread_id(), Some(thread.id()));
                if let Notification::TurnCompleted(it) = event {
                    return it.thread_id;
                }
            }
        };
        let (child, result) = tokio::join!(heard, turn.run());
        let result = result.unwrap();
        // The sub-agent may have ended after its parent.
        for (thread_id, used) in &result.agents {
            assert_eq!((&**thread_id, used.total_tokens), (&*child, 100), "{kind}");
        }
        let own = result.turn_usage().unwrap().total_tokens;
        let total = own + 100 * i64::try_from(result.agents.len()).unwrap();
        assert_eq!(result.total_usage().total_tokens, total);
        // What a sub-agent brings isn't its parent's.
        while let Some(event) = all.next().await {
            let event = event.unwrap();
            assert_eq!(event.thread_id(), Some(thread.id()));
            if matches!(event, Notification::TurnCompleted(_)) {
                break;
            }
        }
        idle(&codex).await;
    }
}

#[codex_e2e_macros::test]
async fn agents_count_for_the_budget_of_a_turn() {
    for kind in [FIRST, SECOND] {
        let stage = stage(kind).await;
        let run = Reply::function_call("exec_command", r#"{"cmd":"true"}"#).usage(USAGE);
        both_reply(&stage, kind, &run);
        stage.model.default_reply(run);
        let codex = stage.start().await.unwrap();
        let thread = codex.thread_start().await.unwrap();
        let turn = thread.run("Do it together.").max_model_calls(8);
        let error = turn.timeout(Duration::from_secs(60)).await.unwrap_err();
        let Error::BudgetSpent(spent) = &error else {
            panic!("{kind}: {error:?}");
        };
        assert!(!spent.result.agents.is_empty(), "{kind}");
        let total = spent.result.total_usage().total_tokens;
        assert!((700..=1000).contains(&total), "{kind}: {total}");
        // Nobody goes on.
        idle(&codex).await;
        let asked = stage.model.requests().len();
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!(stage.model.requests().len(), asked, "{kind}");
    }
}

#[codex_e2e_macros::test]
async fn a_turn_whose_sub_agent_waits_for_a_person_is_not_silent() {
    let stage = stage(FIRST).await;
    let touch = json!({
        "cmd": "echo approved", "login": false,
        "sandbox_permissions": "require_escalated", "justification": "?",
    });
    let touch = Reply::function_call("exec_command", touch.to_string());
    let task = json!({ "message": "Do it, too." }).to_string();
    let spawn = Reply::function_call("spawn_agent", task).namespace(FIRST);
    stage.model.push(spawn.id("spawn"));
    // The sub-agent's id isn't known before; until then both are held.
    let gate = Gate::new();
    stage.model.push(touch.clone().gate(&gate));
    stage.model.push(touch.gate(&gate));
    let (builder, mut requests) = stage.builder().server_requests();
    let codex = stage.open(builder).await.unwrap();
    let thread = codex.thread_start().await.unwrap();
    let stall = Duration::from_millis(1500);
    let run = thread.run("Let another do it, too.").stall_timeout(stall);
    let asked = async {
        let sent = stage.model.wait_for_requests(3).await;
        let output = sent.iter().find_map(|it| it.tool_output("spawn")).unwrap();
        let output: Value = serde_json::from_str(output.as_str().unwrap()).unwrap();
        let wait = json!({ "targets": [output["agent_id"]], "timeout_ms": 60_000 });
        let wait = Reply::function_call("wait_agent", wait.to_string());
        stage.model.push(wait.namespace(FIRST));
        stage.model.default_reply(Reply::text("Done."));
        gate.release();
        let mut child = None;
        for _ in 0..2 {
            let request = requests.next().await.unwrap();
            match request.context.parent_thread_id() {
                Some(parent) => {
                    assert_eq!(parent, thread.id());
                    child = Some(request);
                }
                None => request
                    .respond(CommandExecutionApprovalDecision::Accept)
                    .unwrap(),
            }
        }
        tokio::time::sleep(2 * stall).await;
        let answer = CommandExecutionApprovalDecision::Accept;
        child.unwrap().respond(answer).unwrap();
    };
    let (result, ()) = tokio::join!(run.into_future(), asked);
    assert_eq!(result.unwrap().final_response.as_deref(), Some("Done."));
    idle(&codex).await;
}
