//! The public API, as programs are written against it. It only has to compile: nothing here is run.

use std::time::Duration;

use codex_sdk::schemars::JsonSchema;
use codex_sdk::secrecy::SecretString;
use codex_sdk::types::{
    ApprovalsReviewer, AskForApproval, Personality, ReasoningEffort, ReasoningSummary,
    ServerNotification, ThreadItem, ThreadLoadedListParams, ThreadLoadedListResponse,
    ThreadStartSource, ThreadTokenUsage, TokenUsageBreakdown, TurnError, TurnStatus,
};
use codex_sdk::{
    ApprovalMode, BoxError, Call, ChatgptLogin, Codex, CodexBuilder, DeviceCodeLogin, Error,
    ExternalMessage, ForkThread, HandlerResult, Input, InputItem, ListModels, ListThreads,
    Metadata, Notification, NotificationStream, RUNTIME_VERSION, ReadAccount, ReadThread,
    RequestContext, Result, ResumeThread, RetryPolicy, RunInput, Sandbox, SendRawRequest,
    SendRequest, ServerRequestHandler, StartGoal, StartThread, StartTurn, Stats, Structured,
    Thread, Tool, ToolOutput, TurnControl, TurnHandle, TurnResult, retry_on_overload,
    retry_on_transient, runtime, types,
};
use futures_core::Stream;
use serde::Deserialize;
use serde_json::{Value, json};

#[cfg(feature = "blocking")]
mod blocking;
mod errors;

const SECOND: Duration = Duration::from_secs(1);

/// An operation: a value that owns what it needs, and that another task can await.
fn op<T, O>(operation: O) -> Call<T>
where
    T: Send + 'static,
    O: IntoFuture<Output = Result<T>, IntoFuture = Call<T>> + Send + 'static,
{
    fn sendable<F: Future + Send + 'static>(future: F) -> F {
        future
    }
    sendable(operation.into_future())
}

/// Answers every request that the runtime may send.
struct Handler;

macro_rules! answers {
    ($($name:ident($params:ident) -> $response:ident;)*) => {
        impl ServerRequestHandler for Handler {
            $(async fn $name(
                &self,
                _context: RequestContext,
                _params: types::$params,
            ) -> HandlerResult<types::$response> {
                Err(BoxError::from("not today"))
            })*
        }
    };
}

answers! {
    command_approval(CommandExecutionRequestApprovalParams) -> CommandExecutionRequestApprovalResponse;
    file_change_approval(FileChangeRequestApprovalParams) -> FileChangeRequestApprovalResponse;
    permissions_approval(PermissionsRequestApprovalParams) -> PermissionsRequestApprovalResponse;
    user_input(ToolRequestUserInputParams) -> ToolRequestUserInputResponse;
    tool_call(DynamicToolCallParams) -> DynamicToolCallResponse;
    mcp_elicitation(McpServerElicitationRequestParams) -> McpServerElicitationRequestResponse;
    current_time(CurrentTimeReadParams) -> CurrentTimeReadResponse;
    auth_tokens_refresh(ChatgptAuthTokensRefreshParams) -> ChatgptAuthTokensRefreshResponse;
    attestation(AttestationGenerateParams) -> AttestationGenerateResponse;
    exec_command_approval(ExecCommandApprovalParams) -> ExecCommandApprovalResponse;
    apply_patch_approval(ApplyPatchApprovalParams) -> ApplyPatchApprovalResponse;
}

/// One that answers nothing compiles, too: each method has a default.
struct Refusing;

impl ServerRequestHandler for Refusing {}

#[derive(Deserialize, JsonSchema)]
#[schemars(crate = "codex_sdk::schemars")]
struct Summary {
    number: u32,
}

async fn client() -> Result<Codex> {
    runtime::install(|_progress| {}).map_err(Error::from)?;
    op(Codex::start()).await?;
    op(Codex::builder().handler(Refusing).start()).await?;
    let builder: CodexBuilder = Codex::builder()
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
        .request_timeout(SECOND)
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
        });
    let codex = op(builder.start()).await?;
    let metadata: &Metadata = codex.metadata();
    let _: [&String; 6] = [
        &metadata.user_agent,
        &metadata.server_name,
        &metadata.server_version,
        &metadata.codex_home,
        &metadata.platform_family,
        &metadata.platform_os,
    ];
    let _: &str = RUNTIME_VERSION;
    Ok(codex)
}

