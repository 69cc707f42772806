//! Who listens is slow, absent, gone, or fails.

use std::time::Instant;

use codex_e2e::{Stage, idle, is_usable};
use codex_sdk::schemars::{self, JsonSchema};
use codex_sdk::types::{ThreadItem, TurnStatus};
use codex_sdk::{Codex, Error, HandlerResult, Notification, Tool};
use codex_testkit::Reply;

use crate::peer::{connect_with, settle, start_thread, start_turn};
use crate::scenes::{command, endless, half_an_answer, nothing_runs, runs};
use crate::{faults, since};

faults! {
    slow: "one of ten handles isn't read" => "it alone ends, with `Lagged` as the cause; nine get everything";
    dropped_handle: "a handle is dropped in the middle of a message" => "its turn runs on, and the thread is usable";
    dropped_client: "all handles are dropped in the middle of a command" => "the runtime and the command end";
    panicking_tool: "a tool panics" => "the model is told; the turn goes on";
    failing_tool: "a tool fails" => "the model is told why; the turn goes on";
    endless_tool: "a tool never returns, and its turn is interrupted" => "its future is dropped; the thread is usable";
    odd_arguments: "a tool gets arguments of another shape" => "the model is told what is wrong; the tool isn't called";
    half_read: "`next` is dropped a thousand times while it waits" => "no event is lost";
    late_viewer: "a viewer joins in the middle of a message" => "it gets what was said before and what comes";
}

async fn slow() -> String {
    const BUDGET: usize = 100_000;
    let (codex, mut peer) = connect_with(Codex::builder().subscription_budget(BUDGET)).await;
    let mut turns = Vec::new();
    for number in 0..10 {
        let id = number.to_string();
        let thread = start_thread(&codex, &mut peer, &id).await;
        turns.push(start_turn(&thread, &mut peer, &id).await);
    }
    let slow = turns.remove(0);
    let text = "x".repeat(1000);
    for _ in 0..20 {
        for number in 0..10 {
            let id = number.to_string();
            for _ in 0..10 {
                peer.turn(&id, &id).delta("i", &text).await;
            }
        }
        for turn in &mut turns {
            for _ in 0..10 {
                assert_eq!(
                    turn.next().await.unwrap().unwrap().text_delta(),
                    Some(&*text)
                );
            }
        }
    }
    settle(&codex, &mut peer).await;
    let error = slow.run().await.unwrap_err();
    assert!(matches!(error, Error::TurnIncomplete(_)), "{error:?}");
    assert!(
        format!("{error:?}").contains("subscription_budget"),
        "{error:?}"
    );
    for (number, turn) in (1..).zip(turns) {
        let id = u32::to_string(&number);
        peer.turn(&id, &id).completed("completed").await;
        turn.run().await.unwrap();
    }
    "200 KB each, a budget of 100 KB".to_owned()
}

async fn dropped_handle() -> String {
    let (stage, codex) = Stage::with_client().await.unwrap();
    let thread = codex.thread_start().await.unwrap();
    let (turn, gate) = half_an_answer(&stage, &thread).await;
    let mut viewer = thread.watch();
    drop(turn);
    gate.release();
    let status = loop {
        if let Notification::TurnCompleted(done) = viewer.next().await.unwrap().unwrap() {
            break done.turn.status;
        }
    };
    assert_eq!(status, TurnStatus::Completed);
    is_usable(&stage, &codex, &thread).await;
    "1 of 1".to_owned()
}

async fn dropped_client() -> String {
    let stage = Stage::new().await.unwrap();
    let codex = stage.child().await.unwrap();
    let thread = codex.thread_start().await.unwrap();
    stage.model.push(command("sleep 3002 | cat"));
    let turn = thread.turn("go").await.unwrap();
    runs(stage.home.path(), "sleep 3002").await;
    let start = Instant::now();
    drop((codex, thread, turn));
    nothing_runs(stage.home.path()).await;
    since(start)
}

#[derive(serde::Deserialize, JsonSchema)]
struct City {
    city: String,
}

