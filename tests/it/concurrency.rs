//! Many turns at once on one client.

use std::collections::BTreeSet;

use codex_e2e::{Stage, is_idle, next_text};
use codex_sdk::Codex;
use codex_sdk::types::ModelListParams;
use codex_testkit::{Gate, Reply};

const THREADS: usize = 16;
const DELTAS: usize = 1000;

/// Runs a turn whose deltas must be those of one reply, complete and in order; returns which.
async fn one_stream(codex: Codex) -> usize {
    let thread = codex.thread_start().await.unwrap();
    let mut turn = thread.turn("count").await.unwrap();
    let mut deltas = Vec::new();
    while let Some(event) = turn.next().await {
        let event = event.unwrap();
        assert_eq!(event.thread_id(), Some(thread.id()));
        deltas.extend(event.text_delta().map(str::to_owned));
    }
    let reply: usize = deltas[0].split(':').next().unwrap().parse().unwrap();
    let expected: Vec<_> = (0..DELTAS).map(|n| format!("{reply}:{n} ")).collect();
    assert_eq!(deltas, expected);
    reply
}

#[codex_e2e_macros::test(flavor = "multi_thread")]
async fn sixteen_turns_at_once_each_get_exactly_their_own_in_order() {
    let stage = Stage::new().await.unwrap();
    for reply in 0..THREADS {
        let deltas = (0..DELTAS).map(|n| format!("{reply}:{n} "));
        stage.model.push(Reply::deltas(deltas));
    }
    let codex = stage.start().await.unwrap();
    let streams: Vec<_> = (0..THREADS)
        .map(|_| tokio::spawn(one_stream(codex.clone())))
        .collect();
    let mut replies = BTreeSet::new();
    for stream in streams {
        replies.insert(stream.await.unwrap());
    }
    assert_eq!(replies, (0..THREADS).collect());
    assert!(is_idle(&codex));
}

#[codex_e2e_macros::test]
async fn parity_77_97_other_requests_are_answered_while_a_turn_streams() {
    let stage = Stage::new().await.unwrap();
    let gate = Gate::new();
    stage
        .model
        .push(Reply::deltas(["be", "fore", "after"]).gate_at(4, &gate));
    let codex = stage.start().await.unwrap();
    let thread = codex.thread_start().await.unwrap();
    let turn = thread.turn("go").await.unwrap();
    gate.reached().await;
    codex.request(ModelListParams::default()).await.unwrap();
    gate.release();
    let result = turn.run().await.unwrap();
    assert_eq!(result.final_response.as_deref(), Some("beforeafter"));
}

#[codex_e2e_macros::test]
async fn two_clients_with_homes_of_their_own_dont_touch_each_other() {
    let (one, two) = (Stage::new().await.unwrap(), Stage::new().await.unwrap());
    let (one_gate, two_gate) = (Gate::new(), Gate::new());
    one.model
        .push(Reply::deltas(["on", "e"]).gate_at(4, &one_gate));
    two.model
        .push(Reply::deltas(["tw", "o"]).gate_at(4, &two_gate));
    let (first, second) = tokio::join!(one.start(), two.start());
    let (first, second) = (first.unwrap(), second.unwrap());
    let in_first = first.thread_start().await.unwrap();
    let in_second = second.thread_start().await.unwrap();
    let mut a = in_first.turn("hello").await.unwrap();
    let mut b = in_second.turn("hello").await.unwrap();
    // Both turns run now; the one that began last ends first.
    assert_eq!(next_text(&mut a).await.as_deref(), Some("on"));
    assert_eq!(next_text(&mut b).await.as_deref(), Some("tw"));
    two_gate.release();
    let b = b.run().await.unwrap();
    assert_eq!(b.final_response.as_deref(), Some("two"));
    assert!(is_idle(&second) && !is_idle(&first));

    let foreign = second.thread_resume(in_first.id()).await;
    assert!(foreign.unwrap_err().rpc().is_some());
    second.close().await.unwrap();
    one_gate.release();
    let a = a.run().await.unwrap();
    assert_eq!(a.final_response.as_deref(), Some("one"));
    first.thread_list().await.unwrap();
}