async fn account(codex: &Codex) -> Result<()> {
    op(codex.login_api_key("sk-…")).await?;
    op(codex.login_api_key(SecretString::from("sk-…"))).await?;
    let login: ChatgptLogin = op(codex.login_chatgpt()).await?;
    let _: [&str; 2] = [login.login_id(), login.auth_url()];
    op(login.wait()).await?;
    op(login.cancel()).await?;
    let login: DeviceCodeLogin = op(codex.login_chatgpt_device_code()).await?;
    let _: [&str; 3] = [
        login.login_id(),
        login.verification_url(),
        login.user_code(),
    ];
    op(login.wait()).await?;
    op(login.cancel()).await?;
    let account: ReadAccount = codex.account();
    op(account.refresh_token(true)).await?;
    let models: ListModels = codex.models();
    op(models.include_hidden(true)).await?;
    op(codex.logout()).await
}

async fn threads(codex: &Codex) -> Result<Thread> {
    let start: StartThread = codex
        .thread_start()
        .model("…")
        .sandbox(Sandbox::WorkspaceWrite)
        .approval_mode(ApprovalMode::Ask)
        .approval_policy(AskForApproval::OnRequest)
        .approvals_reviewer(ApprovalsReviewer::User)
        .cwd("folder")
        .config(json!({ "key": "value" }))
        .ephemeral(true)
        .base_instructions("…")
        .developer_instructions("…")
        .model_provider("…")
        .personality(Personality::None)
        .service_name("…")
        .service_tier("…")
        .session_start_source(ThreadStartSource::Startup)
        .thread_source("user")
        .tool(tool());
    let thread: Thread = op(start).await?;
    let id: &str = thread.id();
    let resume: ResumeThread = codex.thread_resume(id);
    let resume = resume.include_turns(false).approval_mode(ApprovalMode::Ask);
    let _: Thread = op(resume).await?;
    let fork: ForkThread = codex.thread_fork(id);
    let fork = fork.ephemeral(false).sandbox(Sandbox::FullAccess);
    let _: Thread = op(fork).await?;
    let list: ListThreads = codex.thread_list();
    op(list.limit(20).archived(false).cwd("folder")).await?;
    op(codex.thread_archive(id)).await?;
    let thread: Thread = op(codex.thread_unarchive(id)).await?;
    let read: ReadThread = thread.read();
    op(read.include_turns(true)).await?;
    op(thread.set_name("…")).await?;
    op(thread.compact()).await?;
    let mut of_thread: NotificationStream = thread.notifications();
    let _: Option<Result<Notification>> = of_thread.next().await;
    Ok(thread)
}

fn tool() -> Tool {
    let text = Tool::new("name", "description", |summary: Summary| async move {
        Ok(summary.number.to_string())
    });
    drop(text);
    Tool::new("name", "description", |_: Summary| async move {
        Ok(ToolOutput::from(json!({})))
    })
}

async fn turns(thread: &Thread) -> Result<TurnResult> {
    let run: StartTurn<TurnResult> = thread
        .run("Say hello.")
        .effort("high")
        .model("…")
        .output_schema(json!({}))
        .sandbox(Sandbox::ReadOnly)
        .approval_mode(ApprovalMode::DenyAll)
        .approval_mode(ApprovalMode::AutoReview)
        .approval_policy(AskForApproval::Never)
        .approvals_reviewer(ApprovalsReviewer::AutoReview)
        .cwd("folder")
        .summary(ReasoningSummary::Auto)
        .personality(Personality::None)
        .service_tier("…")
        .turn_service_tier("…")
        .source("…")
        .timeout(SECOND)
        .stall_timeout(SECOND);
    let result = op(run).await?;

    let run_as: StartTurn<Structured<Summary>> = thread.run_as::<Summary>("…");
    let answer: Structured<Summary> = op(run_as).await?;
    let (_, _): (u32, TurnResult) = (answer.value.number, answer.result);

    let turn: StartTurn<TurnHandle> = thread.turn("…").effort(ReasoningEffort::from("low"));
    let mut turn: TurnHandle = op(turn).await?;
    while let Some(event) = turn.next().await {
        let event: Notification = event?;
        let _: Option<&str> = event.text_delta();
        let _: ServerNotification = event;
    }
    let _: [&str; 2] = [turn.id(), turn.thread_id()];
    op(turn.steer("…")).await?;
    op(turn.interrupt()).await?;
    let control: TurnControl = turn.control();
    op(control.steer("…")).await?;
    op(control.interrupt()).await?;
    let _: TurnResult = op(turn.run()).await?;

    let goal: StartGoal = thread.goal("objective");
    let goal: TurnHandle = op(goal).await?;
    op(goal.run()).await?;
    Ok(result)
}

