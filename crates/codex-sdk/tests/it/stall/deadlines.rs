//! Total and stall deadlines of turns.

use std::time::Duration;

use codex_sdk::Deadline;
use codex_sdk::types::TurnStatus;
use codex_testkit::peer::shapes;
use serde_json::json;
use tokio::time::{Instant, sleep};

use crate::stall::{MINUTE, SECOND, accept, interrupt, is_usable, stalling, thread, timed_out};
use crate::support::{accept_turn, begin, idle, settle};

#[tokio::test(start_paused = true)]
async fn a_silent_turn_is_interrupted_and_its_thread_usable() {
    let (codex, mut peer, thread) = thread().await;
    let run = begin(thread.run("go").stall_timeout(MINUTE).into_future()).await;
    accept(&mut peer, "1").await;
    let item = shapes::agent_message("m", "half");
    peer.turn("t", "1").item_completed(item).await;
    let begun = Instant::now();
    let (result, ()) = tokio::join!(run, interrupt(&mut peer, "1"));
    assert_eq!(begun.elapsed().as_secs(), 60);
    let error = result.unwrap_err();
    let timeout = timed_out(&error);
    assert_eq!((timeout.deadline, timeout.after), (Deadline::Stall, MINUTE));
    assert!(timeout.interrupted);
    let partial = error.partial_result().unwrap();
    assert_eq!(partial.status, TurnStatus::Interrupted);
    assert_eq!(partial.final_response.as_deref(), Some("half"));
    assert!(error.to_string().contains("within 60s"), "{error}");
    is_usable(&codex, &mut peer, &thread).await;
}

#[tokio::test(start_paused = true)]
async fn a_turn_that_talks_doesnt_stall_but_has_to_end() {
    let (codex, mut peer, thread) = thread().await;
    let run = thread.run("go").stall_timeout(MINUTE).timeout(5 * MINUTE);
    let begun = Instant::now();
    let run = begin(run.into_future()).await;
    accept(&mut peer, "1").await;
    let talk = async {
        for _ in 0..7 {
            sleep(40 * SECOND).await;
            peer.turn("t", "1").delta("m", "more").await;
        }
        interrupt(&mut peer, "1").await;
    };
    let (result, ()) = tokio::join!(run, talk);
    assert_eq!(begun.elapsed().as_secs(), 300);
    let error = result.unwrap_err();
    let timeout = timed_out(&error);
    assert_eq!(timeout.deadline, Deadline::Total);
    assert_eq!(timeout.after, 5 * MINUTE);
    is_usable(&codex, &mut peer, &thread).await;
}

#[tokio::test(start_paused = true)]
async fn a_turn_that_never_completes_stalls_all_the_same() {
    let (codex, mut peer, thread, turn) = stalling().await;
    let begun = Instant::now();
    let error = turn.run().await.unwrap_err();
    // 5 s for its end.
    assert_eq!(begun.elapsed().as_secs(), 65);
    assert!(!timed_out(&error).interrupted);
    assert_eq!(
        error.partial_result().unwrap().status,
        TurnStatus::InProgress
    );
    let request = peer.expect_request("turn/interrupt").await;
    peer.reply(&request.id, json!({})).await;
    is_usable(&codex, &mut peer, &thread).await;
}

