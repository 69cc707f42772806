//! Far more of everything than there should be.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use codex_e2e::{Stage, idle, is_usable};
use codex_sdk::schemars::{self, JsonSchema};
use codex_sdk::types::{ThreadItem, TurnStatus};
use codex_sdk::{Error, Notification, Tool};
use codex_testkit::Reply;
use serde_json::json;

use crate::peer::{connect, settle, start_thread, start_turn};
use crate::scenes::half_an_answer;
use crate::{faults, since};

faults! {
    deltas: "a turn of 200,000 pieces, read at once" => "each arrives, in order";
    requests: "1,000 calls at once, on the runtime" => "each is answered";
    server_requests: "2,000 server requests at once, and no handler" => "each is refused once";
    steers: "100 steers of one turn at once" => "each is taken, or told that the turn has ended; the thread is usable";
    interrupts: "100 interrupts of one turn at once" => "all succeed; the turn is interrupted once";
    tool_calls: "50 calls of a tool in one answer" => "each is answered by the tool, once";
    turns: "100 turns at once, on 100 threads" => "each has its own answer";
}

async fn deltas() -> String {
    const PIECES: usize = 200_000;
    let (codex, mut peer) = connect().await;
    let thread = start_thread(&codex, &mut peer, "t").await;
    let mut turn = start_turn(&thread, &mut peer, "1").await;
    let start = Instant::now();
    let send = async {
        for number in 0..PIECES {
            peer.turn("t", "1").delta("i", &number.to_string()).await;
            if number % 1000 == 0 {
                tokio::task::yield_now().await;
            }
        }
        peer.turn("t", "1").completed("completed").await;
    };
    let receive = async {
        let mut next = 0;
        while let Some(event) = turn.next().await {
            if let Some(text) = event.unwrap().text_delta() {
                assert_eq!(text, next.to_string());
                next += 1;
            }
        }
        assert_eq!(next, PIECES);
    };
    tokio::join!(send, receive);
    since(start)
}

async fn requests() -> String {
    let (_stage, codex) = Stage::with_client().await.unwrap();
    let start = Instant::now();
    let calls = (0..1000).map(|_| tokio::spawn(codex.models().into_future()));
    for call in calls.collect::<Vec<_>>() {
        assert!(!call.await.unwrap().unwrap().data.is_empty());
    }
    idle(&codex).await;
    since(start)
}

async fn server_requests() -> String {
    let (codex, mut peer) = connect().await;
    for number in 0..2000 {
        peer.request(number, "item/tool/call", json!({})).await;
    }
    let mut answered = vec![0; 2000];
    for _ in 0..2000 {
        let message = peer.next_message().await.unwrap();
        assert!(message["error"]["code"].is_i64(), "{message}");
        answered[usize::try_from(message["id"].as_u64().unwrap()).unwrap()] += 1;
    }
    assert!(answered.iter().all(|times| *times == 1));
    settle(&codex, &mut peer).await;
    assert_eq!(codex.stats().server_requests_pending, 0);
    "2,000 of 2,000".to_owned()
}

async fn steers() -> String {
    let (stage, codex) = Stage::with_client().await.unwrap();
    let thread = codex.thread_start().await.unwrap();
    let (turn, gate) = half_an_answer(&stage, &thread).await;
    stage.model.default_reply(Reply::text("steered"));
    let steers: Vec<_> = (0..100)
        .map(|number| tokio::spawn(turn.steer(format!("no. {number}")).into_future()))
        .collect();
    let mut taken = 0;
    for steer in steers {
        match steer.await.unwrap() {
            Ok(_) => taken += 1,
            Err(error) => assert_eq!(
                error.condition(),
                Some(codex_sdk::Condition::NoActiveTurn),
                "{error}"
            ),
        }
    }
    gate.release();
    turn.run().await.unwrap();
    is_usable(&stage, &codex, &thread).await;
    let asked = stage.model.requests();
    let texts = asked.last().unwrap().user_texts();
    let arrived = texts.iter().filter(|it| it.starts_with("no. ")).count();
    assert_eq!(arrived, taken);
    format!("{taken} taken, and {arrived} read by the model")
}

