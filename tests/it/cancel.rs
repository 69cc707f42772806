//! Futures dropped while they wait.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use codex_e2e::{Stage, idle, is_idle, is_usable};
use codex_sdk::types::TurnStatus;
use codex_sdk::{Notification, NotificationStream};
use codex_testkit::{Gate, Reply};

/// Polls a future until it was polled `polls` times, has ended, or has nothing more to do for 2 s, then drops it;
/// whether it has ended. How often it is woken depends on how much comes at once.
pub(crate) async fn drop_after<F: Future>(polls: usize, future: F) -> bool {
    let mut future = pin!(future);
    let mut polled = 0;
    let end = poll_fn(|context| {
        if polled == polls {
            return Poll::Ready(false);
        }
        if future.as_mut().poll(context).is_ready() {
            return Poll::Ready(true);
        }
        polled += 1;
        if polled == polls {
            context.waker().wake_by_ref();
        }
        Poll::Pending
    });
    let ended = tokio::time::timeout(Duration::from_secs(2), end).await;
    ended.unwrap_or(false)
}

/// The status of the next turn that ends.
async fn next_end(events: &mut NotificationStream) -> TurnStatus {
    loop {
        let next = tokio::time::timeout(Duration::from_secs(30), events.next());
        if let Notification::TurnCompleted(completed) = next.await.unwrap().unwrap().unwrap() {
            return completed.turn.status;
        }
    }
}

#[codex_e2e_macros::test]
async fn a_run_dropped_at_any_moment_leaves_an_interrupted_turn_and_empty_tables() {
    let stage = Stage::new().await.unwrap();
    stage.model.default_reply(Reply::stall());
    let codex = stage.start().await.unwrap();
    let thread = codex.thread_start().await.unwrap();
    let mut events = thread.notifications();

    drop(thread.run("never polled").into_future());
    assert!(is_idle(&codex), "{:?}", codex.stats());
    for polls in 1..=5 {
        drop_after(polls, thread.run("wait").into_future()).await;
        assert_eq!(
            next_end(&mut events).await,
            TurnStatus::Interrupted,
            "{polls} polls"
        );
        idle(&codex).await;
    }
    is_usable(&stage, &codex, &thread).await;
}

#[codex_e2e_macros::test]
async fn a_run_dropped_within_a_command_interrupts_its_turn() {
    let stage = Stage::new().await.unwrap();
    let call = Reply::function_call("exec_command", r#"{"cmd":"sleep 60"}"#);
    stage.model.push(call);
    let codex = stage.start().await.unwrap();
    let thread = codex.thread_start().await.unwrap();
    let mut events = thread.notifications();
    let run = tokio::spawn(thread.run("sleep").into_future());
    stage.model.next_request().await;
    run.abort();
    assert!(run.await.unwrap_err().is_cancelled());
    assert_eq!(next_end(&mut events).await, TurnStatus::Interrupted);
    idle(&codex).await;
}

#[codex_e2e_macros::test]
async fn dropping_one_of_two_runs_on_a_turn_leaves_the_other_alone() {
    let stage = Stage::new().await.unwrap();
    let gate = Gate::new();
    stage.model.push(Reply::text("first").gate(&gate));
    stage.model.push(Reply::text("both"));
    let codex = stage.start().await.unwrap();
    let thread = codex.thread_start().await.unwrap();
    let first = tokio::spawn(thread.run("one").into_future());
    gate.reached().await;
    let second = thread.turn("two").await.unwrap();
    first.abort();
    assert!(first.await.unwrap_err().is_cancelled());
    gate.release();
    let result = second.run().await.unwrap();
    assert_eq!(result.status, TurnStatus::Completed);
    idle(&codex).await;
}

#[codex_e2e_macros::test]
async fn dropping_a_handle_lets_its_turn_run_on() {
    let stage = Stage::new().await.unwrap();
    let gate = Gate::new();
    stage.model.push(Reply::text("done").gate(&gate));
    let codex = stage.start().await.unwrap();
    let thread = codex.thread_start().await.unwrap();
    let mut events = thread.notifications();
    drop(thread.turn("go").await.unwrap());
    gate.reached().await;
    gate.release();
    assert_eq!(next_end(&mut events).await, TurnStatus::Completed);
    idle(&codex).await;
}
