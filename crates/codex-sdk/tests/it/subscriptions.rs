//! Who is given what, for how long, and what is left of it.

use codex_sdk::types::TurnStatus;
use codex_sdk::{CloseReason, Codex, Error, Notification, TurnHandle};
use codex_testkit::Peer;
use codex_testkit::peer::shapes;
use serde_json::{Value, json};

use crate::support::{
    accept_turn, begin, connect, connect_with, idle, settle, start_thread, start_turn,
};

#[tokio::test]
async fn parity_81_what_was_read_doesnt_count_against_a_turn_that_runs_on() {
    let (codex, mut peer) = connect_with(Codex::builder().subscription_budget(2000)).await;
    let thread = start_thread(&codex, &mut peer, "t").await;
    let mut turn = start_turn(&thread, &mut peer, "1").await;
    let text = "x".repeat(500);
    for _ in 0..1000 {
        peer.turn("t", "1").delta("i", &text).await;
        let event = turn.next().await.unwrap().unwrap();
        assert_eq!(event.text_delta(), Some(&*text));
    }
    peer.turn("t", "1").completed("completed").await;
    turn.run().await.unwrap();
    idle(&codex).await;
}

/// Sends ten pieces of text, about 7 kB on the wire and 11 kB unread.
async fn ten_deltas(codex: &Codex, peer: &mut Peer) {
    for _ in 0..10 {
        peer.turn("t", "1").delta("i", &"x".repeat(500)).await;
    }
    settle(codex, peer).await;
}

async fn read_ten_deltas(turn: &mut TurnHandle) {
    for _ in 0..10 {
        let event = turn.next().await.unwrap().unwrap();
        assert_eq!(event.text_delta().unwrap().len(), 500);
    }
}

#[tokio::test]
async fn parity_82_a_slow_handle_keeps_what_it_hasnt_read_up_to_its_own_budget() {
    let (codex, mut peer) = connect_with(Codex::builder().subscription_budget(16_000)).await;
    let thread = start_thread(&codex, &mut peer, "t").await;
    let mut fast = start_turn(&thread, &mut peer, "1").await;
    let mut slow = start_turn(&thread, &mut peer, "1").await;
    // What the slow one has caught up with makes room again.
    for _ in 0..3 {
        ten_deltas(&codex, &mut peer).await;
        read_ten_deltas(&mut fast).await;
        read_ten_deltas(&mut slow).await;
    }
    for _ in 0..2 {
        ten_deltas(&codex, &mut peer).await;
        read_ten_deltas(&mut fast).await;
    }
    read_ten_deltas(&mut slow).await;
    let error = loop {
        match slow.next().await.unwrap() {
            Ok(event) => assert!(event.text_delta().is_some()),
            Err(error) => break error,
        }
    };
    assert!(
        matches!(error, Error::Lagged { budget: 16_000, .. }),
        "{error:?}"
    );
    assert!(slow.next().await.is_none());
    peer.turn("t", "1").completed("completed").await;
    assert_eq!(fast.run().await.unwrap().status, TurnStatus::Completed);
    idle(&codex).await;
}

#[tokio::test]
async fn beyond_the_budget_of_all_those_end_that_hold_most() {
    let budgets = Codex::builder().unread_budget(60_000);
    let (codex, mut peer) = connect_with(budgets).await;
    let thread = start_thread(&codex, &mut peer, "t").await;
    let mut fast = start_turn(&thread, &mut peer, "1").await;
    let mut slow = Vec::new();
    for _ in 0..3 {
        slow.push(start_turn(&thread, &mut peer, "1").await);
    }
    for _ in 0..10 {
        ten_deltas(&codex, &mut peer).await;
        read_ten_deltas(&mut fast).await;
        assert!(codex.stats().queued_bytes <= 60_000, "{:?}", codex.stats());
    }
    for mut turn in slow {
        // What lay in it made room.
        let error = turn.next().await.unwrap().unwrap_err();
        assert!(
            matches!(error, Error::Lagged { budget: 60_000, .. }),
            "{error:?}"
        );
        assert!(turn.next().await.is_none());
    }
    peer.turn("t", "1").completed("completed").await;
    assert_eq!(fast.run().await.unwrap().status, TurnStatus::Completed);
    idle(&codex).await;
}