#[tokio::test(start_paused = true)]
async fn a_start_that_is_never_answered_stalls_no_longer_than_the_turn_may() {
    let (codex, mut peer, thread) = thread().await;
    let begun = Instant::now();
    let turn = thread.turn("go").timeout(3 * SECOND).into_future();
    let error = turn.await.unwrap_err();
    assert_eq!(begun.elapsed().as_secs(), 3);
    let timeout = timed_out(&error);
    assert_eq!(timeout.deadline, Deadline::Total);
    assert_eq!((timeout.interrupted, &*timeout.result.id), (false, ""));

    // Answered after all, the turn is interrupted as soon as that is possible.
    accept(&mut peer, "1").await;
    interrupt(&mut peer, "1").await;
    is_usable(&codex, &mut peer, &thread).await;
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_stalls_yields_one_error_then_none() {
    let (codex, mut peer, thread, mut turn) = stalling().await;
    assert_eq!(turn.next().await.unwrap().unwrap().method(), "turn/started");
    let next = begin(Box::pin(turn.next())).await;
    let (next, ()) = tokio::join!(next, async {
        let request = peer.expect_request("turn/interrupt").await;
        peer.reply(&request.id, json!({})).await;
        peer.turn("t", "1").delta("m", "late").await;
        peer.turn("t", "1").completed("interrupted").await;
    });
    assert_eq!(next.unwrap().unwrap().text_delta(), Some("late"));
    assert!(timed_out(&turn.next().await.unwrap().unwrap_err()).interrupted);
    assert!(turn.next().await.is_none());
    assert!(turn.next().await.is_none());
    assert!(timed_out(&turn.run().await.unwrap_err()).interrupted);
    is_usable(&codex, &mut peer, &thread).await;
}

#[tokio::test(start_paused = true)]
async fn a_turn_that_ends_by_itself_while_its_stall_is_dealt_with_is_whole() {
    let (codex, mut peer, thread, turn) = stalling().await;
    let (result, ()) = tokio::join!(turn.run(), async {
        let request = peer.expect_request("turn/interrupt").await;
        let item = shapes::agent_message("m", "just in time");
        peer.turn("t", "1").item_completed(item).await;
        peer.turn("t", "1").completed("completed").await;
        let message = "no active turn to interrupt";
        peer.reply_error(&request.id, -32600, message, None).await;
    });
    let result = result.unwrap();
    assert_eq!(result.final_response.as_deref(), Some("just in time"));
    is_usable(&codex, &mut peer, &thread).await;
}

#[tokio::test(start_paused = true)]
async fn what_came_in_time_is_no_stall_though_it_is_read_late() {
    for end in [TurnStatus::Completed, TurnStatus::Interrupted] {
        let (codex, mut peer, thread) = thread().await;
        let turn = thread.turn("go").stall_timeout(MINUTE).timeout(2 * MINUTE);
        let (turn, ()) = tokio::join!(turn.into_future(), accept(&mut peer, "1"));
        let mut turn = turn.unwrap();
        peer.turn("t", "1").delta("m", "early").await;
        peer.turn("t", "1").completed(end.as_str()).await;
        settle(&codex, &mut peer).await;
        sleep(5 * MINUTE).await;
        let first = turn.next().await.unwrap().unwrap();
        assert_eq!(first.method(), "turn/started");
        assert_eq!(turn.run().await.unwrap().status, end);
        is_usable(&codex, &mut peer, &thread).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_slow_reader_finds_out_that_its_turn_took_too_long() {
    let (codex, mut peer, thread) = thread().await;
    let turn = thread.turn("go").timeout(MINUTE).into_future();
    let (turn, ()) = tokio::join!(turn, accept(&mut peer, "1"));
    let mut turn = turn.unwrap();
    for _ in 0..3 {
        peer.turn("t", "1").delta("m", "talk").await;
    }
    settle(&codex, &mut peer).await;
    sleep(2 * MINUTE).await;
    // What lies there is read, however late; the turn is interrupted at once.
    assert!(turn.next().await.unwrap().is_ok());
    interrupt(&mut peer, "1").await;
    for _ in 0..3 {
        assert_eq!(
            turn.next().await.unwrap().unwrap().text_delta(),
            Some("talk")
        );
    }
    let error = turn.next().await.unwrap().unwrap_err();
    assert_eq!(timed_out(&error).deadline, Deadline::Total);
    assert!(turn.next().await.is_none());
    is_usable(&codex, &mut peer, &thread).await;
}

#[tokio::test(start_paused = true)]
async fn a_stall_of_one_of_two_handles_leaves_the_turn_to_the_other() {
    let (codex, mut peer, thread, first) = stalling().await;
    let second = begin(thread.run("and this").timeout(5 * MINUTE).into_future()).await;
    accept_turn(&mut peer, "1").await;

    let begun = Instant::now();
    let first_error = first.run().await.unwrap_err();
    assert_eq!(begun.elapsed().as_secs(), 60);
    assert!(!timed_out(&first_error).interrupted);
    // Nothing but this was sent.
    settle(&codex, &mut peer).await;
    let (second, ()) = tokio::join!(second, interrupt(&mut peer, "1"));
    assert_eq!(begun.elapsed().as_secs(), 300);
    assert!(timed_out(&second.unwrap_err()).interrupted);
    is_usable(&codex, &mut peer, &thread).await;
}

#[tokio::test(start_paused = true)]
async fn a_typed_answer_that_stalls_is_interrupted() {
    let (codex, mut peer, thread) = thread().await;
    let run = thread.run_as::<String>("go").stall_timeout(MINUTE);
    let run = begin(run.into_future()).await;
    accept(&mut peer, "1").await;
    let (result, ()) = tokio::join!(run, interrupt(&mut peer, "1"));
    assert!(timed_out(&result.unwrap_err()).interrupted);
    is_usable(&codex, &mut peer, &thread).await;
}

#[tokio::test(start_paused = true)]
async fn a_handle_dropped_while_its_stall_is_dealt_with_leaves_no_turn() {
    let (codex, mut peer, thread, mut turn) = stalling().await;
    let _started = turn.next().await;
    let next = tokio::time::timeout(61 * SECOND, turn.next()).await;
    assert!(next.is_err());
    drop(turn);
    // It is interrupted once, not once more.
    interrupt(&mut peer, "1").await;
    is_usable(&codex, &mut peer, &thread).await;
}

#[tokio::test(start_paused = true)]
async fn the_end_of_the_connection_is_told_rather_than_a_stall() {
    let (codex, mut peer, _thread, mut turn) = stalling().await;
    let read = async {
        let mut errors = Vec::new();
        while let Some(next) = turn.next().await {
            errors.extend(next.err());
        }
        errors
    };
    let (errors, ()) = tokio::join!(read, async {
        peer.expect_request("turn/interrupt").await;
        peer.close().await;
    });
    let [error] = &errors[..] else {
        panic!("{errors:?}");
    };
    assert!(error.is_closed(), "{error:?}");
    idle(&codex).await;
}

#[tokio::test(start_paused = true)]
async fn a_deadline_too_far_away_to_be_told_is_none_and_nothing_stalls() {
    let (codex, mut peer, thread) = thread().await;
    let run = thread.run("go");
    let run = run.timeout(Duration::MAX).stall_timeout(Duration::MAX);
    let run = begin(run.into_future()).await;
    accept(&mut peer, "1").await;
    sleep(1000 * MINUTE).await;
    peer.turn("t", "1").completed("completed").await;
    run.await.unwrap();
    idle(&codex).await;
}

#[tokio::test]
async fn what_lies_unread_is_no_stall_however_long_its_reader_pauses() {
    let (codex, mut peer, thread) = thread().await;
    let turn = thread.turn("go").stall_timeout(Duration::from_millis(20));
    let (turn, _) = tokio::join!(turn.into_future(), accept_turn(&mut peer, "1"));
    let mut turn = turn.unwrap();
    peer.turn("t", "1").started().await;
    for _ in 0..300 {
        peer.turn("t", "1").delta("m", "more").await;
    }
    settle(&codex, &mut peer).await;
    for read in 0..300 {
        turn.next().await.unwrap().unwrap();
        // Somewhere here Tokio has others run, although the next event lies there.
        if (100..140).contains(&read) {
            std::thread::sleep(Duration::from_millis(21));
        }
    }
    // Nothing else was asked of the runtime: no interrupt.
    settle(&codex, &mut peer).await;
}
