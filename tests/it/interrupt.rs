//! Interrupting a turn, also one that has hardly begun.

use codex_e2e::{Stage, is_idle};
use codex_sdk::types::TurnStatus;
use codex_testkit::{Gate, Reply};

#[codex_e2e_macros::test]
async fn an_interrupt_right_after_the_start_works_50_times_of_50() {
    let stage = Stage::new().await.unwrap();
    stage.model.default_reply(Reply::stall());
    let codex = stage.start().await.unwrap();
    let thread = codex.thread_start().await.unwrap();
    for round in 0..50 {
        let turn = thread.turn("wait").await.unwrap();
        turn.interrupt().await.unwrap();
        let result = turn.run().await.unwrap();
        assert_eq!(result.status, TurnStatus::Interrupted, "round {round}");
        assert_eq!(result.final_response, None);
    }
    assert!(is_idle(&codex), "{:?}", codex.stats());
}

#[codex_e2e_macros::test]
async fn parity_72_an_interrupted_turn_is_no_error_and_the_thread_is_usable() {
    let stage = Stage::new().await.unwrap();
    let gate = Gate::new();
    stage
        .model
        .push(Reply::deltas(["half an ", "answer"]).gate_at(3, &gate));
    stage.model.push(Reply::text("whole"));
    let codex = stage.start().await.unwrap();
    let thread = codex.thread_start().await.unwrap();
    let turn = thread.turn("go").await.unwrap();
    let control = turn.control();
    gate.reached().await;
    control.interrupt().await.unwrap();
    let result = turn.run().await.unwrap();
    assert_eq!(result.status, TurnStatus::Interrupted);
    assert_eq!(result.error, None);
    assert_eq!(result.final_response, None);
    gate.release();

    // The runtime would not answer a second interrupt before the next turn has ended.
    control.interrupt().await.unwrap();
    let result = thread.run("again").await.unwrap();
    assert_eq!(result.final_response.as_deref(), Some("whole"));
    control.interrupt().await.unwrap();
}

#[codex_e2e_macros::test]
async fn two_handles_on_one_turn_both_see_the_interrupt() {
    let stage = Stage::new().await.unwrap();
    stage.model.default_reply(Reply::stall());
    let codex = stage.start().await.unwrap();
    let thread = codex.thread_start().await.unwrap();
    let first = thread.turn("wait").await.unwrap();
    let second = thread.turn("and wait").await.unwrap();
    assert_eq!(first.id(), second.id());
    second.interrupt().await.unwrap();
    assert_eq!(first.run().await.unwrap().status, TurnStatus::Interrupted);
    assert_eq!(second.run().await.unwrap().status, TurnStatus::Interrupted);
    assert!(is_idle(&codex), "{:?}", codex.stats());
}
