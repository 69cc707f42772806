//! What the runtime asks of the program, and what comes of the answers.

use std::{
    future::pending,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use codex_e2e::{Stage, is_idle};
use codex_sdk::{
    ApprovalMode, Codex, HandlerResult, RequestContext, Sandbox, ServerRequestHandler, TurnResult,
    types,
};
use codex_testkit::Reply;
use serde_json::{Value, json};
use types::{
    CommandExecutionApprovalDecision as Command,
    CommandExecutionRequestApprovalParams as CommandApproval, FileChangeApprovalDecision as File,
    ThreadItem, TurnStatus,
};

use crate::recording::accounts::access_token;

/// Whether the program's answer lets a command out of its sandbox.
const MARK: &str = "approved.txt";

async fn stage() -> Stage {
    let stage = Stage::with(|home| {
        home.model_name("gpt-5.5")
            .approval_policy("on-request")
            .sandbox_mode("read-only")
            .feature("request_permissions_tool", true)
    });
    stage.await.unwrap()
}

/// The model wants to write a file, which its sandbox forbids, and then says that it is done.
fn wants_to_write(stage: &Stage) {
    let call = json!({
        "cmd": format!("touch {MARK}"), "sandbox_permissions": "require_escalated",
        "justification": "to leave a mark",
    });
    let call = Reply::function_call("exec_command", call.to_string()).id("touch");
    stage.model.push(call);
    stage.model.push(Reply::text("Done."));
}

fn was_written(stage: &Stage) -> bool {
    stage.home.workspace().join(MARK).exists()
}

/// Runs a turn whose command needs an approval that is given so.
async fn decided(stage: &Stage, decision: Command) -> (Codex, TurnResult) {
    let codex = stage
        .builder()
        .on_command_approval(move |context: RequestContext, params| {
            let decision = decision.clone();
            async move {
                assert_eq!(context.item_id(), Some(&*params.item_id));
                assert!(matches!(
                    context.item(),
                    Some(ThreadItem::CommandExecution(_))
                ));
                // All of it, as the docs say who compare it: with the shell that runs it.
                let command = params.command.unwrap();
                let (shell, line) = command.split_once(' ').unwrap();
                assert_eq!(line, format!("-lc 'touch {MARK}'"));
                assert!(shell.starts_with('/'), "{shell}");
                Ok(decision)
            }
        })
        .start()
        .await
        .unwrap();
    let thread = codex.thread_start().await.unwrap();
    wants_to_write(stage);
    let result = thread.run("Leave a mark.").await.unwrap();
    (codex, result)
}

fn command_status(result: &TurnResult) -> Option<&str> {
    result.items.iter().find_map(|item| match item {
        ThreadItem::CommandExecution(command) => Some(command.status.as_str()),
        _ => None,
    })
}

#[tokio::test]
async fn approval_of_a_command_runs_it() {
    let stage = stage().await;
    let (_codex, result) = decided(&stage, Command::Accept).await;
    assert_eq!(result.status, TurnStatus::Completed);
    assert_eq!(command_status(&result), Some("completed"));
    assert!(was_written(&stage));
}

#[tokio::test]
async fn approval_declined_keeps_the_command_from_running_and_the_turn_goes_on() {
    let stage = stage().await;
    let (_codex, result) = decided(&stage, Command::Decline).await;
    assert_eq!(result.status, TurnStatus::Completed);
    assert_eq!(command_status(&result), Some("declined"));
    assert_eq!(result.final_response.as_deref(), Some("Done."));
    assert!(!was_written(&stage));
    let requests = stage.model.requests();
    let output = requests[1].tool_output("touch").unwrap().to_string();
    assert!(output.contains("rejected"), "{output}");
}

#[tokio::test]
async fn approval_cancelled_interrupts_the_turn() {
    let stage = stage().await;
    let (codex, result) = decided(&stage, Command::Cancel).await;
    assert_eq!(result.status, TurnStatus::Interrupted);
    assert!(!was_written(&stage));
    assert!(is_idle(&codex), "{:?}", codex.stats());
}

#[tokio::test]
async fn approval_for_the_session_is_asked_once() {
    let stage = stage().await;
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let codex = stage
        .builder()
        .on_command_approval(move |_, _| {
            count.fetch_add(1, Ordering::Relaxed);
            async { Ok(Command::AcceptForSession) }
        })
        .start()
        .await
        .unwrap();
    let thread = codex.thread_start().await.unwrap();
    for _ in 0..2 {
        wants_to_write(&stage);
        let result = thread.run("Leave a mark.").await.unwrap();
        assert_eq!(command_status(&result), Some("completed"));
    }
    assert_eq!(asked.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn approval_with_an_amendment_allows_the_like_from_then_on() {
    let stage = stage().await;
    let codex = stage
        .builder()
        .on_command_approval(|_, params: CommandApproval| async move {
            let amendment = params
                .proposed_execpolicy_amendment
                .ok_or("none proposed")?;
            let decision =
                types::CommandExecutionApprovalDecisionAcceptWithExecpolicyAmendment::new(
                    amendment,
                );
            Ok(Command::AcceptWithExecpolicyAmendment(decision))
        })
        .start()
        .await
        .unwrap();
    let thread = codex.thread_start().await.unwrap();
    wants_to_write(&stage);
    let result = thread.run("Leave a mark.").await.unwrap();
    assert_eq!(command_status(&result), Some("completed"));
    assert!(was_written(&stage));
    let rules = std::fs::read_dir(stage.home.path().join("rules")).unwrap();
    let rules = rules.map(|rule| std::fs::read_to_string(rule.unwrap().path()).unwrap());
    assert!(rules.collect::<String>().contains("touch"));
}

#[tokio::test]
async fn approval_that_takes_3_seconds_of_thought_hinders_no_other_turn() {
    let stage = stage().await;
    let codex = stage
        .builder()
        .on_command_approval(|_, _| async {
            tokio::time::sleep(Duration::from_secs(3)).await;
            Ok(Command::Accept)
        })
        .start()
        .await
        .unwrap();
    let thread = codex.thread_start().await.unwrap();
    wants_to_write(&stage);
    let begun = Instant::now();
    let slow = tokio::spawn(thread.run("Leave a mark.").into_future());
    stage.model.next_request().await;
    for _ in 0..2 {
        let other = codex.thread_start().await.unwrap();
        stage.model.push(Reply::deltas(["a", "b", "c"]));
        let result = other.run("Spell.").await.unwrap();
        assert!(result.final_response.is_some());
    }
    assert!(begun.elapsed() < Duration::from_secs(3));
    let result = slow.await.unwrap().unwrap();
    assert!(begun.elapsed() >= Duration::from_secs(3));
    assert_eq!(command_status(&result), Some("completed"));
}

#[tokio::test]
async fn approval_of_a_file_change_has_the_diff_in_hand() {
    for (decision, written) in [(File::Accept, true), (File::Decline, false)] {
        let stage = stage().await;
        let seen = Arc::new(Mutex::new(Vec::new()));
        let note = Arc::clone(&seen);
        let answer = decision.clone();
        let codex = stage
            .builder()
            .on_file_change_approval(move |context: RequestContext, _| {
                note.lock().unwrap().extend_from_slice(context.changes());
                let answer = answer.clone();
                async move { Ok(answer) }
            })
            .start()
            .await
            .unwrap();
        let thread = codex
            .thread_start()
            .sandbox(Sandbox::WorkspaceWrite)
            .approval_policy(types::AskForApproval::Untrusted)
            .await
            .unwrap();
        let patch = "*** Begin Patch\n*** Add File: new.txt\n+hello there\n*** End Patch";
        stage
            .model
            .push(Reply::custom_tool_call("apply_patch", patch));
        stage.model.push(Reply::text("Done."));
        let result = thread.run("Write.").await.unwrap();
        assert_eq!(result.status, TurnStatus::Completed);
        let file = stage.home.workspace().join("new.txt");
        assert_eq!(file.exists(), written);
        let changes = seen.lock().unwrap();
        assert_eq!(changes.len(), 1);
        assert!(changes[0].path.ends_with("new.txt"));
        assert!(changes[0].diff.contains("hello there"), "{:?}", changes[0]);
    }
}

/// Answers everything, and notes what it was asked.
#[derive(Default)]
struct Obliging {
    asked: Mutex<Vec<&'static str>>,
}

impl Obliging {
    fn note(&self, method: &'static str) {
        self.asked.lock().unwrap().push(method);
    }
}

impl ServerRequestHandler for Obliging {
    async fn user_input(
        &self,
        context: RequestContext,
        params: types::ToolRequestUserInputParams,
    ) -> HandlerResult<types::ToolRequestUserInputResponse> {
        self.note("user_input");
        assert_eq!(context.thread_id(), Some(&*params.thread_id));
        let answers = params.questions.into_iter().map(|question| {
            let label = question.options.unwrap_or_default()[0].label.clone();
            (
                question.id,
                types::ToolRequestUserInputAnswer::new(vec![label]),
            )
        });
        Ok(types::ToolRequestUserInputResponse::new(answers.collect()))
    }

    async fn permissions_approval(
        &self,
        _context: RequestContext,
        params: types::PermissionsRequestApprovalParams,
    ) -> HandlerResult<types::PermissionsRequestApprovalResponse> {
        self.note("permissions");
        let granted = serde_json::to_value(params.permissions)?;
        let granted = serde_json::from_value(granted)?;
        Ok(types::PermissionsRequestApprovalResponse::new(granted))
    }

    async fn current_time(
        &self,
        _context: RequestContext,
        _params: types::CurrentTimeReadParams,
    ) -> HandlerResult<types::CurrentTimeReadResponse> {
        self.note("current_time");
        Ok(types::CurrentTimeReadResponse::new(1_800_000_000))
    }
}

#[tokio::test]
async fn approval_of_permissions_and_answers_of_the_user_reach_the_model() {
    let stage = stage().await;
    let handler = Arc::new(Obliging::default());
    let codex = stage.builder().handler(Arc::clone(&handler));
    let codex = codex.start().await.unwrap();
    let thread = codex.thread_start().await.unwrap();
    let arguments =
        json!({ "reason": "to look", "permissions": { "network": { "enabled": true } } });
    let call = Reply::function_call("request_permissions", arguments.to_string()).id("permit");
    stage.model.push(call);
    stage.model.push(Reply::text("ok"));
    thread.run("Go online.").await.unwrap();
    let requests = stage.model.requests();
    let output = requests[1].tool_output("permit").unwrap().to_string();
    assert!(
        output.contains("enabled") && output.contains("true"),
        "{output}"
    );

    let question = json!({ "questions": [{
        "id": "colour", "header": "Colour", "question": "Which one?", "options": [
            { "label": "red", "description": "A warm one." },
            { "label": "blue", "description": "A cold one." },
        ],
    }] });
    let call = Reply::function_call("request_user_input", question.to_string()).id("ask");
    stage.model.push(call);
    stage.model.push(Reply::text("Red, then."));
    let mut params = types::TurnStartParams::new(
        vec![types::UserInput::Text(types::UserInputText::new("Paint."))],
        thread.id(),
    );
    params.collaboration_mode =
        serde_json::from_value(json!({ "mode": "plan", "settings": { "model": "gpt-5.5" } }))
            .unwrap();
    let mut events = thread.notifications();
    codex.request(params).await.unwrap();
    while events.next().await.unwrap().unwrap().method() != "turn/completed" {}
    let requests = stage.model.requests();
    let output = requests[3].tool_output("ask").unwrap().to_string();
    assert!(output.contains("red"), "{output}");
    assert_eq!(
        *handler.asked.lock().unwrap(),
        ["permissions", "user_input"]
    );
}

#[tokio::test]
async fn approval_handlers_tell_the_time_or_else_it_is_the_true_one() {
    let clock = "[features.current_time_reminder]\nenabled = true\nclock_source = \"external\"";
    for handled in [true, false] {
        let stage = Stage::with(|home| home.model_name("gpt-5.5").config_toml(clock));
        let stage = stage.await.unwrap();
        stage.model.push(Reply::text("late"));
        let handler = Arc::new(Obliging::default());
        let mut builder = stage.builder();
        if handled {
            builder = builder.handler(Arc::clone(&handler));
        }
        let codex = builder.start().await.unwrap();
        let thread = codex.thread_start().await.unwrap();
        let result = thread.run("What time is it?").await.unwrap();
        assert_eq!(result.final_response.as_deref(), Some("late"));
        let request = stage.model.next_request().await;
        let input = request.body["input"].to_string();
        assert_eq!(input.contains("2027-01-15"), handled, "{input}");
        assert_eq!(handler.asked.lock().unwrap().is_empty(), !handled);
    }
}

struct Refusing;

impl ServerRequestHandler for Refusing {}

#[tokio::test]
async fn approval_is_given_neither_without_a_handler_nor_by_one_that_refuses() {
    for handled in [false, true] {
        let stage = stage().await;
        let mut builder = stage.builder();
        if handled {
            builder = builder.handler(Refusing);
        }
        let codex = builder.start().await.unwrap();
        let start = codex.thread_start().approval_mode(ApprovalMode::Ask);
        let thread = start.await.unwrap();
        wants_to_write(&stage);
        let result = thread.run("Leave a mark.").await.unwrap();
        assert_eq!(result.final_response.as_deref(), Some("Done."));
        assert_eq!(command_status(&result), Some("declined"));
        assert!(!was_written(&stage));
    }
}

#[tokio::test]
async fn approval_by_a_model_under_auto_review_asks_nobody() {
    let stage = stage().await;
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let codex = stage
        .builder()
        .on_command_approval(move |_, _| {
            count.fetch_add(1, Ordering::Relaxed);
            async { Ok(Command::Decline) }
        })
        .start()
        .await
        .unwrap();
    let start = codex.thread_start().approval_mode(ApprovalMode::AutoReview);
    let thread = start.await.unwrap();
    let call = json!({
        "cmd": format!("touch {MARK}"), "sandbox_permissions": "require_escalated",
        "justification": "to leave a mark",
    });
    let verdict = json!({
        "risk_level": "low", "user_authorization": "high", "outcome": "allow", "rationale": "fine",
    });
    stage
        .model
        .push(Reply::function_call("exec_command", call.to_string()));
    stage.model.push(Reply::text(verdict.to_string()));
    stage.model.push(Reply::text("Done."));
    let result = thread.run("Leave a mark.").await.unwrap();
    assert_eq!(command_status(&result), Some("completed"));
    assert!(was_written(&stage));
    assert_eq!(asked.load(Ordering::Relaxed), 0);
}

/// Panics at first, then never answers, then uses the client.
struct Trouble {
    calls: AtomicUsize,
    listed: Mutex<Option<usize>>,
}

impl ServerRequestHandler for Trouble {
    async fn command_approval(
        &self,
        context: RequestContext,
        _params: CommandApproval,
    ) -> HandlerResult<types::CommandExecutionRequestApprovalResponse> {
        match self.calls.fetch_add(1, Ordering::Relaxed) {
            0 => panic!("a handler that panics"),
            1 => Err("a handler that fails".into()),
            2 => pending().await,
            _ => {
                let codex = context.client().ok_or("the client is gone")?;
                let loaded = codex.request(types::ThreadLoadedListParams::default());
                *self.listed.lock().unwrap() = Some(loaded.await?.data.len());
                let accept = Command::Accept;
                Ok(types::CommandExecutionRequestApprovalResponse::new(accept))
            }
        }
    }
}

#[tokio::test]
async fn approval_handlers_that_panic_fail_hang_or_call_back_harm_nobody_else() {
    let stage = stage().await;
    let handler = Arc::new(Trouble {
        calls: AtomicUsize::new(0),
        listed: Mutex::new(None),
    });
    let codex = stage.builder().handler(Arc::clone(&handler));
    let codex = codex.start().await.unwrap();
    let thread = codex.thread_start().await.unwrap();
    for _ in 0..2 {
        wants_to_write(&stage);
        let result = thread.run("Leave a mark.").await.unwrap();
        assert_eq!(command_status(&result), Some("declined"));
    }
    // One that never answers holds up its own turn, and ends with it.
    wants_to_write(&stage);
    let turn = thread.turn("Leave a mark.").await.unwrap();
    while handler.calls.load(Ordering::Relaxed) < 3 {
        tokio::task::yield_now().await;
    }
    assert_eq!(codex.stats().server_requests_pending, 1);
    turn.interrupt().await.unwrap();
    assert_eq!(turn.run().await.unwrap().status, TurnStatus::Interrupted);
    assert_eq!(codex.stats().server_requests_pending, 0);
    assert!(!was_written(&stage));
    // Its second reply was never asked for.
    let result = thread.run("Anything else?").await.unwrap();
    assert_eq!(result.final_response.as_deref(), Some("Done."));

    wants_to_write(&stage);
    let result = thread.run("Leave a mark.").await.unwrap();
    assert_eq!(command_status(&result), Some("completed"));
    assert_eq!(*handler.listed.lock().unwrap(), Some(1));
    assert!(was_written(&stage));
}

#[tokio::test]
async fn approval_that_is_waited_for_ends_with_the_client() {
    let stage = stage().await;
    let (dropped, waiting) = tokio::sync::oneshot::channel::<()>();
    let dropped = Mutex::new(Some(dropped));
    let codex = stage
        .builder()
        .on_command_approval(move |_, _| {
            let until = dropped.lock().unwrap().take();
            async move {
                let _until = until;
                pending::<HandlerResult<Command>>().await
            }
        })
        .start()
        .await
        .unwrap();
    let thread = codex.thread_start().await.unwrap();
    wants_to_write(&stage);
    let run = tokio::spawn(thread.run("Leave a mark.").into_future());
    stage.model.next_request().await;
    while codex.stats().server_requests_pending == 0 {
        tokio::task::yield_now().await;
    }
    codex.close().await.unwrap();
    assert!(run.await.unwrap().unwrap_err().is_closed());
    // The future of the closure was dropped, and with it the sender.
    waiting.await.unwrap_err();
}

#[tokio::test]
async fn tokens_that_the_program_keeps_are_refreshed_by_its_handler() {
    struct Tokens;
    impl ServerRequestHandler for Tokens {
        async fn auth_tokens_refresh(
            &self,
            _context: RequestContext,
            _params: types::ChatgptAuthTokensRefreshParams,
        ) -> HandlerResult<types::ChatgptAuthTokensRefreshResponse> {
            let token = access_token("refreshed");
            Ok(types::ChatgptAuthTokensRefreshResponse::new(
                token, "account",
            ))
        }
    }
    let stage = Stage::with_chatgpt().await.unwrap();
    let codex = stage.builder().handler(Tokens).start().await.unwrap();
    let login: Value = json!({
        "type": "chatgptAuthTokens", "accessToken": access_token("first"),
        "chatgptAccountId": "account", "chatgptPlanType": "plus",
    });
    codex
        .request_raw("account/login/start", login)
        .await
        .unwrap();
    let thread = codex.thread_start().await.unwrap();
    stage.model.push(Reply::status(401, json!({})));
    stage.model.push(Reply::text("Welcome back."));
    let result = thread.run("Hello.").await.unwrap();
    assert_eq!(result.final_response.as_deref(), Some("Welcome back."));
    let last = stage.model.requests().pop().unwrap();
    let bearer = format!("Bearer {}", access_token("refreshed"));
    assert_eq!(last.header("authorization"), Some(&*bearer));
}