fn results(result: &TurnResult) {
    let _: Option<&TokenUsageBreakdown> = result.turn_usage();
    let _: &String = &result.id;
    let _: &TurnStatus = &result.status;
    let _: &Option<TurnError> = &result.error;
    let _: [Option<i64>; 3] = [result.started_at, result.completed_at, result.duration_ms];
    let _: &Option<String> = &result.final_response;
    let _: &Vec<ThreadItem> = &result.items;
    let _: &Option<ThreadTokenUsage> = &result.usage;
}

/// What a turn takes, and what steering takes: all but an external message.
async fn inputs(thread: &Thread, turn: &TurnHandle) -> Result<()> {
    fn both<I: Into<Input> + Into<RunInput>>(input: I) -> RunInput {
        input.into()
    }
    let text = String::from("…");
    let message: ExternalMessage = ExternalMessage::new("tool", "content").namespace("ns");
    let inputs: [RunInput; 7] = [
        both("…"),
        both(&text),
        both(text.clone()),
        both(InputItem::skill("name", "SKILL.md")),
        both(vec![InputItem::local_image("a.png")]),
        both([InputItem::text("…"), InputItem::image("data:…")]),
        message.into(),
    ];
    for input in inputs {
        op(thread.run(input)).await?;
    }
    let mention = InputItem::mention("name", "path");
    op(thread.run_as::<String>(&text)).await?;
    drop(op(thread.turn([mention.clone()])).await?);
    op(turn.steer(Input::from(mention))).await?;
    Ok(())
}

async fn requests(codex: &Codex) -> Result<()> {
    let loaded: SendRequest<ThreadLoadedListParams> =
        codex.request(ThreadLoadedListParams::default());
    let _: ThreadLoadedListResponse = op(loaded.timeout(SECOND)).await?;
    let raw: SendRawRequest = codex.request_raw("method", json!({}));
    let _: Value = op(raw.timeout(SECOND)).await?;
    let stats: Stats = codex.stats();
    let _: [usize; 2] = [stats.requests_in_flight, stats.queued_bytes];
    let _: [u64; 2] = [stats.notifications, stats.unrecognized];
    let mut all: NotificationStream = codex.notifications();
    let _: Option<Result<Notification>> = all.next().await;
    retry_on_overload(RetryPolicy::default(), || codex.models()).await?;
    retry_on_transient(RetryPolicy::default(), || codex.models()).await?;
    op(codex.close()).await
}

/// Every operation can be spawned, and every handle shared.
#[tokio::test]
async fn operations_own_what_they_need_and_handles_are_shared() {
    fn shared<T: Clone + Send + Sync + 'static>() {}
    fn moved<T: Send + Unpin + 'static>() {}
    fn streams<T: Stream<Item = Result<Notification>>>() {}
    shared::<Codex>();
    shared::<Thread>();
    shared::<TurnControl>();
    shared::<Error>();
    moved::<TurnHandle>();
    moved::<NotificationStream>();
    streams::<TurnHandle>();
    streams::<NotificationStream>();
    // Never run, and only made to be checked.
    let unused = || async {
        let codex = client().await?;
        account(&codex).await?;
        let thread = threads(&codex).await?;
        inputs(&thread, &op(thread.turn("…")).await?).await?;
        results(&turns(&thread).await?);
        requests(&codex).await
    };
    let _ = (unused, errors::errors, errors::refusals);
    #[cfg(feature = "blocking")]
    let _ = (blocking::blocking, blocking::turn);
}
