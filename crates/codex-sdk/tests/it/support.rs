//! A client on a scripted app-server.

use std::time::{Duration, Instant};

use codex_sdk::{Call, Codex, CodexBuilder, Thread, TurnHandle};
use codex_testkit::peer::shapes;
use codex_testkit::{Peer, PeerRequest};
use serde_json::{Value, json};

/// A client and the app-server that it is connected to.
pub(crate) async fn connect() -> (Codex, Peer) {
    connect_with(Codex::builder()).await
}

pub(crate) async fn connect_with(builder: CodexBuilder) -> (Codex, Peer) {
    let (mut peer, (output, input)) = Peer::pair();
    let (codex, _) = tokio::join!(builder.start_with_io(output, input), peer.handshake());
    (codex.unwrap(), peer)
}

pub(crate) async fn start_thread(codex: &Codex, peer: &mut Peer, id: &str) -> Thread {
    let serve = async {
        let request = peer.expect_request("thread/start").await;
        peer.reply(&request.id, shapes::thread_start_response(id))
            .await;
    };
    let (thread, ()) = tokio::join!(codex.thread_start().into_future(), serve);
    thread.unwrap()
}

/// A client, the app-server that it is connected to, and the thread `t`.
pub(crate) async fn thread() -> (Codex, Peer, Thread) {
    let (codex, mut peer) = connect().await;
    let thread = start_thread(&codex, &mut peer, "t").await;
    (codex, peer, thread)
}

/// Starts a turn up to the reply.
pub(crate) async fn start_turn(thread: &Thread, peer: &mut Peer, id: &str) -> TurnHandle {
    let turn = thread.turn("go").into_future();
    let (turn, _) = tokio::join!(turn, accept_turn(peer, id));
    turn.unwrap()
}

/// Answers a request for a turn, without starting the turn.
pub(crate) async fn accept_turn(peer: &mut Peer, id: &str) -> PeerRequest {
    let request = peer.expect_request("turn/start").await;
    let reply = shapes::turn_start_response(id);
    peer.reply(&request.id, reply).await;
    request
}

/// Polls a future once and hands it back, still pending.
pub(crate) async fn begin<F: Future + Unpin>(mut future: F) -> F {
    // With a fresh budget, so that it waits for nothing but the other side.
    tokio::task::yield_now().await;
    let polled = std::future::poll_fn(|context| {
        let poll = std::pin::Pin::new(&mut future).poll(context);
        std::task::Poll::Ready(poll.is_pending())
    });
    assert!(polled.await, "it was not expected to end yet");
    future
}

/// Returns when this side has dealt with all that the other one has said so far.
pub(crate) async fn settle(codex: &Codex, peer: &mut Peer) {
    let probe = begin(codex.request_raw("probe", json!({})).into_future()).await;
    let request = peer.expect_request("probe").await;
    peer.reply(&request.id, json!({})).await;
    probe.await.unwrap();
}

/// The parameters that a call sends. It is refused, so that it ends.
pub(crate) async fn sent<T>(
    peer: &mut Peer,
    method: &str,
    call: impl IntoFuture<IntoFuture = Call<T>>,
) -> Value {
    let call = begin(call.into_future()).await;
    let request = peer.expect_request(method).await;
    let seen = peer.reply_error(&request.id, -32600, "seen", None);
    seen.await;
    assert!(call.await.is_err_and(|error| error.rpc().is_some()));
    request.params
}

/// Waits until no request is unanswered and no turn is known to run.
pub(crate) async fn idle(codex: &Codex) {
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        let stats = codex.stats();
        if (stats.requests_in_flight, stats.live_turns) == (0, 0) {
            return;
        }
        assert!(Instant::now() < deadline, "{stats:?}");
        tokio::task::yield_now().await;
    }
}

/// The text of a turn's input.
pub(crate) fn text_of(request: &PeerRequest) -> &str {
    request.params["input"][0]["text"].as_str().unwrap()
}

/// Runs a test once more in a process of its own, which a shell prepares by this command: `true` there. That
/// it passes is checked here.
#[cfg(target_os = "linux")]
pub(crate) fn is_alone(name: &str, prepare: &str) -> bool {
    const ALONE: &str = "CODEX_SDK_TEST_ALONE";
    if std::env::var_os(ALONE).is_some() {
        return true;
    }
    let alone = std::process::Command::new("sh")
        .args(["-c", &format!("{prepare}; exec \"$@\""), "sh"])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", name])
        .env(ALONE, "1")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&alone.stdout);
    let passed = alone.status.success() && said.contains("1 passed");
    assert!(passed, "{said}{}", String::from_utf8_lossy(&alone.stderr));
    false
}
