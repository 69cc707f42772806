//! Approvals of commands and of changes of files, and the decisions about them.

use std::fs;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use codex_e2e::{Stage, is_idle};
use codex_sdk::types::{
    AskForApproval, CommandExecutionApprovalDecision as Command,
    CommandExecutionApprovalDecisionAcceptWithExecpolicyAmendment as Amended,
    CommandExecutionRequestApprovalParams as CommandApproval, FileChangeApprovalDecision as File,
    ThreadItem, TurnStatus,
};
use codex_sdk::{ApprovalMode, Codex, RequestContext, Sandbox, TurnResult};
use codex_testkit::Reply;
use serde_json::json;
use tokio::sync::Notify;

use crate::handlers::{MARK, command_status, stage, wants_to_write, was_written};

/// Runs a turn whose command needs an approval that is given so.
async fn decided(stage: &Stage, decision: Command) -> (Codex, TurnResult) {
    let codex = stage
        .builder()
        .on_command_approval(move |context: RequestContext, params| {
            let decision = decision.clone();
            async move {
                assert_eq!(context.item_id(), Some(&*params.item_id));
                assert!(matches!(
                    context.item(),
                    Some(ThreadItem::CommandExecution(_))
                ));
                // All of it, as the docs say who compare it: with the shell that runs it.
                let command = params.command.unwrap();
                let (shell, line) = command.split_once(' ').unwrap();
                assert_eq!(line, format!("-lc 'touch {MARK}'"));
                assert!(shell.starts_with('/'), "{shell}");
                Ok(decision)
            }
        })
        .start()
        .await
        .unwrap();
    let thread = codex.thread_start().await.unwrap();
    wants_to_write(stage);
    let result = thread.run("Leave a mark.").await.unwrap();
    (codex, result)
}

/// A client that gives every command this decision, and the number of times it was asked.
async fn counting(stage: &Stage, decision: Command) -> (Codex, Arc<AtomicUsize>) {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let codex = stage
        .open(stage.builder().on_command_approval(move |_, _| {
            count.fetch_add(1, Ordering::Relaxed);
            let decision = decision.clone();
            async { Ok(decision) }
        }))
        .await
        .unwrap();
    (codex, asked)
}

#[codex_e2e_macros::test]
async fn approval_of_a_command_runs_it() {
    let stage = stage().await;
    let (_codex, result) = decided(&stage, Command::Accept).await;
    assert_eq!(result.status, TurnStatus::Completed);
    assert_eq!(command_status(&result), Some("completed"));
    assert!(was_written(&stage));
}

#[codex_e2e_macros::test]
async fn approval_declined_keeps_the_command_from_running_and_the_turn_goes_on() {
    let stage = stage().await;
    let (_codex, result) = decided(&stage, Command::Decline).await;
    assert_eq!(result.status, TurnStatus::Completed);
    assert_eq!(command_status(&result), Some("declined"));
    assert_eq!(result.final_response.as_deref(), Some("Done."));
    assert!(!was_written(&stage));
    let requests = stage.model.requests();
    let output = requests[1].tool_output("touch").unwrap().to_string();
    assert!(output.contains("rejected"), "{output}");
}

#[codex_e2e_macros::test]
async fn approval_cancelled_interrupts_the_turn() {
    let stage = stage().await;
    let (codex, result) = decided(&stage, Command::Cancel).await;
    assert_eq!(result.status, TurnStatus::Interrupted);
    assert!(!was_written(&stage));
    assert!(is_idle(&codex), "{:?}", codex.stats());
}

#[codex_e2e_macros::test]
async fn approval_for_the_session_is_asked_once() {
    let stage = stage().await;
    let (codex, asked) = counting(&stage, Command::AcceptForSession).await;
    let thread = codex.thread_start().await.unwrap();
    for _ in 0..2 {
        wants_to_write(&stage);
        let result = thread.run("Leave a mark.").await.unwrap();
        assert_eq!(command_status(&result), Some("completed"));
    }
    assert_eq!(asked.load(Ordering::Relaxed), 1);
}

