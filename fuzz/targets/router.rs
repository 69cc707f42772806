//! Calls of the program and messages of the runtime in any order, by the ids of a few threads, turns and requests.
#![no_main]

use codex_fuzz::{connect, finish, run, settle, start_thread};
use codex_sdk::TurnHandle;
use codex_testkit::peer::shapes;
use codex_types::{ServerNotification, ServerRequest};
use libfuzzer_sys::fuzz_target;
use serde_json::json;
use tokio::task::JoinHandle;

fuzz_target!(|bytes: &[u8]| run(async {
    let (codex, mut peer) = connect().await;
    let threads = [
        start_thread(&codex, &mut peer, "0").await,
        start_thread(&codex, &mut peer, "1").await,
    ];
    let mut calls: Vec<JoinHandle<codex_sdk::Result<TurnHandle>>> = Vec::new();
    let mut streams = vec![codex.notifications()];
    for step in bytes.chunks_exact(2).take(200) {
        let [what, which] = step else { continue };
        let thread_id = (which % 2).to_string();
        let turn_id = (which / 2 % 4).to_string();
        let thread = &threads[usize::from(which % 2)];
        let ids = json!({
            "threadId": thread_id, "turnId": turn_id, "itemId": "i", "delta": "x",
            "turn": shapes::turn(&turn_id, "inProgress"), "thread": shapes::thread(&thread_id),
            "item": shapes::agent_message("i", "x"), "requestId": which,
        });
        match what % 12 {
            0 => calls.push(tokio::spawn(thread.turn("go").into_future())),
            1 => drop(tokio::spawn(thread.run("go").into_future())),
            2 => drop(calls.pop().map(|call| call.abort())),
            3 => peer.turn(&thread_id, &turn_id).started().await,
            4 => peer.turn(&thread_id, &turn_id).delta("i", "x").await,
            5 => peer.turn(&thread_id, &turn_id).completed("completed").await,
            // The ids of the client's own requests count up.
            6 => {
                peer.reply(&json!(which), shapes::turn_start_response(&turn_id))
                    .await
            }
            7 => peer.reply_error(&json!(which), -32600, "no", None).await,
            8 => {
                let methods = ServerRequest::METHODS;
                let method = methods[usize::from(*which) % methods.len()];
                peer.request(i64::from(*which), method, ids).await;
            }
            9 => streams.push(thread.notifications()),
            10 => drop(streams.pop()),
            _ => {
                let methods = ServerNotification::METHODS;
                let method = methods[usize::from(*which) % methods.len()];
                peer.notify(method, ids).await;
            }
        }
        if what % 3 == 0 {
            tokio::task::yield_now().await;
        }
    }
    settle(&codex, &mut peer).await;
    finish(codex, peer).await;
    for call in calls {
        if let Ok(Ok(turn)) = call.await {
            drop(turn.run().await);
        }
    }
    for mut stream in streams {
        while stream.next().await.is_some() {}
    }
}));
