//! Turns that would hang: deadlines, and ends that were missed. The clock is the test's: it moves only
//! when all wait.

use std::time::Duration;

use codex_sdk::{
    Codex, CodexBuilder, Deadline, Error, HandlerResult, Thread, TurnHandle, TurnTimeout,
    types::{CommandExecutionApprovalDecision, ThreadItem, TurnStatus},
};
use codex_testkit::{Peer, peer::shapes};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::support::{begin, connect_with, idle, settle, start_thread};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);

/// A thread of a client.
async fn thread() -> (Codex, Peer, Thread) {
    thread_of(Codex::builder()).await
}

async fn thread_of(builder: CodexBuilder) -> (Codex, Peer, Thread) {
    let (codex, mut peer) = connect_with(builder).await;
    let thread = start_thread(&codex, &mut peer, "t").await;
    // Longer than anything here is waited for.
    peer.set_deadline(60 * MINUTE);
    (codex, peer, thread)
}

/// Accepts the turn that is asked for, and begins it.
async fn accept(peer: &mut Peer, id: &str) {
    let request = peer.expect_request("turn/start").await;
    let reply = shapes::turn_start_response(id);
    peer.reply(&request.id, reply).await;
    peer.turn("t", id).started().await;
}

/// Takes the interrupt of a turn, and ends it.
async fn interrupt(peer: &mut Peer, id: &str) {
    let request = peer.expect_request("turn/interrupt").await;
    assert_eq!(request.params, json!({ "threadId": "t", "turnId": id }));
    peer.reply(&request.id, json!({})).await;
    peer.turn("t", id).completed("interrupted").await;
}

/// Starts a turn on a thread of its own, with a deadline for its silence.
async fn stalling() -> (Codex, Peer, Thread, TurnHandle) {
    let (codex, mut peer, thread) = thread().await;
    let turn = thread.turn("go").stall_timeout(MINUTE).into_future();
    let (turn, ()) = tokio::join!(turn, accept(&mut peer, "1"));
    (codex, peer, thread, turn.unwrap())
}

/// A turn without deadlines that has brought one message.
async fn talking() -> (Codex, Peer, Thread, TurnHandle) {
    let (codex, mut peer, thread) = thread().await;
    let (turn, ()) = tokio::join!(thread.turn("go").into_future(), accept(&mut peer, "1"));
    let item = shapes::agent_message("b", "part");
    peer.turn("t", "1").item_completed(item).await;
    (codex, peer, thread, turn.unwrap())
}

/// Runs a turn that nothing is wrong with, and sees that nothing is left in the tables.
async fn is_usable(codex: &Codex, peer: &mut Peer, thread: &Thread) {
    let serve = async {
        accept(peer, "next").await;
        let item = shapes::agent_message("m", "usable");
        peer.turn("t", "next").item_completed(item).await;
        peer.turn("t", "next").completed("completed").await;
    };
    let (result, ()) = tokio::join!(thread.run("again").into_future(), serve);
    assert_eq!(result.unwrap().final_response.as_deref(), Some("usable"));
    idle(codex).await;
}

async fn status(peer: &mut Peer, status: Value) {
    let params = json!({ "threadId": "t", "status": status });
    peer.notify("thread/status/changed", params).await;
}

async fn active(peer: &mut Peer, flags: &[&str]) {
    status(peer, json!({ "type": "active", "activeFlags": flags })).await;
}

fn timed_out(error: &Error) -> &TurnTimeout {
    assert!(error.is_timeout(), "{error:?}");
    match error {
        Error::TurnTimeout(timeout) => timeout,
        _ => panic!("{error:?}"),
    }
}

