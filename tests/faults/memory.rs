//! What the runtime could make the client hold or remember.

use std::os::unix::fs::PermissionsExt as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use codex_e2e::{Stage, is_usable};
use codex_sdk::types::CommandExecutionApprovalDecision;
use codex_sdk::{CloseReason, Codex, Error, HandlerResult};
use codex_testkit::Peer;
use codex_testkit::peer::shapes;
use serde_json::json;

use crate::lines::peak;
use crate::peer::{connect, connect_with, settle, start_thread, start_turn};
use crate::scenes::endless;
use crate::{alone, faults};

faults! {
    notifications: "200,000 notifications, and nobody listens" => "none is held; the memory doesn't grow";
    unread: "200,000 notifications, and a stream that nobody reads" => "the stream ends with `Lagged` at its budget; all else goes on";
    threads: "200,000 turns that nobody has begun, on as many threads" => "the memory grows no further than for 4,096";
    ids: "300 turns on 300 threads, whose ids have 1 MB each" => "none of them is remembered";
    items: "200,000 items of a turn, none of which ends" => "the memory grows no further than for 16 MB of them";
    approvals: "200,000 approvals, each refused, and no answer confirmed" => "the memory grows no further than for 1,000";
    waiting: "approvals without an end, and a handler that never answers" => "the connection ends (`Ignored`) with the 4,096th";
    waiting_bytes: "approvals of 1 MB without an end, and a handler that never answers" => "the connection ends (`Ignored`) after 256 MB";
    answers_unread: "server requests without an end, whose answers nobody reads" => "the connection ends (`Ignored`) before the memory is full";
    stderr: "the runtime writes 100 MB to stderr" => "it isn't held; the turn is whole";
}

/// Of the stream that nobody reads.
const BUDGET: usize = 1_000_000;

/// 200,000 notifications of 800 bytes, of which the client has dealt with all.
async fn flood(codex: &Codex, peer: &mut Peer) {
    let text = "a flood ".repeat(100);
    for _ in 0..200 {
        for _ in 0..1000 {
            peer.notify("warning", json!({ "message": text })).await;
        }
        settle(codex, peer).await;
    }
}

async fn notifications() -> String {
    if let Some(figure) = alone("memory::rows::notifications") {
        return figure;
    }
    let (codex, mut peer) = connect().await;
    let before = peak();
    flood(&codex, &mut peer).await;
    let stats = codex.stats();
    assert_eq!((stats.notifications, stats.queued_bytes), (200_000, 0));
    grown(before)
}

async fn unread() -> String {
    if let Some(figure) = alone("memory::rows::unread") {
        return figure;
    }
    let (codex, mut peer) = connect_with(Codex::builder().subscription_budget(BUDGET)).await;
    let mut stream = codex.notifications();
    let before = peak();
    flood(&codex, &mut peer).await;
    let mut read = 0;
    let error = loop {
        match stream.next().await.unwrap() {
            Ok(_) => read += 1,
            Err(error) => break error,
        }
    };
    assert!(
        matches!(error, Error::Lagged { budget: BUDGET, .. }),
        "{error:?}"
    );
    assert!(stream.next().await.is_none());
    // Each takes its text, and some more for what is around it.
    assert!((BUDGET / 2000..BUDGET / 800).contains(&read), "{read}");
    format!("{read} kept of 1 MB; {}", grown(before))
}

fn grown(before: usize) -> String {
    let grown = peak().saturating_sub(before);
    assert!(grown < 32_000_000, "{grown}");
    format!("{} MB more memory", grown / 1_000_000)
}

/// Sends that many messages, of which the client deals with all, and returns how much more memory it had.
async fn many(
    codex: &Codex,
    peer: &mut Peer,
    mut send: impl AsyncFnMut(&mut Peer, usize),
) -> String {
    let before = peak();
    for thousand in 0..200 {
        for number in 0..1000 {
            send(peer, 1000 * thousand + number).await;
        }
        settle(codex, peer).await;
    }
    grown(before)
}

async fn threads() -> String {
    if let Some(figure) = alone("memory::rows::threads") {
        return figure;
    }
    let (codex, mut peer) = connect().await;
    let thread = start_thread(&codex, &mut peer, "own").await;
    let turn = start_turn(&thread, &mut peer, "1").await;
    let send = async |peer: &mut Peer, number: usize| {
        let thread = format!("thread {number}");
        peer.turn(&thread, "1").started().await;
        if number.is_multiple_of(2) {
            peer.turn(&thread, "1").completed("completed").await;
        }
    };
    let grown = many(&codex, &mut peer, send).await;
    let stats = codex.stats();
    assert!(stats.live_turns <= 4096, "{stats:?}");
    // The program's own isn't among those that are forgotten.
    peer.turn("own", "1").play("mine").await;
    let result = turn.run().await.unwrap();
    assert_eq!(result.final_response.as_deref(), Some("mine"));
    grown
}

