//! Tries what the SDK can do with the runtime named by `CODEX_SDK_BIN`; prints one line of JSON for each
//! step.
//!
//! `cargo xtask compat` runs it with other versions and makes a table of its output.
#![expect(clippy::print_stdout, reason = "what it prints is its result")]

use std::future::Future;
use std::pin::Pin;
use std::time::{Duration, Instant};

use codex_e2e::Stage;
use codex_sdk::schemars::JsonSchema;
use codex_sdk::types::{CommandExecutionApprovalDecision, ReviewTarget, ThreadItemsListParams};
use codex_sdk::{
    ApprovalMode, Codex, CodexBuilder, Condition, Error, ExternalMessage, Sandbox, Thread, Tool,
    types,
};
use codex_testkit::{Gate, Reply};
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::time::timeout;

/// No step takes this long, even on a busy machine.
const STEP: Duration = Duration::from_secs(60);

/// How long a request may wait for another program.
const OTHERS: Duration = Duration::from_secs(10);

#[derive(Serialize)]
struct Line<'a> {
    step: &'a str,
    /// `works`, `refused`, `failed` or `hangs`.
    outcome: &'a str,
    /// The reason, if it doesn't work.
    #[serde(skip_serializing_if = "String::is_empty")]
    detail: String,
    ms: u128,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(crate = "codex_sdk::schemars")]
struct City {
    name: String,
}

/// A client, one of its threads, and the model behind it.
#[derive(Clone, Copy)]
struct Scene<'a> {
    stage: &'a Stage,
    codex: &'a Codex,
    thread: &'a Thread,
}

type Outcome = anyhow::Result<()>;
type Step = (
    &'static str,
    for<'a> fn(Scene<'a>) -> Pin<Box<dyn Future<Output = Outcome> + 'a>>,
);

/// A list of steps, each an async block with a scene in scope.
macro_rules! steps {
    ($($name:literal: |$scene:ident| $body:block)*) => {
        &[$(($name, |$scene| Box::pin(async move { $body; Ok(()) }))),*]
    };
}