async fn interrupts() -> String {
    let (stage, codex) = Stage::with_client().await.unwrap();
    let thread = codex.thread_start().await.unwrap();
    stage.model.push(Reply::text("one").then(Reply::stall()));
    let mut viewer = thread.watch();
    let mut turn = thread.turn("go").await.unwrap();
    codex_e2e::next_text(&mut turn).await.unwrap();
    let start = Instant::now();
    let interrupts: Vec<_> = (0..100)
        .map(|_| tokio::spawn(turn.interrupt().into_future()))
        .collect();
    for interrupt in interrupts {
        interrupt.await.unwrap().unwrap();
    }
    let result = turn.run().await.unwrap();
    assert_eq!(result.status, TurnStatus::Interrupted);
    let took = since(start);
    is_usable(&stage, &codex, &thread).await;
    let mut ends = Vec::new();
    while ends.last() != Some(&TurnStatus::Completed) {
        if let Notification::TurnCompleted(done) = viewer.next().await.unwrap().unwrap() {
            ends.push(done.turn.status);
        }
    }
    assert_eq!(ends, [TurnStatus::Interrupted, TurnStatus::Completed]);
    took
}

#[derive(serde::Deserialize, JsonSchema)]
struct Number {
    number: usize,
}

async fn tool_calls() -> String {
    let (stage, codex) = Stage::with_client().await.unwrap();
    let called = Arc::new(Mutex::new(Vec::new()));
    let calls = Arc::clone(&called);
    let doubling = Tool::new("twice", "Doubles.", move |args: Number| {
        calls.lock().unwrap().push(args.number);
        async move { Ok((2 * args.number).to_string()) }
    });
    let thread = codex.thread_start().tool(doubling).await.unwrap();
    let call = |number: usize| {
        Reply::function_call("twice", json!({ "number": number }).to_string())
            .id(format!("call-{number}"))
    };
    let calls = (1..50).map(call).fold(call(0), Reply::then);
    stage.model.push(calls);
    stage.model.push(Reply::text("done"));
    let start = Instant::now();
    let result = thread.run("go").await.unwrap();
    assert_eq!(result.final_response.as_deref(), Some("done"));
    let took = since(start);
    let requests = stage.model.requests();
    for number in 0..50 {
        let output = requests[1].tool_output(&format!("call-{number}")).unwrap();
        assert_eq!(*output, json!((2 * number).to_string()));
    }
    let mut called = called.lock().unwrap().clone();
    called.sort_unstable();
    assert!(called.into_iter().eq(0..50));
    took
}

async fn turns() -> String {
    let (stage, codex) = Stage::with_client().await.unwrap();
    for number in 0..100 {
        stage.model.push(Reply::text(format!("answer {number}")));
    }
    let start = Instant::now();
    let mut runs = Vec::new();
    for number in 0..100 {
        let codex = codex.clone();
        runs.push(tokio::spawn(async move {
            let thread = codex.thread_start().ephemeral(true).await?;
            let result = thread.run(format!("no. {number}")).await?;
            thread.close().await?;
            Ok::<_, Error>(result)
        }));
    }
    let mut answers = BTreeSet::new();
    for (number, run) in runs.into_iter().enumerate() {
        let result = run.await.unwrap().unwrap();
        let [
            ThreadItem::UserMessage(asked),
            ThreadItem::AgentMessage(answer),
        ] = &*result.items
        else {
            panic!("{:?}", result.items)
        };
        assert!(format!("{:?}", asked.content).contains(&format!("\"no. {number}\"")));
        assert_eq!(result.final_response.as_ref(), Some(&answer.text));
        answers.insert(answer.text.clone());
    }
    let expected = (0..100).map(|number| format!("answer {number}"));
    assert_eq!(answers, expected.collect());
    idle(&codex).await;
    since(start)
}
