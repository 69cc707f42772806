//! A log subscriber that panics: it is foreign code, and keeps nobody waiting.

use std::fmt::Debug;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use codex_sdk::CloseReason;
use serde_json::json;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::{DefaultGuard, NoSubscriber};
use tracing::{Dispatch, Event, Metadata, Subscriber};

use crate::support::{begin, start_turn, thread};

/// Reads all that is logged. Panics at one message, and counts that.
#[derive(Clone)]
pub(crate) struct Panicking {
    at: &'static str,
    count: Arc<AtomicUsize>,
}

impl Panicking {
    pub(crate) fn at(message: &'static str) -> Self {
        let count = Arc::default();
        Self { at: message, count }
    }

    pub(crate) fn count(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }

    /// Listens to this thread, as long as the guards live.
    pub(crate) fn listen(&self) -> (Dispatch, DefaultGuard) {
        // With no other subscriber, an event that another test's thread meets first would be off for good.
        let other = Dispatch::new(NoSubscriber::new());
        (other, tracing::subscriber::set_default(self.clone()))
    }
}

impl Visit for Panicking {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let value = format!("{value:?}");
        if field.name() == "message" && value == self.at {
            self.count.fetch_add(1, Ordering::Relaxed);
            panic!("the log is full");
        }
    }
}

impl Subscriber for Panicking {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }
    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }
    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn event(&self, event: &Event<'_>) {
        event.record(&mut self.clone());
    }
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

#[tokio::test(flavor = "current_thread")]
async fn a_log_that_panics_while_lines_are_read_is_named_as_the_end() {
    let (codex, mut peer, thread) = thread().await;
    let mut turn = start_turn(&thread, &mut peer, "1").await;
    let log = Panicking::at("notification");
    let _guards = log.listen();
    peer.turn("t", "1").started().await;
    let error = turn.next().await.unwrap().unwrap_err();
    let closed = error.closed().unwrap();
    assert_eq!(closed.reason, CloseReason::Panicked);
    assert!(
        closed
            .to_string()
            .contains("a log subscriber of this program")
    );
    codex.close().await.unwrap();
}

/// On one thread, so that its subscriber sees what all tasks log.
#[tokio::test(flavor = "current_thread")]
async fn a_log_that_panics_at_the_end_of_a_connection_keeps_nobody_waiting() {
    for reason in [CloseReason::Ended, CloseReason::Requested] {
        let log = Panicking::at("the connection has ended");
        let _guards = log.listen();
        let (codex, mut peer, thread) = thread().await;
        let mut turn = start_turn(&thread, &mut peer, "1").await;
        let mut events = codex.notifications();
        let call = begin(codex.request_raw("probe", json!({})).into_future()).await;
        match reason {
            CloseReason::Ended => drop(peer),
            _ => drop(begin(codex.close()).await),
        }
        let waiters = async {
            let of_turn = turn.next().await.unwrap().map(drop);
            let of_stream = events.next().await.unwrap().map(drop);
            let late = codex.request_raw("probe", json!({})).await.map(drop);
            [call.await.map(drop), of_turn, of_stream, late]
        };
        let ended = tokio::time::timeout(Duration::from_secs(10), waiters).await;
        for waiter in ended.unwrap() {
            let error = waiter.unwrap_err();
            assert_eq!(error.closed().unwrap().reason, reason, "{error:?}");
        }
        codex.close().await.unwrap();
        assert_eq!(log.count(), 1);
    }
}