#[tokio::test]
async fn a_hundred_streams_that_get_nothing_more_hold_no_more_than_one_budget() {
    let (codex, mut peer) = connect_with(Codex::builder().unread_budget(60_000)).await;
    let mut turns = Vec::new();
    for n in 0..100 {
        let thread = start_thread(&codex, &mut peer, &format!("t{n}")).await;
        turns.push(start_turn(&thread, &mut peer, "1").await);
        let text = "x".repeat(1000 + n * 100);
        for _ in 0..4 {
            peer.turn(&format!("t{n}"), "1").delta("i", &text).await;
        }
        peer.turn(&format!("t{n}"), "1")
            .completed("completed")
            .await;
        settle(&codex, &mut peer).await;
        assert!(codex.stats().queued_bytes <= 60_000, "{:?}", codex.stats());
    }
    let mut whole = 0;
    for turn in turns {
        match turn.run().await {
            Ok(_) => whole += 1,
            Err(error) => {
                let Error::TurnIncomplete(incomplete) = error else {
                    panic!("{error:?}")
                };
                let source = incomplete.source.unwrap();
                assert!(matches!(source, Error::Lagged { budget: 60_000, .. }));
            }
        }
    }
    assert!((3..20).contains(&whole), "{whole}");
    idle(&codex).await;
}

#[tokio::test]
async fn what_comes_before_a_turn_is_known_counts_for_all_streams() {
    let (codex, mut peer) = connect_with(Codex::builder().unread_budget(60_000)).await;
    let thread = start_thread(&codex, &mut peer, "t").await;
    let mut starting = Vec::new();
    for n in 0..8 {
        starting.push(begin(thread.turn(n.to_string()).into_future()).await);
    }
    let mut requests = Vec::new();
    for _ in 0..8 {
        requests.push(peer.expect_request("turn/start").await);
    }
    peer.turn("t", "1").started().await;
    ten_deltas(&codex, &mut peer).await;
    let early = codex.stats().queued_bytes;
    assert!((40_000..=60_000).contains(&early), "{early}");
    for request in &requests {
        peer.reply(&request.id, shapes::turn_start_response("1"))
            .await;
    }
    peer.turn("t", "1").completed("completed").await;
    let (mut whole, mut slow) = (0, 0);
    for turn in starting {
        match turn.await.unwrap().run().await {
            Ok(_) => whole += 1,
            Err(error) => {
                assert!(matches!(error, Error::TurnIncomplete(_)), "{error:?}");
                slow += 1;
            }
        }
    }
    assert!(whole >= 3 && slow >= 3, "{whole} {slow}");
    idle(&codex).await;
}

#[tokio::test]
async fn parity_87_the_end_of_the_connection_reaches_every_handle_also_one_that_is_full() {
    let (codex, mut peer) = connect_with(Codex::builder().subscription_budget(12_000)).await;
    let thread = start_thread(&codex, &mut peer, "t").await;
    let mut full = start_turn(&thread, &mut peer, "1").await;
    let mut empty = start_turn(&thread, &mut peer, "1").await;
    ten_deltas(&codex, &mut peer).await;
    read_ten_deltas(&mut empty).await;
    let starting = begin(thread.turn("and more").into_future()).await;
    peer.expect_request("turn/start").await;
    peer.close().await;
    read_ten_deltas(&mut full).await;
    for turn in [&mut full, &mut empty] {
        let error = turn.next().await.unwrap().unwrap_err();
        assert_eq!(error.closed().unwrap().reason, CloseReason::Ended);
        assert!(turn.next().await.is_none());
    }
    assert!(starting.await.unwrap_err().is_closed());
    for turn in [full, empty] {
        let error = turn.run().await.unwrap_err();
        assert!(matches!(error, Error::TurnIncomplete(_)) && error.is_closed());
    }
    idle(&codex).await;
}

#[tokio::test]
async fn parity_92_93_a_handle_that_has_ended_never_waits() {
    let (codex, mut peer) = connect().await;
    let thread = start_thread(&codex, &mut peer, "t").await;
    let mut read = start_turn(&thread, &mut peer, "1").await;
    peer.turn("t", "1").play("whole").await;
    while read.next().await.is_some() {}
    for _ in 0..3 {
        assert!(read.next().await.is_none());
    }
    let result = read.run().await.unwrap();
    assert_eq!(result.final_response.as_deref(), Some("whole"));

    // A reply that names a turn which has ended meanwhile.
    let late = begin(thread.turn("late").into_future()).await;
    let request = peer.expect_request("turn/start").await;
    peer.turn("t", "2").started().await;
    peer.turn("t", "2").completed("completed").await;
    peer.reply(&request.id, shapes::turn_start_response("2"))
        .await;
    let mut late = late.await.unwrap();
    for method in ["turn/started", "turn/completed"] {
        assert_eq!(late.next().await.unwrap().unwrap().method(), method);
    }
    assert!(late.next().await.is_none());
    assert!(late.next().await.is_none());
    idle(&codex).await;
}

