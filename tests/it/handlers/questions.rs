//! What else the runtime asks: for permissions, the user's answers, the time, a token.

use std::sync::{Arc, Mutex};

use codex_e2e::Stage;
use codex_e2e::pinned::{CLIENT_IS_CLOCK, NO_CLOCK, asks_for_time};
use codex_sdk::{HandlerResult, RequestContext, ServerRequestHandler, types};
use codex_testkit::Reply;
use serde_json::{Value, json};

use crate::handlers::stage;
use crate::recording::accounts::access_token;

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

#[codex_e2e_macros::test]
async fn approval_of_permissions_and_answers_of_the_user_reach_the_model() {
    let stage = stage().await;
    let handler = Arc::new(Obliging::default());
    let codex = stage.builder().handler(Arc::clone(&handler));
    let codex = stage.open(codex).await.unwrap();
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

#[codex_e2e_macros::test]
async fn approval_handlers_tell_the_time_or_else_it_is_the_true_one() {
    for handled in [true, false] {
        let stage = Stage::with(|home| home.model_name("gpt-5.5").config_toml(CLIENT_IS_CLOCK));
        let stage = stage.await.unwrap();
        stage.model.push(Reply::text("late"));
        let handler = Arc::new(Obliging::default());
        let mut builder = stage.builder();
        if handled {
            builder = builder.handler(Arc::clone(&handler));
        }
        let codex = stage.open(builder).await.unwrap();
        let thread = codex.thread_start().await;
        if !asks_for_time() {
            let error = thread.unwrap_err();
            assert!(error.to_string().contains(NO_CLOCK), "{error}");
            continue;
        }
        let result = thread.unwrap().run("What time is it?").await.unwrap();
        assert_eq!(result.final_response.as_deref(), Some("late"));
        let request = stage.model.next_request().await;
        let input = request.body["input"].to_string();
        assert_eq!(input.contains("2027-01-15"), handled, "{input}");
        assert_eq!(handler.asked.lock().unwrap().is_empty(), !handled);
    }
}

#[codex_e2e_macros::test]
async fn tokens_that_the_program_keeps_are_refreshed_by_its_handler() {
    struct Tokens;
    impl ServerRequestHandler for Tokens {
        async fn auth_tokens_refresh(
            &self,
            _context: RequestContext,
            _params: types::ChatgptAuthTokensRefreshParams,
        ) -> HandlerResult<types::ChatgptAuthTokensRefreshResponse> {
            let tokens = types::ChatgptAuthTokensRefreshResponseRequired {
                access_token: access_token("refreshed"),
                chatgpt_account_id: "account".to_owned(),
            };
            Ok(tokens.into())
        }
    }
    let stage = Stage::with_chatgpt().await.unwrap();
    let codex = stage.open(stage.builder().handler(Tokens)).await.unwrap();
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
