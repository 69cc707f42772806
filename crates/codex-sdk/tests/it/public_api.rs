//! The public interface, as programs are written against it. It only has to compile.

use std::{collections::BTreeMap, time::Duration};

use codex_sdk::{
    ApprovalMode, Codex, Error, ExternalMessage, HandlerResult, InputItem, Notification,
    RequestContext, RetryPolicy, Sandbox, ServerRequestHandler, Thread, Tool, TurnControl,
    TurnHandle, TurnResult, retry_on_overload, schemars::JsonSchema, types,
};
use serde::Deserialize;
use serde_json::json;
use types::{Personality, ReasoningEffort, ReasoningSummary, ThreadItem, TokenUsageBreakdown};

struct Handler;

impl ServerRequestHandler for Handler {
    async fn user_input(
        &self,
        _context: RequestContext,
        _params: types::ToolRequestUserInputParams,
    ) -> HandlerResult<types::ToolRequestUserInputResponse> {
        Ok(types::ToolRequestUserInputResponse::new(BTreeMap::new()))
    }
}

#[derive(Deserialize, JsonSchema)]
#[schemars(crate = "codex_sdk::schemars")]
struct Args {
    number: u32,
}

async fn client() -> codex_sdk::Result<Codex> {
    let codex = Codex::builder()
        .codex_bin("codex")
        .codex_home("home")
        .cwd("folder")
        .env("K", "V")
        .env_clear()
        .env_allow(["PATH", "HOME"])
        .config("features.goals", false)
        .launch_args(["app-server"])
        .client_info("name", "title", "1.0.0")
        .experimental_api(true)
        .install_runtime(true)
        .request_timeout(Duration::from_secs(1))
        .max_line_bytes(1 << 20)
        .subscription_budget(1 << 20)
        .notifications(1 << 20)
        .handler(Handler)
        .on_command_approval(|_context, _params| async move {
            let decision = types::CommandExecutionApprovalDecision::Decline;
            Ok(types::CommandExecutionRequestApprovalResponse::new(
                decision,
            ))
        })
        .on_file_change_approval(|context, _params| async move {
            assert!(!context.changes().is_empty());
            Ok(types::FileChangeApprovalDecision::Accept)
        })
        .start()
        .await?;
    let metadata = codex.metadata();
    let _: [&String; 6] = [
        &metadata.user_agent,
        &metadata.server_name,
        &metadata.server_version,
        &metadata.codex_home,
        &metadata.platform_family,
        &metadata.platform_os,
    ];
    Ok(codex)
}

async fn account(codex: &Codex) -> codex_sdk::Result<()> {
    codex.login_api_key("sk-…").await?;
    let login = codex.login_chatgpt().await?;
    let _: (&str, &str) = (login.login_id(), login.auth_url());
    login.wait().await?;
    login.cancel().await?;
    let login = codex.login_chatgpt_device_code().await?;
    let _: (&str, &str) = (login.verification_url(), login.user_code());
    codex.account().refresh_token(true).await?;
    codex.models().include_hidden(true).await?;
    codex.logout().await
}

async fn threads(codex: &Codex) -> codex_sdk::Result<Thread> {
    let tool = Tool::new("name", "description", |args: Args| async move {
        Ok(args.number.to_string())
    });
    let thread = codex
        .thread_start()
        .model("…")
        .sandbox(Sandbox::WorkspaceWrite)
        .approval_mode(ApprovalMode::Ask)
        .cwd("folder")
        .config(json!({ "key": "value" }))
        .ephemeral(true)
        .base_instructions("…")
        .developer_instructions("…")
        .model_provider("…")
        .personality(Personality::None)
        .service_name("…")
        .service_tier("…")
        .session_start_source(types::ThreadStartSource::Startup)
        .thread_source("user")
        .tool(tool)
        .await?;
    codex
        .thread_resume(thread.id())
        .include_turns(false)
        .await?;
    codex.thread_fork(thread.id()).ephemeral(false).await?;
    codex
        .thread_list()
        .limit(20)
        .archived(false)
        .cwd("folder")
        .await?;
    codex.thread_archive(thread.id()).await?;
    let thread = codex.thread_unarchive(thread.id()).await?;
    thread.read().include_turns(true).await?;
    thread.set_name("…").await?;
    thread.compact().await?;
    thread.notifications().next().await;
    Ok(thread)
}

