//! Turns that share something: several handles on one turn, and one id on two threads.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;

use codex_e2e::{Stage, is_idle};
use codex_sdk::types::TurnStatus;
use codex_sdk::{Codex, Thread, TurnHandle};
use codex_testkit::{Gate, Reply};

/// A turn that waits at a gate, with a second handle that joined it by a text.
struct Joined {
    codex: Codex,
    gate: Gate,
    first: TurnHandle,
    second: TurnHandle,
    // Dropped last: it looks for what is left.
    stage: Stage,
}

async fn joined(last: Reply) -> Joined {
    let (stage, codex, thread, gate) = held().await;
    stage.model.push(last);
    let first = thread.turn("one").await.unwrap();
    gate.reached().await;
    let second = thread.turn("two").await.unwrap();
    assert_eq!(first.id(), second.id());
    Joined {
        codex,
        gate,
        first,
        second,
        stage,
    }
}

/// A thread whose first reply waits at a gate.
async fn held() -> (Stage, Codex, Thread, Gate) {
    let stage = Stage::new().await.unwrap();
    let gate = Gate::new();
    stage.model.push(Reply::text("first").gate(&gate));
    let codex = stage.start().await.unwrap();
    let thread = codex.thread_start().await.unwrap();
    (stage, codex, thread, gate)
}

#[codex_e2e_macros::test]
async fn parity_44_a_text_joins_the_running_turn_and_both_handles_end_alike() {
    let joined = joined(Reply::text("both")).await;
    joined.gate.release();
    let (first, second) = tokio::join!(joined.first.run(), joined.second.run());
    for result in [first.unwrap(), second.unwrap()] {
        assert_eq!(result.status, TurnStatus::Completed);
        assert_eq!(result.final_response.as_deref(), Some("both"));
    }
    let requests = joined.stage.model.requests();
    assert_eq!(requests.len(), 2);
    let texts = requests[1].user_texts();
    assert_eq!(texts[texts.len() - 2..], ["one", "two"]);
    assert!(is_idle(&joined.codex));
}

#[codex_e2e_macros::test]
async fn parity_86_88_dropping_either_of_two_handles_leaves_the_other_intact() {
    for drop_first in [true, false] {
        let joined = joined(Reply::text("both")).await;
        let kept = if drop_first {
            drop(joined.first);
            joined.second
        } else {
            drop(joined.second);
            joined.first
        };
        joined.gate.release();
        let result = kept.run().await.unwrap();
        assert_eq!(result.status, TurnStatus::Completed);
        assert_eq!(result.final_response.as_deref(), Some("both"));
        assert!(is_idle(&joined.codex));
    }
}

#[codex_e2e_macros::test]
async fn parity_87_a_failure_of_the_model_reaches_every_handle() {
    let joined = joined(Reply::failed("server_error", "broken")).await;
    joined.gate.release();
    let (first, second) = tokio::join!(joined.first.run(), joined.second.run());
    for error in [first.unwrap_err(), second.unwrap_err()] {
        assert!(error.to_string().contains("broken"), "{error}");
        let partial = error.partial_result().unwrap();
        assert_eq!(partial.status, TurnStatus::Failed);
    }
    assert!(is_idle(&joined.codex));
}

/// Sends what a future sends first, and hands it back when that was answered.
async fn answered<F: Future + Unpin>(codex: &Codex, mut future: F) -> F {
    let sent = poll_fn(|context| Poll::Ready(Pin::new(&mut future).poll(context).is_pending()));
    assert!(sent.await);
    while codex.stats().requests_in_flight > 0 {
        tokio::task::yield_now().await;
    }
    future
}

#[codex_e2e_macros::test]
async fn dropping_either_of_two_runs_on_a_turn_doesnt_interrupt_the_other() {
    for drop_first in [true, false] {
        let (stage, codex, thread, gate) = held().await;
        stage.model.push(Reply::text("both"));
        let first = answered(&codex, thread.run("one").into_future()).await;
        gate.reached().await;
        let second = answered(&codex, thread.run("two").into_future()).await;
        assert_eq!(codex.stats().live_turns, 1);
        let kept = if drop_first {
            drop(first);
            second
        } else {
            drop(second);
            first
        };
        // Whatever the drop has sent is taken before this is answered.
        codex.models().await.unwrap();
        gate.release();
        let result = kept.await.unwrap();
        assert_eq!(result.status, TurnStatus::Completed);
        assert_eq!(result.final_response.as_deref(), Some("both"));
        assert!(is_idle(&codex));
    }
}

/// The ids of a thread's turns.
async fn turn_ids(thread: &Thread) -> Vec<String> {
    let read = thread.read().include_turns(true).await.unwrap();
    let turns = read.thread.turns.into_iter();
    turns.map(|turn| turn.id).collect()
}

/// Reads a turn to its end: its text, and that nothing in it belongs to another thread.
async fn text_of(mut turn: TurnHandle) -> String {
    let mut text = String::new();
    while let Some(event) = turn.next().await {
        let event = event.unwrap();
        assert_eq!(event.thread_id(), Some(turn.thread_id()), "{event:?}");
        assert_eq!(event.turn_id(), Some(turn.id()), "{event:?}");
        text.push_str(event.text_delta().unwrap_or_default());
    }
    text
}

#[codex_e2e_macros::test]
async fn parity_56_a_fork_made_in_a_turn_keeps_its_id_and_takes_nothing_of_its_stream() {
    let stage = Stage::new().await.unwrap();
    stage.model.push(Reply::text("before"));
    let codex = stage.start().await.unwrap();
    let source = codex.thread_start().await.unwrap();
    source.run("begin").await.unwrap();
    let (in_source, in_fork) = (Gate::new(), Gate::new());
    let source_reply = Reply::deltas(["so", "ur", "ce"]).gate_at(4, &in_source);
    stage.model.push(source_reply);
    let source_turn = source.turn("go on").await.unwrap();
    in_source.reached().await;

    let fork = codex.thread_fork(source.id()).include_turns(false);
    let fork = fork.await.unwrap();
    let shared = turn_ids(&fork).await;
    assert!(shared.contains(&source_turn.id().to_owned()), "{shared:?}");
    assert_eq!(shared, turn_ids(&source).await);

    stage
        .model
        .push(Reply::deltas(["fo", "rk"]).gate_at(4, &in_fork));
    let fork_turn = fork.turn("go elsewhere").await.unwrap();
    in_fork.reached().await;
    in_source.release();
    assert_eq!(text_of(source_turn).await, "source");
    in_fork.release();
    assert_eq!(text_of(fork_turn).await, "fork");
    assert!(is_idle(&codex));
}
