//! A waker is foreign code: an executor may poll in it, and what it polls may use the client.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::task::{Context, Wake, Waker};
use std::thread;
use std::time::Duration;

use codex_sdk::Error;
use serde_json::json;

use crate::support::{accept_turn, start_turn, thread};

/// Polls a future wherever it is woken.
struct PolledInWake {
    future: Mutex<Option<Pin<Box<dyn Future<Output = ()> + Send>>>>,
    woken: AtomicBool,
}

/// Runs a future in its wakers. The thread that polls it first goes on once it waits.
fn run_in_wakers(future: impl Future<Output = ()> + Send + 'static) {
    let polled = PolledInWake {
        future: Mutex::new(Some(Box::pin(future))),
        woken: AtomicBool::new(false),
    };
    Arc::new(polled).wake();
}

impl Wake for PolledInWake {
    fn wake(self: Arc<Self>) {
        self.woken.store(true, Ordering::SeqCst);
        let waker = Waker::from(Arc::clone(&self));
        while let Ok(mut slot) = self.future.try_lock()
            && self.woken.swap(false, Ordering::SeqCst)
        {
            let polled = slot.as_mut().map(|future| {
                let mut context = Context::from_waker(&waker);
                future.as_mut().poll(&mut context)
            });
            if polled.is_some_and(|poll| poll.is_ready()) {
                *slot = None;
            }
        }
    }
}

/// Runs a test on a thread of its own: one that is stuck in a lock doesn't see a deadline.
pub(crate) fn unless_stuck<F: Future<Output = ()>>(test: impl FnOnce() -> F + Send + 'static) {
    let (done, ended) = mpsc::channel();
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(test());
        done.send(()).unwrap();
    });
    ended.recv_timeout(Duration::from_secs(20)).unwrap();
}

#[test]
fn events_are_read_in_the_waker_of_their_reader() {
    unless_stuck(|| async {
        let (codex, mut peer, thread) = thread().await;
        let mut turn = start_turn(&thread, &mut peer, "1").await;
        let (read, events) = tokio::sync::oneshot::channel();
        run_in_wakers(async move {
            let mut text = String::new();
            while let Some(event) = turn.next().await {
                text.push_str(event.unwrap().text_delta().unwrap_or_default());
                assert_eq!(codex.stats().server_requests_pending, 0);
            }
            read.send((codex, text)).unwrap();
        });
        peer.turn("t", "1").play("in a waker").await;
        let (_codex, text) = events.await.unwrap();
        assert_eq!(text, "in a waker");
    });
}

#[test]
fn replies_and_phases_are_waited_for_in_wakers() {
    unless_stuck(|| async {
        let (codex, mut peer, thread) = thread().await;
        let (tell, told) = tokio::sync::oneshot::channel();
        run_in_wakers(async move {
            let turn = thread.turn("go").await.unwrap();
            // Waits until the turn has begun.
            turn.interrupt().await.unwrap();
            tell.send(codex.stats().requests_in_flight).unwrap();
        });
        accept_turn(&mut peer, "1").await;
        peer.turn("t", "1").started().await;
        let request = peer.expect_request("turn/interrupt").await;
        peer.reply(&request.id, json!({})).await;
        assert_eq!(told.await.unwrap(), 0);
    });
}

#[test]
fn the_end_of_the_connection_is_seen_in_wakers() {
    unless_stuck(|| async {
        let (codex, mut peer, thread) = thread().await;
        let mut turn = start_turn(&thread, &mut peer, "1").await;
        let pending = codex.request_raw("probe", json!({})).into_future();
        let (tell, told) = tokio::sync::oneshot::channel();
        let seen = codex.clone();
        run_in_wakers(async move {
            let error = turn.next().await.unwrap().unwrap_err();
            assert!(matches!(error, Error::Closed(_)), "{error:?}");
            let error = pending.await.unwrap_err();
            tell.send((error, seen.stats().live_turns)).unwrap();
        });
        drop(peer);
        let (error, live_turns) = told.await.unwrap();
        assert!(matches!(error, Error::Closed(_)), "{error:?}");
        assert_eq!(live_turns, 0);
    });
}
