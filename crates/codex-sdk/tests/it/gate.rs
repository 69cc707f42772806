//! Runtimes that are older than an option.

use codex_sdk::{Codex, Condition, Error, ExternalMessage};
use codex_testkit::{Peer, peer::shapes};
use serde_json::json;

use crate::support::{accept_turn, start_thread};

async fn connect(user_agent: &str) -> (Codex, Peer) {
    let (mut peer, (output, input)) = Peer::pair();
    let serve = async {
        let request = peer.expect_request("initialize").await;
        let mut response = shapes::initialize_response();
        response["userAgent"] = json!(user_agent);
        peer.reply(&request.id, response).await;
        peer.expect_notification("initialized").await;
    };
    let start = Codex::builder().start_with_io(output, input);
    let (codex, ()) = tokio::join!(start, serve);
    (codex.unwrap(), peer)
}

#[tokio::test]
async fn parity_108_an_option_that_the_runtime_would_ignore_is_refused_before_it_is_sent() {
    for version in ["0.147.0", "0.149.0", "0.151.0-alpha.6", "unknown", ""] {
        let (codex, mut peer) = connect(&format!("test/{version} (Linux)")).await;
        let thread = start_thread(&codex, &mut peer, "t").await;
        let message = ExternalMessage::new("inbox", "It rains.");
        let refused = [
            thread.run(message).await.map(drop),
            thread.run("go").source("timer").await.map(drop),
            thread.turn("go").turn_service_tier("fast").await.map(drop),
            codex.thread_resume("t").include_turns(true).await.map(drop),
            codex.thread_fork("t").include_turns(false).await.map(drop),
            codex
                .request_raw("thread/fork", json!({ "excludeTurns": null }))
                .await
                .map(drop),
        ];
        for refused in refused {
            let error = refused.unwrap_err();
            assert!(matches!(error, Error::RuntimeTooOld { .. }), "{error:?}");
            assert_eq!(error.condition(), Some(Condition::RuntimeTooOld));
            let text = error.to_string();
            assert!(text.contains("0.151.0 or newer"), "{text}");
            assert!(text.contains(&format!("{version:?}")), "{text}");
        }
        // Nothing of all that was sent: the next message is the ordinary turn.
        let turn = tokio::spawn(thread.turn("go").into_future());
        accept_turn(&mut peer, "turn").await;
        drop(turn.await.unwrap().unwrap());
    }
}

#[tokio::test]
async fn parity_109_110_newer_runtimes_and_unversioned_ones_take_every_option() {
    let agents = [
        "codex-cli/0.151.0 (Linux)",
        "codex-cli 0.153.0",
        "test/0.154.0-alpha.1",
        "test/0.154.0-alpha.1.2 (Linux)",
        "test/0.151.0.post1",
        "test/0.0.0 (Linux)",
    ];
    for agent in agents {
        let (codex, mut peer) = connect(agent).await;
        let resume = codex.thread_resume("t").include_turns(false);
        let resume = tokio::spawn(resume.into_future());
        let request = peer.expect_request("thread/resume").await;
        assert_eq!(request.params["excludeTurns"], true);
        peer.reply(&request.id, shapes::thread_start_response("t"))
            .await;
        resume.await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn parity_112_an_old_runtime_unarchives_without_the_option() {
    let (codex, mut peer) = connect("test/0.147.0").await;
    let back = tokio::spawn(codex.thread_unarchive("t"));
    let request = peer.expect_request("thread/unarchive").await;
    let thread = json!({ "thread": shapes::thread("t") });
    peer.reply(&request.id, thread).await;
    let request = peer.expect_request("thread/resume").await;
    assert!(request.params.get("excludeTurns").is_none());
    peer.reply(&request.id, shapes::thread_start_response("t"))
        .await;
    assert_eq!(back.await.unwrap().unwrap().id(), "t");
}
