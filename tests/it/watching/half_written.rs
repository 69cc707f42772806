//! A viewer that comes while a message is being written.

use std::time::Duration;

use codex_e2e::{Stage, idle};
use codex_sdk::types::ThreadItem;
use codex_sdk::{Notification, ThreadWatch};
use codex_testkit::{Gate, Reply};
use tokio::time::timeout;

use super::{handle_until, label, seen_until};

const LIMIT: Duration = Duration::from_secs(60);
const PIECES: [&str; 3] = ["be", "fore", "after"];
const WHOLE: &str = "beforeafter";
/// The last event of such a reply: the end of the whole.
const LAST: usize = 8;

/// What a viewer sees up to the end of the turn: what came, in order, the pieces of the message, and the texts of
/// those that were whole.
async fn rest(watch: &mut ThreadWatch) -> (Vec<String>, String, Vec<String>) {
    let (mut seen, mut pieces, mut whole) = (Vec::new(), String::new(), Vec::new());
    while seen.last().is_none_or(|it| it != "turn/completed") {
        let event = watch.next().await.unwrap().unwrap();
        seen.push(label(&event));
        pieces.push_str(event.text_delta().unwrap_or_default());
        if let Notification::ItemCompleted(it) = event
            && let ThreadItem::AgentMessage(message) = it.item
        {
            whole.push(message.text);
        }
    }
    (seen, pieces, whole)
}

#[codex_e2e_macros::test]
async fn watch_that_begins_within_a_message_has_its_rest_and_then_the_whole() {
    let stage = Stage::new().await.unwrap();
    let gate = Gate::new();
    // After the first of the pieces.
    stage.model.push(Reply::deltas(PIECES).gate_at(4, &gate));
    let (codex, thread) = stage.start_thread().await.unwrap();
    let mut turn = thread.turn("go").await.unwrap();
    let first = handle_until(&mut turn, "item/agentMessage/delta");
    timeout(LIMIT, first).await.unwrap();
    let mut late = thread.watch();
    // The model is silent meanwhile.
    let seen = timeout(LIMIT, seen_until(&mut late, "item/started agentMessage"));
    let before = [
        "turn/started",
        "item/completed userMessage",
        "item/started agentMessage",
    ];
    assert_eq!(seen.await.unwrap(), before);
    gate.release();
    let (seen, pieces, whole) = timeout(LIMIT, rest(&mut late)).await.unwrap();
    assert_eq!((&*pieces, &*whole), ("foreafter", &[WHOLE.to_owned()][..]));
    let is_again = |it: &String| before.contains(&&**it);
    assert!(!seen.iter().any(is_again), "{seen:#?}");
    turn.run().await.unwrap();
    idle(&codex).await;
}

#[codex_e2e_macros::test]
async fn watch_that_begins_anywhere_in_a_message_has_no_item_twice_and_the_message_whole() {
    let stage = Stage::new().await.unwrap();
    let codex = stage.start().await.unwrap();
    for at in 1..=LAST {
        let gate = Gate::new();
        stage.model.push(Reply::deltas(PIECES).gate_at(at, &gate));
        let thread = codex.thread_start().await.unwrap();
        let turn = thread.turn("go").await.unwrap();
        gate.reached().await;
        let mut late = thread.watch();
        gate.release();
        let (seen, pieces, whole) = timeout(LIMIT, rest(&mut late)).await.unwrap();
        assert!(WHOLE.ends_with(&pieces), "{at}: {pieces:?}");
        assert_eq!(whole, [WHOLE], "{at}: {seen:#?}");
        let count = |wanted: &str| seen.iter().filter(|it| *it == wanted).count();
        assert_eq!(count("turn/started"), 1, "{at}: {seen:#?}");
        assert!(count("item/started agentMessage") <= 1, "{at}: {seen:#?}");
        turn.run().await.unwrap();
    }
    idle(&codex).await;
}