async fn turns(thread: &Thread) -> codex_sdk::Result<()> {
    let result: TurnResult = thread
        .run("Say hello.")
        .effort("high")
        .model("…")
        .output_schema(json!({}))
        .sandbox(Sandbox::ReadOnly)
        .approval_mode(ApprovalMode::DenyAll)
        .cwd("folder")
        .summary(ReasoningSummary::Auto)
        .personality(Personality::None)
        .service_tier("…")
        .turn_service_tier("…")
        .source("…")
        .await?;
    let _: &String = &result.id;
    let _: Option<types::TurnError> = result.error.clone();
    let _: (Option<i64>, Option<i64>) = (result.started_at, result.completed_at);
    let _: Option<i64> = result.duration_ms;
    let _: &Option<String> = &result.final_response;
    let _: &Vec<ThreadItem> = &result.items;
    let _: &Option<types::ThreadTokenUsage> = &result.usage;
    let _: Option<&TokenUsageBreakdown> = result.turn_usage();

    let mut turn: TurnHandle = thread
        .turn("…")
        .effort(ReasoningEffort::from("low"))
        .await?;
    while let Some(event) = turn.next().await {
        let event: Notification = event?;
        let _: Option<&str> = event.text_delta();
    }
    turn.steer("…").await?;
    turn.interrupt().await?;
    let control: TurnControl = turn.control();
    control.interrupt().await?;
    turn.run().await?;

    let items = [InputItem::text("…"), InputItem::image("data:…")];
    thread.run(items).await?;
    thread.run(vec![InputItem::local_image("a.png")]).await?;
    thread.run(InputItem::skill("name", "SKILL.md")).await?;
    let text = String::from("…");
    thread.run(&text).await?;
    thread.run(text).await?;
    let message = ExternalMessage::new("tool", "content").namespace("ns");
    thread.run(message).await?;
    thread.goal("objective").await?.run().await?;
    Ok(())
}

async fn requests(codex: &Codex) -> codex_sdk::Result<()> {
    let loaded = codex.request(types::ThreadLoadedListParams::default());
    loaded.timeout(Duration::from_secs(1)).await?;
    codex.request_raw("method", json!({})).await?;
    let _ = codex.stats().requests_in_flight;
    codex.notifications().next().await;
    retry_on_overload(RetryPolicy::default(), || codex.models()).await?;
    codex.close().await
}

fn errors(error: &Error) -> bool {
    let _: Option<&TurnResult> = error.partial_result();
    let _ = error.rpc().map(|rpc| (rpc.code, rpc.kind()));
    error.is_retryable() || error.is_closed() || error.is_timeout()
}

fn is_operation<T: Send + 'static>(_: &impl IntoFuture<IntoFuture = codex_sdk::Call<T>>) {}

/// Every operation can be spawned, and every handle shared.
#[tokio::test]
async fn operations_own_what_they_need_and_handles_are_shared() {
    fn shared<T: Clone + Send + Sync + 'static>() {}
    shared::<Codex>();
    shared::<Thread>();
    shared::<TurnControl>();
    // Never run, and only made to be checked.
    let unused = || async {
        let codex = client().await?;
        is_operation(&codex.thread_start());
        account(&codex).await?;
        let thread = threads(&codex).await?;
        is_operation(&thread.run("…"));
        turns(&thread).await?;
        requests(&codex).await
    };
    let _ = (unused, errors);
}