/// The methods of the next notifications, each with the field `nr`.
async fn numbers(mut next: impl AsyncFnMut() -> Notification, count: usize) -> Vec<Value> {
    let mut numbers = Vec::new();
    for _ in 0..count {
        let event = next().await;
        let Notification::Unrecognized { params, .. } = event else {
            panic!("{event:?}");
        };
        numbers.push(params["nr"].clone());
    }
    numbers
}

#[tokio::test]
async fn parity_99_123_unknown_notifications_are_routed_by_the_ids_of_thread_and_turn() {
    let (codex, mut peer) = connect().await;
    let thread = start_thread(&codex, &mut peer, "t").await;
    let mut all = codex.notifications();
    let mut turn = start_turn(&thread, &mut peer, "1").await;
    // What is pending takes nothing of it.
    let pending = begin(codex.request_raw("pending", json!({})).into_future()).await;
    let request = peer.expect_request("pending").await;
    for params in [
        json!({"nr": 1, "threadId": "t", "turnId": "1"}),
        json!({"nr": 2, "threadId": "t", "turn": {"id": "1"}}),
        json!({"nr": 3, "thread": {"id": "t"}, "turn": {"id": "1"}}),
        // Not of the turn: an id alone could be a fork's.
        json!({"nr": 4, "turnId": "1"}),
        json!({"nr": 5, "threadId": "t"}),
        json!({"nr": 6, "threadId": "u", "turnId": "1"}),
        json!({"nr": 7, "threadId": "t", "turnId": "2"}),
        json!({"nr": 8}),
    ] {
        peer.notify("brand/new", params).await;
    }
    peer.reply(&request.id, json!("own")).await;
    assert_eq!(pending.await.unwrap(), json!("own"));
    let of_turn = numbers(async || turn.next().await.unwrap().unwrap(), 3).await;
    assert_eq!(of_turn, [1, 2, 3]);
    let others = numbers(async || all.next().await.unwrap().unwrap(), 5).await;
    assert_eq!(others, [4, 5, 6, 7, 8]);
}

#[tokio::test]
async fn parity_122_notifications_of_recent_versions_are_typed() {
    let (codex, mut peer) = connect().await;
    let mut all = codex.notifications();
    let recovery = json!({"threadId": "t", "turnId": "1", "provider": "p", "message": "m"});
    let table = [
        ("modelProvider/authRecoveryCompleted", recovery),
        ("thread/queue/changed", json!({"threadId": "t"})),
        ("warning", json!({"threadId": null, "message": "careful"})),
    ];
    for (method, params) in table {
        peer.notify(method, params).await;
        let event = all.next().await.unwrap().unwrap();
        assert_eq!(event.method(), method);
        let typed = match event {
            Notification::ModelProviderAuthRecoveryCompleted(it) => it.thread_id == "t",
            Notification::ThreadQueueChanged(it) => it.thread_id == "t",
            Notification::Warning(it) => it.message == "careful",
            _ => false,
        };
        assert!(typed, "{method}");
    }
}

#[tokio::test]
async fn parity_125_126_a_subscription_begins_when_it_is_made_and_unheard_turns_leave_nothing() {
    let (codex, mut peer) = connect().await;
    peer.turn("t", "1").play("to nobody").await;
    peer.notify("warning", json!({ "message": "early" })).await;
    settle(&codex, &mut peer).await;
    idle(&codex).await;
    let mut all = codex.notifications();
    peer.notify("warning", json!({ "message": "heard" })).await;
    let Notification::Warning(warning) = all.next().await.unwrap().unwrap() else {
        panic!("what came before is not to be heard");
    };
    assert_eq!(warning.message, "heard");
}

#[tokio::test]
async fn parity_152_run_brings_the_same_result_on_a_thread_and_on_a_handle() {
    let (codex, mut peer) = connect().await;
    let thread = start_thread(&codex, &mut peer, "t").await;
    let run = begin(thread.run("go").into_future()).await;
    accept_turn(&mut peer, "1").await;
    let handle = start_turn(&thread, &mut peer, "1").await;
    peer.turn("t", "1").play("done").await;
    let result = run.await.unwrap();
    assert_eq!(handle.run().await.unwrap(), result);

    let (id, status) = (result.id.as_str(), &result.status);
    assert_eq!((id, status), ("1", &TurnStatus::Completed));
    assert_eq!(result.error, None);
    let times = (result.started_at, result.completed_at, result.duration_ms);
    assert_eq!(times, (Some(shapes::NOW), Some(shapes::NOW), Some(5)));
    assert_eq!(result.final_response.as_deref(), Some("done"));
    let [item] = &result.items[..] else {
        panic!("{:?}", result.items);
    };
    assert_eq!(item.tag(), "agentMessage");
    let usage = result.usage.unwrap();
    assert_eq!((usage.total.total_tokens, &usage.total), (15, &usage.last));
}