/// What the model reads of a call of this tool; the turn must go on.
async fn told(tool: Tool, arguments: &str) -> String {
    let (stage, codex) = Stage::with_client().await.unwrap();
    let thread = codex.thread_start().tool(tool).await.unwrap();
    stage
        .model
        .push(Reply::function_call("weather", arguments).id("call"));
    stage.model.push(Reply::text("went on"));
    let result = thread.run("go").await.unwrap();
    assert_eq!(result.final_response.as_deref(), Some("went on"));
    idle(&codex).await;
    let requests = stage.model.requests();
    requests[1].tool_output("call").unwrap().to_string()
}

async fn panicking_tool() -> String {
    let tool = Tool::new("weather", "Tells.", |args: City| async move {
        assert!(args.city.is_empty(), "as told");
        Ok(args.city)
    });
    let told = told(tool, r#"{"city":"Lisbon"}"#).await;
    assert!(told.contains("panicked"), "{told}");
    format!("told: {told}")
}

async fn failing_tool() -> String {
    let tool = Tool::new("weather", "Tells.", |args: City| async move {
        Err::<String, _>(format!("no station in {}", args.city).into())
    });
    let told = told(tool, r#"{"city":"Lisbon"}"#).await;
    assert!(told.contains("no station in Lisbon"), "{told}");
    format!("told: {told}")
}

async fn odd_arguments() -> String {
    let tool = Tool::new("weather", "Tells.", |_: City| async move {
        Ok("called".to_owned())
    });
    let told = told(tool, r#"{"town":7}"#).await;
    assert!(!told.contains("called") && told.contains("city"), "{told}");
    format!("told: {told}")
}

async fn endless_tool() -> String {
    let (stage, codex) = Stage::with_client().await.unwrap();
    let (endless, mut told) = endless();
    let tool = Tool::new("weather", "Tells.", move |_: City| {
        endless.clone().wait::<HandlerResult<String>>()
    });
    let thread = codex.thread_start().tool(tool).await.unwrap();
    stage
        .model
        .push(Reply::function_call("weather", r#"{"city":"Lisbon"}"#));
    let turn = thread.turn("go").await.unwrap();
    told.begun().await;
    turn.interrupt().await.unwrap();
    turn.run().await.unwrap();
    told.dropped().await;
    is_usable(&stage, &codex, &thread).await;
    assert_eq!(codex.stats().server_requests_pending, 0);
    "1 of 1".to_owned()
}

async fn half_read() -> String {
    let (codex, mut peer) = connect_with(Codex::builder()).await;
    let thread = start_thread(&codex, &mut peer, "t").await;
    let mut turn = start_turn(&thread, &mut peer, "1").await;
    for number in 0..1000 {
        drop(crate::peer::begin(Box::pin(turn.next())).await);
        peer.turn("t", "1").delta("i", &number.to_string()).await;
        let event = turn.next().await.unwrap().unwrap();
        assert_eq!(event.text_delta(), Some(&*number.to_string()));
    }
    peer.turn("t", "1").completed("completed").await;
    turn.run().await.unwrap();
    "1,000 of 1,000".to_owned()
}

async fn late_viewer() -> String {
    let (stage, codex) = Stage::with_client().await.unwrap();
    let thread = codex.thread_start().await.unwrap();
    let (turn, gate) = half_an_answer(&stage, &thread).await;
    let mut viewer = thread.watch();
    let mut before = Vec::new();
    while before.len() < 2 {
        before.push(viewer.next().await.unwrap().unwrap().method().to_owned());
    }
    assert_eq!(before, ["turn/started", "item/completed"]);
    gate.release();
    let mut text = String::new();
    loop {
        match viewer.next().await.unwrap().unwrap() {
            Notification::ItemCompleted(done) => {
                if let ThreadItem::AgentMessage(message) = done.item {
                    text.push_str(&message.text);
                }
            }
            Notification::TurnCompleted(_) => break,
            _ => {}
        }
    }
    turn.run().await.unwrap();
    assert_eq!(text, "one two");
    "1 of 1".to_owned()
}