async fn ids() -> String {
    if let Some(figure) = alone("memory::rows::ids") {
        return figure;
    }
    let (codex, mut peer) = connect().await;
    let before = peak();
    for number in 0..300 {
        let id = format!("{number}").repeat(1_000_000 / 3);
        peer.turn(&id, &id).started().await;
        peer.turn("t", &id).completed("completed").await;
        settle(&codex, &mut peer).await;
    }
    assert_eq!(codex.stats().live_turns, 0);
    grown(before)
}

async fn items() -> String {
    if let Some(figure) = alone("memory::rows::items") {
        return figure;
    }
    let (codex, mut peer) = connect().await;
    peer.turn("t", "1").started().await;
    let send = async |peer: &mut Peer, number: usize| {
        let item = shapes::command_execution(&format!("item {number}"), "ls", "inProgress");
        peer.turn("t", "1").item_started(item).await;
    };
    many(&codex, &mut peer, send).await
}

async fn approvals() -> String {
    if let Some(figure) = alone("memory::rows::approvals") {
        return figure;
    }
    let (codex, mut peer) = connect().await;
    let ask = async |peer: &mut Peer, number: usize| {
        let approval = shapes::command_approval("t", "1", "item", "ls");
        let method = "item/commandExecution/requestApproval";
        peer.request(number, method, approval).await;
        let answer = peer.next_message().await.unwrap();
        assert_eq!(answer["result"]["decision"], "decline", "{answer}");
    };
    many(&codex, &mut peer, ask).await
}

async fn waiting() -> String {
    let waited = approvals_until_ignored("ls").await;
    assert_eq!(waited, 4096);
    format!("after {waited} of them")
}

async fn waiting_bytes() -> String {
    let waited = approvals_until_ignored(&"x".repeat(1_000_000)).await;
    assert!((200..300).contains(&waited), "{waited}");
    format!("after {waited} of them")
}

/// Asks again and again, with a handler that never answers. Returns how often it was asked.
async fn approvals_until_ignored(command: &str) -> usize {
    let (endless, told) = endless();
    let builder = Codex::builder().on_command_approval(move |_, _| {
        let endless = endless.clone();
        endless.wait::<HandlerResult<CommandExecutionApprovalDecision>>()
    });
    let (codex, mut peer) = connect_with(builder).await;
    let mut end = codex.notifications();
    let command = command.to_owned();
    let ask = tokio::spawn(async move {
        for number in 0.. {
            let approval = shapes::command_approval("t", "1", "item", &command);
            let method = "item/commandExecution/requestApproval";
            peer.request(number, method, approval).await;
            tokio::task::yield_now().await;
        }
    });
    let error = end.next().await.unwrap().unwrap_err();
    ask.abort();
    assert_eq!(error.closed().unwrap().reason, CloseReason::Ignored);
    drop(codex);
    told.all_dropped().await
}

async fn answers_unread() -> String {
    if let Some(figure) = alone("memory::rows::answers_unread") {
        return figure;
    }
    let (codex, mut peer) = connect().await;
    let mut end = codex.notifications();
    let before = peak();
    let sent = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&sent);
    // It panics when the client hangs up, and has done its part then.
    let flood = tokio::spawn(async move {
        let text = "x".repeat(100);
        loop {
            // Each is answered with its id.
            let number = count.fetch_add(1, Ordering::Relaxed);
            peer.request(format!("{text}{number}"), "brand/new", json!({}))
                .await;
            // The pipe is in memory, and has room for all of it: the client has to have a turn.
            if number.is_multiple_of(50) {
                tokio::task::yield_now().await;
            }
        }
    });
    let error = end.next().await.unwrap().unwrap_err();
    flood.abort();
    let closed = error.closed().unwrap();
    assert_eq!(closed.reason, CloseReason::Ignored);
    let grown = peak().saturating_sub(before) / 1_000_000;
    assert!(grown < 500, "{grown} MB");
    let sent = sent.load(Ordering::Relaxed);
    format!("after {sent} requests of 100 bytes; {grown} MB more memory")
}

async fn stderr() -> String {
    if let Some(figure) = alone("memory::rows::stderr") {
        return figure;
    }
    let stage = Stage::new().await.unwrap();
    let runtime = codex_testkit::runtime().unwrap().codex;
    let script = format!(
        "head -c 100000000 /dev/zero >&2; exec '{}' \"$@\"",
        runtime.display()
    );
    let flood = stage.home.path().join("flood");
    std::fs::write(&flood, format!("#!/bin/sh\n{script}\n")).unwrap();
    std::fs::set_permissions(&flood, std::fs::Permissions::from_mode(0o755)).unwrap();
    let before = peak();
    let codex = stage.builder().codex_bin(&flood).start().await.unwrap();
    let thread = codex.thread_start().await.unwrap();
    is_usable(&stage, &codex, &thread).await;
    grown(before)
}
