//! Drops an operation at each of its await points.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;
use std::time::{Duration, Instant};

use codex_e2e::{Stage, idle};
use codex_sdk::{Codex, Condition, Result, Thread, ThreadWatch};
use codex_testkit::{Gate, Reply};

use crate::scenes::halved;

/// When to drop an operation: after so many polls, and then at once, while it waits, or when it is woken again.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment {
    pub(crate) polls: usize,
    pub(crate) at_once: bool,
}

/// Polls a future up to this moment, then drops it; whether it has ended by itself. Then it must have succeeded.
pub(crate) async fn dropped_at<T>(
    moment: Moment,
    future: impl IntoFuture<Output = Result<T>>,
) -> bool {
    let mut future = pin!(future.into_future());
    let mut left = moment.polls;
    poll_fn(|context| {
        if left == 0 {
            return Poll::Ready(false);
        }
        left -= 1;
        match future.as_mut().poll(context) {
            Poll::Ready(output) => Poll::Ready(output.map(|_| true).unwrap()),
            Poll::Pending if left == 0 && moment.at_once => Poll::Ready(false),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}

/// Does something at each moment until the operation ends by itself, once in each of the two ways. Returns how often it
/// was dropped.
pub(crate) async fn at_each_moment(drop_at: impl AsyncFn(Moment) -> bool) -> usize {
    let mut dropped = 0;
    for at_once in [true, false] {
        for polls in usize::from(!at_once).. {
            if drop_at(Moment { polls, at_once }).await {
                break;
            }
            dropped += 1;
            assert!(polls < 500, "it never ends");
        }
    }
    // Before it began, while it waited, and when it was woken.
    assert!(dropped >= 3, "{dropped}");
    dropped
}

/// Drops an operation at each moment.
pub(crate) async fn at_each_point<F: IntoFuture<Output = Result<T>>, T, A>(
    operation: impl Fn() -> F,
    after: impl AsyncFn() -> A,
) -> usize {
    let drop_at = async |moment| {
        let ended = dropped_at(moment, operation()).await;
        after().await;
        ended
    };
    at_each_moment(drop_at).await
}

/// What an operation needs.
pub(crate) type Scene<'a> = (&'a Stage, &'a Codex, &'a Thread);

/// Drops an operation at each moment up to the one where it waits for the rest of a message, and then there. `after` gets
/// the gate that holds the message, and what the thread has told since; the last time, the turn runs.
pub(crate) async fn at_each_point_before_the_rest<F: IntoFuture<Output = Result<T>>, T, A>(
    (stage, codex, thread): Scene<'_>,
    operation: impl Fn() -> F,
    after: impl AsyncFn(&Gate, ThreadWatch, bool) -> A,
) -> usize {
    let drop_at = async |moment| {
        let gate = Gate::new();
        stage.model.default_reply(halved(&gate));
        let told = thread.watch();
        let (mut viewer, models) = (thread.watch(), codex.models());
        // In a task of its own, so that nothing else polls the operation.
        let mut waits = tokio::spawn(async move {
            while viewer.next().await.unwrap().unwrap().text_delta() != Some("one ") {}
            // With this answer, whoever has the turn has that word, too.
            models.await.unwrap();
        });
        let runs = tokio::select! {
            biased;
            _ = dropped_at(moment, operation()) => false,
            waited = &mut waits => waited.map(|()| true).unwrap(),
        };
        waits.abort();
        after(&gate, told, runs).await;
        gate.release();
        stage.model.default_reply(Reply::text("answer"));
        usable(codex, thread).await;
        runs
    };
    at_each_moment(drop_at).await
}

pub(crate) fn at(moments: usize) -> String {
    format!("dropped at {moments} moments")
}

/// As `is_usable`, with a model that has only one thing to say.
pub(crate) async fn usable(codex: &Codex, thread: &Thread) {
    idle(codex).await;
    let start = Instant::now();
    loop {
        match thread
            .run("Still there?")
            .timeout(Duration::from_secs(30))
            .await
        {
            Ok(result) => break assert!(result.final_response.is_some()),
            // It compacts. Nothing else lets a thread be busy.
            Err(error) if error.condition() == Some(Condition::ThreadBusy) => {}
            Err(error) => panic!("{error:?}"),
        }
        assert!(start.elapsed() < Duration::from_secs(30));
    }
    idle(codex).await;
}
