//! Turns that wait for the program or its user.

use std::time::Duration;

use codex_sdk::types::CommandExecutionApprovalDecision;
use codex_sdk::{Codex, Deadline, HandlerResult};
use codex_testkit::peer::shapes;
use serde_json::json;
use tokio::time::{Instant, sleep};

use crate::stall::{
    MINUTE, SECOND, accept, active, interrupt, is_usable, stalling, thread, thread_of, timed_out,
};
use crate::support::{begin, settle};
use crate::wakers::unless_stuck;

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
async fn a_turn_whose_sub_agent_waits_for_a_handler_doesnt_stall() {
    let thinking = Codex::builder().on_command_approval(|_, _| async {
        sleep(10 * MINUTE + 7 * SECOND).await;
        HandlerResult::Ok(CommandExecutionApprovalDecision::Accept)
    });
    let (codex, mut peer, thread) = thread_of(thinking).await;
    let run = begin(thread.run("go").stall_timeout(MINUTE).into_future()).await;
    accept(&mut peer, "1").await;
    // A child, and a child of that.
    for (id, parent) in [("c", "t"), ("d", "c")] {
        let mut child = shapes::thread(id);
        child["parentThreadId"] = json!(parent);
        let started = json!({ "thread": child });
        peer.notify("thread/started", started).await;
        peer.turn(id, "9").started().await;
    }
    settle(&codex, &mut peer).await;
    let begun = Instant::now();
    let approval = shapes::command_approval("d", "9", "item", "ls");
    let method = "item/commandExecution/requestApproval";
    peer.request(7, method, approval).await;
    let serve = async {
        peer.expect_response(7).await.unwrap();
        interrupt(&mut peer, "1").await;
        begun.elapsed()
    };
    let (result, ended) = tokio::join!(run, serve);
    // Counted from the answer.
    assert_eq!(ended.as_secs(), 11 * 60 + 7);
    assert_eq!(timed_out(&result.unwrap_err()).deadline, Deadline::Stall);
    // The sub-agents end with it.
    for _ in ["c", "d"] {
        let request = peer.expect_request("turn/interrupt").await;
        peer.reply(&request.id, json!({})).await;
        let id = request.params["threadId"].as_str().unwrap();
        peer.turn(id, "9").completed("interrupted").await;
    }
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

#[test]
fn a_deadline_of_nothing_lets_the_handler_answer() {
    unless_stuck(|| async {
        let thinking = Codex::builder().on_command_approval(|_, _| async {
            sleep(Duration::from_millis(100)).await;
            HandlerResult::Ok(CommandExecutionApprovalDecision::Accept)
        });
        let (codex, mut peer, thread) = thread_of(thinking).await;
        let run = begin(thread.run("go").stall_timeout(Duration::ZERO).into_future()).await;
        accept(&mut peer, "1").await;
        let approval = shapes::command_approval("t", "1", "item", "ls");
        let method = "item/commandExecution/requestApproval";
        peer.request(7, method, approval).await;
        settle(&codex, &mut peer).await;
        let serve = async {
            peer.expect_response(7).await.unwrap();
            interrupt(&mut peer, "1").await;
        };
        let (result, ()) = tokio::join!(run, serve);
        assert_eq!(timed_out(&result.unwrap_err()).deadline, Deadline::Stall);
    });
}
