//! What the targets share: a client on a scripted app-server.

use std::future::Future;
use std::time::Duration;

use codex_sdk::{Codex, Thread};
use codex_testkit::Peer;
use codex_testkit::peer::shapes;
use serde_json::json;

/// No input may take longer.
const LONG: Duration = Duration::from_secs(5);

/// Runs one input on a Tokio runtime of its own.
///
/// # Panics
/// If it hangs.
pub fn run(case: impl Future<Output = ()>) {
    let tokio = tokio::runtime::Builder::new_current_thread();
    let tokio = { tokio }.enable_time().build().expect("a runtime");
    let ended = tokio.block_on(async { tokio::time::timeout(LONG, case).await });
    assert!(ended.is_ok(), "it hangs");
}

/// A client that is ready, and the app-server that it is connected to.
pub async fn connect() -> (Codex, Peer) {
    let (mut peer, (output, input)) = Peer::pair();
    let start = Codex::builder().start_with_io(output, input);
    let (codex, _) = tokio::join!(start, peer.handshake());
    (codex.expect("a client"), peer)
}

/// A thread with this id.
pub async fn start_thread(codex: &Codex, peer: &mut Peer, id: &str) -> Thread {
    let serve = async {
        let request = peer.expect_request("thread/start").await;
        peer.reply(&request.id, shapes::thread_start_response(id))
            .await;
    };
    let (thread, ()) = tokio::join!(codex.thread_start().into_future(), serve);
    thread.expect("a thread")
}

/// Lets the client deal with everything that has been sent, and takes what it says meanwhile. The client may have ended.
pub async fn settle(codex: &Codex, peer: &mut Peer) {
    let probe = codex.request_raw("probe", json!({})).into_future();
    let serve = async {
        while let Some(message) = peer.next_message().await {
            if message["method"] == "probe" {
                peer.reply(&message["id"], json!({})).await;
                return;
            }
            let text = message.to_string();
            let accepts = text.contains("\"accept\"") || text.contains("\"approved\"");
            assert!(!accepts, "nobody approved it: {text}");
        }
    };
    let (probe, ()) = tokio::join!(probe, serve);
    drop(probe);
}

/// Ends the client: nothing of it may be left.
pub async fn finish(codex: Codex, mut peer: Peer) {
    peer.close().await;
    codex.close().await.expect("an end");
    let stats = codex.stats();
    let left = (
        stats.requests_in_flight,
        stats.live_turns,
        stats.server_requests_pending,
    );
    assert_eq!(left, (0, 0, 0));
}