/// Each step has its own home, client and thread; the thread has already had a turn.
const STEPS: &[Step] = steps! {
    "a turn": |it| {
        it.stage.model.push(Reply::text("Hello."));
        let result = it.thread.run("hello").await?;
        anyhow::ensure!(result.final_response.as_deref() == Some("Hello."), "{result:?}");
        anyhow::ensure!(result.usage.is_some(), "there is no usage");
    }
    "a stream of 200 pieces": |it| {
        it.stage.model.push(Reply::deltas((0..200).map(|it| format!("{it} "))));
        let mut turn = it.thread.turn("count").await?;
        let mut pieces = 0;
        while let Some(event) = turn.next().await {
            pieces += usize::from(event?.text_delta().is_some());
        }
        anyhow::ensure!(pieces == 200, "{pieces} pieces");
    }
    "steer": |it| {
        let gate = Gate::new();
        it.stage.model.push(Reply::text("One.").gate(&gate));
        it.stage.model.push(Reply::text("Two."));
        let turn = it.thread.turn("one").await?;
        gate.reached().await;
        turn.steer("and two").await?;
        gate.release();
        anyhow::ensure!(turn.run().await?.final_response.as_deref() == Some("Two."));
    }
    "interrupt": |it| {
        let gate = Gate::new();
        it.stage.model.push(Reply::text("Never.").gate(&gate));
        let turn = it.thread.turn("wait").await?;
        gate.reached().await;
        turn.interrupt().await?;
        let status = turn.run().await?.status;
        anyhow::ensure!(status == types::TurnStatus::Interrupted, "{status}");
    }
    "a typed answer": |it| {
        it.stage.model.push(Reply::text(r#"{"name":"Porto"}"#));
        anyhow::ensure!(it.thread.run_as::<City>("where").await?.value.name == "Porto");
    }
    "a typed answer as a stream": |it| {
        it.stage.model.push(Reply::text(r#"{"name":"Faro"}"#));
        let turn = it.thread.turn_as::<City>("where").await?;
        anyhow::ensure!(turn.run().await?.value.name == "Faro");
    }
    "a command": |it| {
        it.stage.model.push(call("exec_command", &json!({ "cmd": "echo found" })));
        it.stage.model.push(Reply::text("Done."));
        let result = it.thread.run("run it").sandbox(Sandbox::FullAccess).await?;
        let ran = |it: &types::ThreadItem| matches!(it, types::ThreadItem::CommandExecution(_));
        anyhow::ensure!(result.items.iter().any(ran), "{:?}", result.items);
    }
    "a diff of a patch": |it| {
        let patch = "*** Begin Patch\n*** Add File: new.txt\n+new\n*** End Patch";
        it.stage.model.push(Reply::custom_tool_call("apply_patch", patch));
        it.stage.model.push(Reply::text("Done."));
        let result = it.thread.run("write").sandbox(Sandbox::FullAccess).await?;
        anyhow::ensure!(result.diff().is_some_and(|it| it.contains("+new")), "{result:?}");
    }
    "an external message": |it| {
        it.stage.model.push(Reply::text("It rains."));
        it.thread.run(ExternalMessage::new("inbox", "It rains.")).await?;
    }
    "a source of a turn": |it| {
        it.stage.model.push(Reply::text("Yes."));
        it.thread.run("go").source("timer").await?;
    }
    "a service tier of a turn": |it| {
        it.stage.model.push(Reply::text("Yes."));
        it.thread.run("go").turn_service_tier("default").await?;
    }
    "a goal": |it| {
        let done = json!({ "status": "complete" });
        it.stage.model.push(Reply::text("A start."));
        it.stage.model.push(call("update_goal", &done));
        it.stage.model.push(Reply::text("Reached."));
        it.thread.goal("reach it").await?.run().await?;
    }
    "a name": |it| { it.thread.set_name("probe").await?; }
    "read with turns": |it| {
        let read = it.thread.read().include_turns(true).await?;
        anyhow::ensure!(!read.thread.turns.is_empty(), "there are no turns");
    }
    "turns of a thread": |it| {
        anyhow::ensure!(!it.thread.turns().await?.data.is_empty(), "there are no turns");
    }
    "items of a thread": |it| {
        it.codex.request(ThreadItemsListParams::new(it.thread.id())).await?;
    }
    "threads": |it| {
        let list = it.codex.thread_list().await?;
        anyhow::ensure!(list.data.iter().any(|one| one.id == it.thread.id()), "it isn't listed");
    }
    "threads as a stream": |it| {
        let mut list = it.codex.thread_list().stream();
        anyhow::ensure!(list.next().await.transpose()?.is_some(), "it is empty");
    }
    "threads of a parent": |it| {
        it.codex.thread_list().parent_thread_id(it.thread.id()).await?;
    }
    "threads of a section": |it| { it.codex.thread_list().section_id(None).await?; }
    "threads of a project": |it| { it.codex.thread_list().project_id(None).await?; }
    "threads but these": |it| {
        let list = it.codex.thread_list().excluded_thread_ids([it.thread.id().to_owned()]);
        let list = list.await?;
        anyhow::ensure!(list.data.iter().all(|one| one.id != it.thread.id()), "it is listed");
    }
    "a fork": |it| { it.codex.thread_fork(it.thread.id()).await?; }
    "a fork at a turn": |it| {
        let turns = it.thread.read().include_turns(true).await?.thread.turns;
        let fork = it.codex.thread_fork(it.thread.id()).last_turn_id(turns[0].id.as_str());
        let turns = fork.await?.read().include_turns(true).await?.thread.turns;
        anyhow::ensure!(turns.len() == 1, "it has {} turns", turns.len());
    }
    "a second viewer": |it| {
        let mut viewer = it.thread.watch();
        it.stage.model.push(Reply::text("Seen."));
        it.thread.run("look").await?;
        let mut seen = false;
        while !seen {
            let event = viewer.next().await.transpose()?;
            seen = event.is_some_and(|it| it.text_delta() == Some("Seen."));
        }
    }
    "a review": |it| {
        it.stage.model.default_reply(Reply::text(r#"{"findings":[],"overall_correctness":"patch is correct","overall_explanation":"Fine.","overall_confidence_score":1.0}"#));
        let target = ReviewTarget::Custom(types::ReviewTargetCustom::new("all of it"));
        it.thread.review(target).await?.run().await?;
    }
    "compact": |it| {
        it.stage.model.default_reply(Reply::text("A summary."));
        it.thread.compact().await?;
    }
    "models": |it| { it.codex.models().await?; }
    "the account": |it| { it.codex.account().await?; }
    "an API key": |it| { it.codex.login_api_key("sk-probe").await?; it.codex.logout().await?; }
    "MCP servers": |it| { it.codex.mcp_servers().await?; }
    "one MCP server": |it| { it.codex.mcp_servers().server_name("none").await?; }
    "a request by its name": |it| {
        it.codex.request_raw("thread/loaded/list", json!({})).await?;
    }
    "a failed turn": |it| {
        it.stage.model.push(Reply::failed("server_error", "broken"));
        let error = it.thread.run("fail").await.map(drop);
        anyhow::ensure!(matches!(error, Err(Error::TurnFailed(_))), "{error:?}");
    }
    "resume": |it| {
        it.codex.close().await?;
        let other = it.stage.start().await?;
        let thread = other.thread_resume(it.thread.id()).include_turns(false).await?;
        it.stage.model.default_reply(Reply::text("Again."));
        thread.run("again").await?;
        other.close().await?;
    }
    // Since 0.147.0 a thread is for one program at a time, and the other is told so; before, both may have it.
    "a thread that another program has open": |it| {
        let other = it.stage.builder().request_timeout(OTHERS).start().await?;
        if let Err(error) = other.thread_resume(it.thread.id()).await {
            anyhow::ensure!(error.condition() == Some(Condition::ThreadInUse), "{error:?}");
        }
        other.close().await?;
    }
    "close a thread": |it| { it.thread.close().await?; }
    "archive and back": |it| {
        it.codex.thread_archive(it.thread.id()).await?;
        it.codex.thread_unarchive(it.thread.id()).await?;
    }
    "a tool": |it| {
        let city = Tool::new("city", "Names a city.", |_: City| async { Ok("Porto") });
        let thread = it.codex.thread_start().tool(city).await?;
        it.stage.model.push(call("city", &json!({ "name": "x" })));
        it.stage.model.push(Reply::text("Porto."));
        thread.run("where").await?;
        let requests = it.stage.model.requests();
        let told = requests.last().is_some_and(|it| it.body.to_string().contains("Porto"));
        anyhow::ensure!(told, "the model wasn't told");
    }
    "an approval": |it| {
        let thread = it.codex.thread_start().sandbox(Sandbox::ReadOnly);
        let thread = thread.approval_mode(ApprovalMode::Ask).await?;
        let command = json!({
            "cmd": "touch asked", "sandbox_permissions": "require_escalated", "justification": "so",
        });
        it.stage.model.push(call("exec_command", &command));
        it.stage.model.push(Reply::text("Done."));
        thread.run("write").await?;
        anyhow::ensure!(it.stage.home.workspace().join("asked").exists(), "nobody was asked");
    }
    "a sandbox with rules": |it| {
        let folder = it.stage.home.path().join("more");
        std::fs::create_dir_all(&folder)?;
        let rules = Sandbox::workspace_write().writable_root(&folder).network(false);
        let thread = it.codex.thread_start().sandbox(rules).await?;
        it.stage.model.push(Reply::text("Yes."));
        thread.run("go").await?;
    }
};

fn call(name: &str, arguments: &serde_json::Value) -> Reply {
    Reply::function_call(name, arguments.to_string())
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut unrecognized = 0;
    for (index, (name, step)) in STEPS.iter().enumerate() {
        let stage = Stage::new().await?;
        let started = Instant::now();
        let codex = match asking(stage.builder()).start().await {
            Ok(codex) => codex,
            Err(error) => {
                tell("start", started, Some(Err(error.into())));
                return Ok(());
            }
        };
        if index == 0 {
            tell("start", started, Some(Ok(())));
            println!("{}", json!({ "version": codex.metadata().server_version }));
        }
        stage.model.push(Reply::text("Hello."));
        let thread = async {
            let thread = codex.thread_start().await?;
            thread.run("hello").await?;
            Ok::<_, Error>(thread)
        };
        let thread = match thread.await {
            Ok(thread) => thread,
            Err(error) => {
                tell("a thread with a turn", started, Some(Err(error.into())));
                codex.close().await?;
                return Ok(());
            }
        };
        let scene = Scene {
            stage: &stage,
            codex: &codex,
            thread: &thread,
        };
        let started = Instant::now();
        tell(name, started, timeout(STEP, step(scene)).await.ok());
        unrecognized += codex.stats().unrecognized;
        codex.close().await?;
    }
    println!("{}", json!({ "unrecognized": unrecognized }));
    Ok(())
}

/// With a user who approves everything.
fn asking(builder: CodexBuilder) -> CodexBuilder {
    builder.on_command_approval(|_, _| async { Ok(CommandExecutionApprovalDecision::Accept) })
}

fn tell(step: &str, started: Instant, outcome: Option<Outcome>) {
    let (outcome, detail) = match outcome {
        None => ("hangs", format!("for {} s", STEP.as_secs())),
        Some(Ok(())) => ("works", String::new()),
        Some(Err(error)) => (kind(&error), format!("{error:#}")),
    };
    let ms = started.elapsed().as_millis();
    let line = Line {
        step,
        outcome,
        detail,
        ms,
    };
    println!("{}", json!(line));
}

/// Whether the error is a refusal that says what to do.
fn kind(error: &anyhow::Error) -> &'static str {
    let condition = error.downcast_ref::<Error>().and_then(Error::condition);
    let refusal = matches!(
        condition,
        Some(
            Condition::RuntimeTooOld
                | Condition::FeatureUnsupported
                | Condition::ThreadInUse
                | Condition::DeadlinePassed
        )
    );
    if refusal { "refused" } else { "failed" }
}