fn ids(items: &[ThreadItem]) -> Vec<&str> {
    items.iter().filter_map(ThreadItem::id).collect()
}

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
    let request = peer.expect_request("turn/start").await;
    let reply = shapes::turn_start_response("1");
    peer.reply(&request.id, reply).await;

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
async fn a_turn_that_waits_for_an_approval_doesnt_stall() {
    for flag in ["waitingOnApproval", "waitingOnUserInput"] {
        let (codex, mut peer, thread, turn) = stalling().await;
        active(&mut peer, &[flag]).await;
        let begun = Instant::now();
        let think = async {
            sleep(10 * MINUTE + 7 * SECOND).await;
            active(&mut peer, &[]).await;
            interrupt(&mut peer, "1").await;
        };
        let (result, ()) = tokio::join!(turn.run(), think);
        // Only then its silence counts again, from the beginning.
        assert_eq!(begun.elapsed().as_secs(), 11 * 60 + 7);
        let error = result.unwrap_err();
        assert_eq!(timed_out(&error).deadline, Deadline::Stall);
        is_usable(&codex, &mut peer, &thread).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_turn_that_waits_for_a_handler_doesnt_stall() {
    let thinking = Codex::builder().on_command_approval(|_, _| async {
        sleep(10 * MINUTE + 7 * SECOND).await;
        HandlerResult::Ok(CommandExecutionApprovalDecision::Accept)
    });
    let (codex, mut peer, thread) = thread_of(thinking).await;
    let run = begin(thread.run("go").stall_timeout(MINUTE).into_future()).await;
    accept(&mut peer, "1").await;
    let begun = Instant::now();
    let approval = shapes::command_approval("t", "1", "item", "ls");
    let method = "item/commandExecution/requestApproval";
    peer.request(7, method, approval).await;
    let serve = async {
        peer.expect_response(7).await.unwrap();
        assert_eq!(begun.elapsed().as_secs(), 10 * 60 + 7);
        interrupt(&mut peer, "1").await;
    };
    let (result, ()) = tokio::join!(run, serve);
    assert_eq!(begun.elapsed().as_secs(), 11 * 60 + 7);
    assert_eq!(timed_out(&result.unwrap_err()).deadline, Deadline::Stall);
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
async fn the_total_deadline_of_a_turn_that_waits_for_an_approval_holds() {
    let (codex, mut peer, thread) = thread().await;
    let begun = Instant::now();
    let run = thread.run("go").stall_timeout(MINUTE).timeout(5 * MINUTE);
    let run = begin(run.into_future()).await;
    accept(&mut peer, "1").await;
    active(&mut peer, &["waitingOnApproval"]).await;
    let (result, ()) = tokio::join!(run, interrupt(&mut peer, "1"));
    assert_eq!(begun.elapsed().as_secs(), 300);
    assert_eq!(timed_out(&result.unwrap_err()).deadline, Deadline::Total);
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

fn goal(status: &str) -> Value {
    json!({
        "threadId": "t", "objective": "Count.", "status": status, "tokensUsed": 0,
        "timeUsedSeconds": 0, "createdAt": shapes::NOW, "updatedAt": shapes::NOW,
    })
}

async fn goal_is(peer: &mut Peer, status: &str) {
    let params = json!({ "threadId": "t", "turnId": null, "goal": goal(status) });
    peer.notify("thread/goal/updated", params).await;
}

/// Answers the requests that set a goal.
async fn accept_goal(peer: &mut Peer) {
    let read = peer.expect_request("thread/read").await;
    let thread = json!({ "thread": shapes::thread("t") });
    peer.reply(&read.id, thread).await;
    let clear = peer.expect_request("thread/goal/clear").await;
    peer.reply(&clear.id, json!({ "cleared": true })).await;
    let set = peer.expect_request("thread/goal/set").await;
    peer.reply(&set.id, json!({ "goal": goal("active") })).await;
    goal_is(peer, "active").await;
}

/// Takes the pause of a goal.
async fn pause(peer: &mut Peer) {
    let pause = peer.expect_request("thread/goal/set").await;
    assert_eq!(pause.params["status"], "paused");
    goal_is(peer, "paused").await;
    peer.reply(&pause.id, json!({ "goal": goal("paused") }))
        .await;
}

#[tokio::test(start_paused = true)]
async fn a_goal_that_stalls_is_paused_and_its_turn_interrupted() {
    let (codex, mut peer, thread) = thread().await;
    let run = begin(thread.goal("Count.").stall_timeout(MINUTE).run()).await;
    let begun = Instant::now();
    let serve = async {
        accept_goal(&mut peer).await;
        peer.turn("t", "1").started().await;
        let request = peer.expect_request("turn/interrupt").await;
        peer.reply(&request.id, json!({})).await;
        pause(&mut peer).await;
        peer.turn("t", "1").completed("interrupted").await;
    };
    let (result, ()) = tokio::join!(run, serve);
    assert_eq!(begun.elapsed().as_secs(), 60);
    let error = result.unwrap_err();
    assert!(timed_out(&error).interrupted);
    assert_eq!(error.partial_result().unwrap().id, "1");
    is_usable(&codex, &mut peer, &thread).await;
}

#[tokio::test(start_paused = true)]
async fn a_goal_that_stalls_between_two_turns_is_paused() {
    let (codex, mut peer, thread) = thread().await;
    let goal = thread.goal("Count.").timeout(MINUTE).into_future();
    let (goal, ()) = tokio::join!(goal, async {
        accept_goal(&mut peer).await;
        peer.turn("t", "1").started().await;
    });
    peer.turn("t", "1").completed("completed").await;
    let (result, ()) = tokio::join!(goal.unwrap().run(), pause(&mut peer));
    let error = result.unwrap_err();
    assert!(timed_out(&error).interrupted);
    is_usable(&codex, &mut peer, &thread).await;
}

#[tokio::test(start_paused = true)]
async fn a_goal_that_isnt_set_in_time_doesnt_stall() {
    let (codex, mut peer, thread) = thread().await;
    let begun = Instant::now();
    let error = thread.goal("Count.").timeout(MINUTE / 2).run();
    let error = error.await.unwrap_err();
    assert_eq!(begun.elapsed().as_secs(), 30);
    assert_eq!(timed_out(&error).deadline, Deadline::Total);
    let read = peer.expect_request("thread/read").await;
    let reply = json!({ "thread": shapes::thread("t") });
    peer.reply(&read.id, reply).await;
    is_usable(&codex, &mut peer, &thread).await;
}

/// Takes the question whether the thread runs something.
async fn says(peer: &mut Peer, status: Value) {
    let read = peer.expect_request("thread/read").await;
    assert_eq!(read.params["threadId"], "t");
    let mut thread = shapes::thread("t");
    thread["status"] = status;
    peer.reply(&read.id, json!({ "thread": thread })).await;
}

fn stored(id: &str, status: &str, items: &[Value]) -> Value {
    let mut turn = shapes::turn(id, status);
    turn["items"] = items.into();
    turn["itemsView"] = "full".into();
    turn
}

/// Takes the question for the stored turns.
async fn lists(peer: &mut Peer, turns: &[Value]) {
    let list = peer.expect_request("thread/turns/list").await;
    let expected =
        json!({ "threadId": "t", "limit": 2, "sortDirection": "desc", "itemsView": "full" });
    assert_eq!(list.params, expected);
    let page = json!({ "data": turns, "nextCursor": null, "backwardsCursor": null });
    peer.reply(&list.id, page).await;
}

#[tokio::test(start_paused = true)]
async fn a_turn_whose_end_was_missed_is_read_and_doesnt_stall() {
    for idle_status in ["idle", "systemError", "notLoaded"] {
        let (codex, mut peer, thread, mut turn) = talking().await;
        let begun = Instant::now();
        status(&mut peer, json!({ "type": idle_status })).await;
        let answer = async {
            says(&mut peer, json!({ "type": idle_status })).await;
            let items = [
                shapes::user_message("a", "go"),
                shapes::agent_message("b", "as stored"),
                shapes::agent_message("c", "whole"),
            ];
            let other = stored("0", "completed", &[shapes::agent_message("z", "")]);
            lists(&mut peer, &[stored("1", "completed", &items), other]).await;
        };
        let read = async {
            let mut methods = Vec::new();
            while let Some(event) = turn.next().await {
                methods.push(event.unwrap().method().to_owned());
            }
            (methods, turn.run().await.unwrap())
        };
        let ((methods, result), ()) = tokio::join!(read, answer);
        assert_eq!(begun.elapsed().as_secs(), 2);
        assert_eq!(
            methods,
            ["turn/started", "item/completed", "turn/completed"]
        );
        assert_eq!(result.status, TurnStatus::Completed);
        assert_eq!(ids(&result.items), ["a", "b", "c"]);
        assert_eq!(result.final_response.as_deref(), Some("whole"));
        let ThreadItem::AgentMessage(message) = &result.items[1] else {
            panic!("{:?}", result.items);
        };
        assert_eq!(message.text, "part");
        idle(&codex).await;

        // The real end, late, is nobody's.
        let mut of_thread = thread.notifications();
        peer.turn("t", "1").completed("completed").await;
        let late = of_thread.next().await.unwrap().unwrap();
        assert_eq!(late.method(), "turn/completed");
        is_usable(&codex, &mut peer, &thread).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_missed_end_gives_a_joiner_nothing_from_before_and_doesnt_stall() {
    let (codex, mut peer, thread, first) = talking().await;
    settle(&codex, &mut peer).await;
    let second = begin(thread.run("and this").into_future()).await;
    let request = peer.expect_request("turn/start").await;
    let reply = shapes::turn_start_response("1");
    peer.reply(&request.id, reply).await;
    let item = shapes::agent_message("c", "heard");
    peer.turn("t", "1").item_completed(item).await;
    status(&mut peer, json!({ "type": "idle" })).await;
    let answer = async {
        says(&mut peer, json!({ "type": "idle" })).await;
        let items = ["a", "b", "c", "d"].map(|id| shapes::agent_message(id, id));
        lists(&mut peer, &[stored("1", "completed", &items)]).await;
    };
    let (first, second, ()) = tokio::join!(first.run(), second, answer);
    assert_eq!(ids(&first.unwrap().items), ["a", "b", "c", "d"]);
    assert_eq!(ids(&second.unwrap().items), ["c", "d"]);
    is_usable(&codex, &mut peer, &thread).await;
}

#[tokio::test(start_paused = true)]
async fn a_missed_failure_is_read_from_a_runtime_without_pages_and_doesnt_stall() {
    let (codex, mut peer, thread, turn) = talking().await;
    status(&mut peer, json!({ "type": "systemError" })).await;
    let answer = async {
        says(&mut peer, json!({ "type": "systemError" })).await;
        let list = peer.expect_request("thread/turns/list").await;
        let message = "unknown variant `thread/turns/list`";
        peer.reply_error(&list.id, -32600, message, None).await;
        let read = peer.expect_request("thread/read").await;
        let expected = json!({ "threadId": "t", "includeTurns": true });
        assert_eq!(read.params, expected);
        let mut thread = shapes::thread("t");
        thread["turns"] = json!([stored("1", "failed", &[])]);
        peer.reply(&read.id, json!({ "thread": thread })).await;
    };
    let (result, ()) = tokio::join!(turn.run(), answer);
    let error = result.unwrap_err();
    assert!(matches!(error, Error::TurnFailed(_)), "{error:?}");
    is_usable(&codex, &mut peer, &thread).await;
}

/// The cause of a turn without an end.
fn lost(error: &Error) -> Option<&Error> {
    let Error::TurnIncomplete(incomplete) = error else {
        panic!("{error:?}");
    };
    match incomplete.source.as_ref().unwrap() {
        Error::TurnLost {
            thread_id,
            turn_id,
            source,
            ..
        } => {
            assert_eq!((&**thread_id, &**turn_id), ("t", "1"));
            source.as_deref()
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_turn_whose_end_cant_be_read_is_incomplete_and_doesnt_stall() {
    let (codex, mut peer, thread, turn) = talking().await;
    status(&mut peer, json!({ "type": "idle" })).await;
    let answer = async {
        says(&mut peer, json!({ "type": "idle" })).await;
        let message = "ephemeral threads do not support thread/turns/list";
        let list = peer.expect_request("thread/turns/list").await;
        peer.reply_error(&list.id, -32600, message, None).await;
        let read = peer.expect_request("thread/read").await;
        peer.reply_error(&read.id, -32600, "neither", None).await;
    };
    let (result, ()) = tokio::join!(turn.run(), answer);
    let error = result.unwrap_err();
    assert_eq!(ids(&error.partial_result().unwrap().items), ["b"]);
    let refusal = lost(&error).unwrap().rpc().unwrap();
    assert!(refusal.message.starts_with("ephemeral"), "{refusal}");
    is_usable(&codex, &mut peer, &thread).await;
}

#[tokio::test(start_paused = true)]
async fn a_turn_that_the_runtime_doesnt_know_is_incomplete_and_doesnt_stall() {
    let (codex, mut peer, thread, turn) = talking().await;
    status(&mut peer, json!({ "type": "idle" })).await;
    let answer = async {
        says(&mut peer, json!({ "type": "idle" })).await;
        lists(&mut peer, &[stored("0", "completed", &[])]).await;
    };
    let (result, ()) = tokio::join!(turn.run(), answer);
    assert!(lost(&result.unwrap_err()).is_none());
    is_usable(&codex, &mut peer, &thread).await;
}

#[tokio::test(start_paused = true)]
async fn an_idle_runtime_that_answers_nothing_ends_a_turn_and_doesnt_stall() {
    let (codex, mut peer, thread, turn) = talking().await;
    let begun = Instant::now();
    status(&mut peer, json!({ "type": "idle" })).await;
    let error = turn.run().await.unwrap_err();
    assert_eq!(begun.elapsed().as_secs(), 2 + 10 + 10);
    assert!(lost(&error).unwrap().is_timeout());
    peer.expect_request("thread/read").await;
    peer.expect_request("thread/turns/list").await;
    is_usable(&codex, &mut peer, &thread).await;
}

#[tokio::test(start_paused = true)]
async fn nothing_is_read_when_the_end_of_a_turn_follows_and_nothing_stalls() {
    let (codex, mut peer, thread, turn) = talking().await;
    status(&mut peer, json!({ "type": "idle" })).await;
    sleep(SECOND).await;
    peer.turn("t", "1").completed("completed").await;
    turn.run().await.unwrap();
    sleep(MINUTE).await;
    // The next that is sent is this.
    is_usable(&codex, &mut peer, &thread).await;
}

#[tokio::test(start_paused = true)]
async fn a_turn_that_runs_on_is_left_alone_and_looked_at_once_at_a_time() {
    let (codex, mut peer, thread, turn) = talking().await;
    // Active again, before anyone asked.
    status(&mut peer, json!({ "type": "idle" })).await;
    active(&mut peer, &[]).await;
    sleep(MINUTE).await;
    settle(&codex, &mut peer).await;

    // Idle again and again: one question.
    for _ in 0..3 {
        status(&mut peer, json!({ "type": "idle" })).await;
    }
    says(&mut peer, json!({ "type": "active", "activeFlags": [] })).await;
    sleep(MINUTE).await;
    settle(&codex, &mut peer).await;

    // The runtime has it as running.
    status(&mut peer, json!({ "type": "idle" })).await;
    says(&mut peer, json!({ "type": "idle" })).await;
    lists(&mut peer, &[stored("1", "inProgress", &[])]).await;
    settle(&codex, &mut peer).await;

    // It ends while it is being looked up.
    status(&mut peer, json!({ "type": "idle" })).await;
    says(&mut peer, json!({ "type": "idle" })).await;
    let list = peer.expect_request("thread/turns/list").await;
    peer.turn("t", "1").completed("completed").await;
    let data = [stored("1", "failed", &[])];
    let mut of_thread = thread.notifications();
    peer.reply(&list.id, json!({ "data": data })).await;
    let result = turn.run().await.unwrap();
    assert_eq!(result.status, TurnStatus::Completed);
    settle(&codex, &mut peer).await;
    let more = tokio::time::timeout(MINUTE, of_thread.next()).await;
    assert!(more.is_err(), "{more:?}");
    is_usable(&codex, &mut peer, &thread).await;
}

#[tokio::test(start_paused = true)]
async fn a_missed_end_of_a_turn_without_handles_leaves_the_tables_and_doesnt_stall() {
    let (codex, mut peer, thread, turn) = talking().await;
    drop(turn);
    let mut of_thread = thread.notifications();
    status(&mut peer, json!({ "type": "idle" })).await;
    says(&mut peer, json!({ "type": "idle" })).await;
    lists(&mut peer, &[stored("1", "completed", &[])]).await;
    while of_thread.next().await.unwrap().unwrap().method() != "turn/completed" {}
    idle(&codex).await;
}
