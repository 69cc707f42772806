//! Turns whose model can't be reached: the runtime says so and tries again, for ever.

use std::time::Duration;

use codex_sdk::Error;
use codex_testkit::peer::shapes;
use serde_json::json;
use tokio::time::{Instant, sleep};

use crate::support::{accept_turn, connect, start_thread};

/// The error of a turn of which nothing comes for 60 s but that the runtime tries again, and after how many seconds it
/// comes. After each attempt something comes, if the turn `recovers`.
async fn stalled(recovers: bool) -> (Error, u64) {
    let (codex, mut peer) = connect().await;
    peer.set_deadline(Duration::from_secs(600));
    let thread = start_thread(&codex, &mut peer, "t").await;
    let run = thread.run("Hello?").stall_timeout(Duration::from_secs(60));
    let runtime = async {
        accept_turn(&mut peer, "turn-1").await;
        let mut turn = peer.turn("t", "turn-1");
        turn.started().await;
        for _ in 0..2 {
            sleep(Duration::from_secs(20)).await;
            let error = shapes::turn_error("waiting for network");
            turn.error(error, true).await;
            if recovers {
                turn.delta("item-1", "Well, ").await;
            }
        }
        let interrupt = peer.expect_request("turn/interrupt").await;
        peer.reply(&interrupt.id, json!({})).await;
        peer.turn("t", "turn-1").completed("interrupted").await;
    };
    let begun = Instant::now();
    let (result, ()) = tokio::join!(run.into_future(), runtime);
    (result.unwrap_err(), begun.elapsed().as_secs())
}

#[tokio::test(start_paused = true)]
async fn trying_again_is_no_progress_and_is_named_until_there_is_some() {
    for recovers in [false, true] {
        let (error, after) = stalled(recovers).await;
        // The last piece comes after 40 s.
        assert_eq!(after, if recovers { 100 } else { 60 });
        let Error::TurnTimeout(timeout) = &error else {
            panic!("{error:?}");
        };
        assert!(timeout.interrupted);
        let named = error.to_string().contains("waiting for network");
        assert_eq!(named, !recovers, "{error}");
        assert_eq!(timeout.result.error.is_some(), !recovers);
    }
}