#[codex_e2e_macros::test]
async fn approval_with_an_amendment_allows_the_like_from_then_on() {
    let stage = stage().await;
    let codex = stage
        .open(
            stage
                .builder()
                .on_command_approval(|_, params: CommandApproval| async move {
                    let amendment = params
                        .proposed_execpolicy_amendment
                        .ok_or("none proposed")?;
                    let decision = Amended::new(amendment);
                    Ok(Command::AcceptWithExecpolicyAmendment(decision))
                }),
        )
        .await
        .unwrap();
    let thread = codex.thread_start().await.unwrap();
    wants_to_write(&stage);
    let result = thread.run("Leave a mark.").await.unwrap();
    assert_eq!(command_status(&result), Some("completed"));
    assert!(was_written(&stage));
    let rules = fs::read_dir(stage.home.path().join("rules")).unwrap();
    let rules = rules.map(|rule| fs::read_to_string(rule.unwrap().path()).unwrap());
    assert!(rules.collect::<String>().contains("touch"));
}

#[codex_e2e_macros::test]
async fn approval_that_is_still_thought_about_hinders_no_other_turn() {
    let stage = stage().await;
    let (asked, enough) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (is_asked, thought) = (Arc::clone(&asked), Arc::clone(&enough));
    let codex = stage
        .open(stage.builder().on_command_approval(move |_, _| {
            is_asked.notify_one();
            let thought = Arc::clone(&thought);
            async move {
                thought.notified().await;
                Ok(Command::Accept)
            }
        }))
        .await
        .unwrap();
    let thread = codex.thread_start().await.unwrap();
    wants_to_write(&stage);
    let slow = tokio::spawn(thread.run("Leave a mark.").into_future());
    asked.notified().await;
    for _ in 0..2 {
        let other = codex.thread_start().await.unwrap();
        stage.model.push(Reply::deltas(["a", "b", "c"]));
        let result = other.run("Spell.").timeout(Duration::from_secs(30));
        assert!(result.await.unwrap().final_response.is_some());
    }
    assert!(!slow.is_finished());
    enough.notify_one();
    let result = slow.await.unwrap().unwrap();
    assert_eq!(command_status(&result), Some("completed"));
}

#[codex_e2e_macros::test]
async fn approval_of_a_file_change_has_the_diff_in_hand() {
    for (decision, written) in [(File::Accept, true), (File::Decline, false)] {
        let stage = stage().await;
        let seen = Arc::new(Mutex::new(Vec::new()));
        let note = Arc::clone(&seen);
        let answer = decision.clone();
        let codex = stage
            .open(
                stage
                    .builder()
                    .on_file_change_approval(move |context: RequestContext, _| {
                        note.lock().unwrap().extend_from_slice(context.changes());
                        let answer = answer.clone();
                        async move { Ok(answer) }
                    }),
            )
            .await
            .unwrap();
        let thread = codex
            .thread_start()
            .sandbox(Sandbox::WorkspaceWrite)
            .approval_policy(AskForApproval::Untrusted)
            .await
            .unwrap();
        let patch = "*** Begin Patch\n*** Add File: new.txt\n+hello there\n*** End Patch";
        stage
            .model
            .push(Reply::custom_tool_call("apply_patch", patch));
        stage.model.push(Reply::text("Done."));
        let result = thread.run("Write.").await.unwrap();
        assert_eq!(result.status, TurnStatus::Completed);
        let file = stage.home.workspace().join("new.txt");
        assert_eq!(file.exists(), written);
        let changes = seen.lock().unwrap();
        assert_eq!(changes.len(), 1);
        assert!(changes[0].path.ends_with("new.txt"));
        assert!(changes[0].diff.contains("hello there"), "{:?}", changes[0]);
    }
}

#[codex_e2e_macros::test]
async fn approval_by_a_model_under_auto_review_asks_nobody() {
    let stage = stage().await;
    let (codex, asked) = counting(&stage, Command::Decline).await;
    let start = codex.thread_start().approval_mode(ApprovalMode::AutoReview);
    let thread = start.await.unwrap();
    let call = json!({
        "cmd": format!("touch {MARK}"), "sandbox_permissions": "require_escalated",
        "justification": "to leave a mark",
    });
    let verdict = json!({
        "risk_level": "low", "user_authorization": "high", "outcome": "allow", "rationale": "fine",
    });
    stage
        .model
        .push(Reply::function_call("exec_command", call.to_string()));
    stage.model.push(Reply::text(verdict.to_string()));
    stage.model.push(Reply::text("Done."));
    let result = thread.run("Leave a mark.").await.unwrap();
    assert_eq!(command_status(&result), Some("completed"));
    assert!(was_written(&stage));
    assert_eq!(asked.load(Ordering::Relaxed), 0);
}
