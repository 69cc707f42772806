//! Approval settings and sandboxes: what the runtime has of them, and how long they stay.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use codex_e2e::Stage;
use codex_sdk::types::{
    ApprovalsReviewer, AskForApproval, CommandExecutionApprovalDecision, CommandExecutionStatus,
    SandboxPolicy, SandboxPolicyReadOnly, SandboxPolicyWorkspaceWrite, ThreadItem,
    ThreadResumeParams, ThreadResumeResponse,
};
use codex_sdk::{ApprovalMode, Codex, Sandbox};
use codex_testkit::Reply;
use serde_json::json;

const DENIED: (AskForApproval, ApprovalsReviewer) =
    (AskForApproval::Never, ApprovalsReviewer::User);
const ASKING: (AskForApproval, ApprovalsReviewer) =
    (AskForApproval::OnRequest, ApprovalsReviewer::User);
const REVIEWED: (AskForApproval, ApprovalsReviewer) =
    (AskForApproval::OnRequest, ApprovalsReviewer::AutoReview);

/// A client whose home says `on-request`, so that a refusal comes from the SDK.
async fn client() -> (Stage, Codex) {
    let stage = Stage::with(|home| {
        home.model_name("gpt-5.5")
            .approval_policy("on-request")
            .sandbox_mode("read-only")
    });
    let stage = stage.await.unwrap();
    stage.model.default_reply(Reply::text("yes"));
    let codex = stage.start().await.unwrap();
    (stage, codex)
}

/// What the runtime says of a thread when nothing is changed.
async fn resumed(codex: &Codex, thread_id: &str) -> ThreadResumeResponse {
    let mut params = ThreadResumeParams::new(thread_id);
    params.exclude_turns = Some(true);
    codex.request(params).await.unwrap()
}

async fn settings(codex: &Codex, thread_id: &str) -> (AskForApproval, ApprovalsReviewer) {
    let resumed = resumed(codex, thread_id).await;
    (resumed.approval_policy, resumed.approvals_reviewer)
}

#[codex_e2e_macros::test]
async fn parity_7_146_nothing_is_approved_on_a_new_thread_unless_a_mode_says_so() {
    let (_stage, codex) = client().await;
    let modes = [
        (None, DENIED),
        (Some(ApprovalMode::DenyAll), DENIED),
        (Some(ApprovalMode::Ask), ASKING),
        (Some(ApprovalMode::AutoReview), REVIEWED),
    ];
    for (mode, expected) in modes {
        let start = codex.thread_start();
        let start = match mode {
            Some(mode) => start.approval_mode(mode),
            None => start,
        };
        let thread = start.await.unwrap();
        thread.run("hello").await.unwrap();
        assert_eq!(settings(&codex, thread.id()).await, expected, "{mode:?}");
    }
}

#[codex_e2e_macros::test]
async fn parity_1_2_3_117_a_policy_survives_resume_and_fork_unless_it_is_set() {
    let (_stage, codex) = client().await;
    let mode = ApprovalMode::DenyAll;
    let denied = codex.thread_start().approval_mode(mode).await.unwrap();
    denied.run("hello").await.unwrap();
    let resumed = codex.thread_resume(denied.id()).include_turns(false);
    let resumed = resumed.await.unwrap();
    assert_eq!(settings(&codex, resumed.id()).await, DENIED);

    let fork = codex.thread_fork(denied.id()).include_turns(false);
    let fork = fork.await.unwrap();
    assert_ne!(fork.id(), denied.id());
    assert_eq!(settings(&codex, fork.id()).await, DENIED);
    let reviewed = codex.thread_fork(denied.id()).include_turns(false);
    let reviewed = reviewed.approval_mode(ApprovalMode::AutoReview);
    let reviewed = reviewed.await.unwrap();
    assert_eq!(settings(&codex, reviewed.id()).await, REVIEWED);

    let asking = codex.thread_start().approval_mode(ApprovalMode::Ask);
    let asking = asking.await.unwrap();
    asking.run("hello").await.unwrap();
    let fork = codex.thread_fork(asking.id()).include_turns(false);
    let fork = fork.approval_mode(mode).await.unwrap();
    assert_eq!(settings(&codex, fork.id()).await, DENIED);
    assert_eq!(settings(&codex, asking.id()).await, ASKING);
}

/// As one that the official Python SDK began, whose default this mode is.
#[codex_e2e_macros::test]
async fn a_stored_thread_whose_approvals_a_model_decides_keeps_that_unless_a_mode_is_set() {
    let (stage, codex) = client().await;
    let thread = codex.thread_start().approval_mode(ApprovalMode::AutoReview);
    let thread = thread.await.unwrap();
    thread.run("hello").await.unwrap();
    codex.close().await.unwrap();

    let asks = stage
        .builder()
        .on_command_approval(|_context, _params| async {
            Ok(CommandExecutionApprovalDecision::Decline)
        });
    let codex = asks.start().await.unwrap();
    codex.thread_resume(thread.id()).await.unwrap();
    assert_eq!(settings(&codex, thread.id()).await, REVIEWED);
    // One that is loaded isn't changed by resuming it, but by a turn.
    let set = codex.thread_resume(thread.id());
    set.approval_mode(ApprovalMode::Ask).await.unwrap();
    assert_eq!(settings(&codex, thread.id()).await, REVIEWED);
    codex.close().await.unwrap();

    let codex = stage.start().await.unwrap();
    let set = codex.thread_resume(thread.id());
    set.approval_mode(ApprovalMode::Ask).await.unwrap();
    assert_eq!(settings(&codex, thread.id()).await, ASKING);
}

#[codex_e2e_macros::test]
async fn parity_4_5_6_the_mode_of_a_turn_stays_and_a_turn_without_one_changes_nothing() {
    let (_stage, codex) = client().await;
    let thread = codex.thread_start().approval_mode(ApprovalMode::Ask);
    let thread = thread.await.unwrap();
    let turns = [
        (None, ASKING),
        (Some(ApprovalMode::DenyAll), DENIED),
        (None, DENIED),
        (Some(ApprovalMode::AutoReview), REVIEWED),
        (None, REVIEWED),
        (Some(ApprovalMode::Ask), ASKING),
    ];
    for (mode, expected) in turns {
        let run = thread.run("hello");
        let run = match mode {
            Some(mode) => run.approval_mode(mode),
            None => run,
        };
        run.await.unwrap();
        assert_eq!(settings(&codex, thread.id()).await, expected, "{mode:?}");
    }
}

#[codex_e2e_macros::test]
async fn parity_146_a_sandbox_holds_for_its_thread_until_a_turn_sets_another() {
    let (_stage, codex) = client().await;
    let sandboxes = [
        (
            Sandbox::ReadOnly,
            SandboxPolicy::ReadOnly(SandboxPolicyReadOnly::default()),
        ),
        (
            Sandbox::WorkspaceWrite,
            SandboxPolicy::WorkspaceWrite(SandboxPolicyWorkspaceWrite::default()),
        ),
        (Sandbox::FullAccess, SandboxPolicy::DangerFullAccess),
    ];
    for (sandbox, expected) in &sandboxes {
        let thread = codex.thread_start().sandbox(*sandbox).await.unwrap();
        thread.run("hello").await.unwrap();
        assert_eq!(resumed(&codex, thread.id()).await.sandbox, *expected);
    }
    let thread = codex.thread_start().await.unwrap();
    for (sandbox, expected) in &sandboxes {
        thread.run("set").sandbox(*sandbox).await.unwrap();
        thread.run("keep").await.unwrap();
        assert_eq!(resumed(&codex, thread.id()).await.sandbox, *expected);
    }
}

/// A hook of the user's home is asked before the handler, and what it allows, nobody else is asked about.
#[cfg(unix)]
#[codex_e2e_macros::test]
async fn a_trusted_hook_approves_before_the_handler_and_not_with_deny_all() {
    let (stage, codex) = client().await;
    let allow = r#"{"hookSpecificOutput":{"hookEventName":"PermissionRequest","decision":{"behavior":"allow"}}}"#;
    let hook = crate::startup::script(&stage, &format!("cat > /dev/null; echo '{allow}'"));
    codex.close().await.unwrap();
    let config = format!(
        "[[hooks.PermissionRequest]]\nmatcher = '*'\n[[hooks.PermissionRequest.hooks]]\n\
         type = 'command'\ncommand = '{}'",
        hook.display()
    );
    stage.home.merge_config(&config).unwrap();
    let asked = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&asked);
    let builder = stage.builder().on_command_approval(move |_, _| {
        counter.fetch_add(1, Ordering::Relaxed);
        async { Ok(CommandExecutionApprovalDecision::Decline) }
    });
    let codex = stage.open(builder).await.unwrap();
    let command = json!({
        "cmd": "echo ran", "login": false,
        "sandbox_permissions": "require_escalated", "justification": "?",
    });
    // How the command ended, if it was begun, and how often the handler was asked until then.
    let run = async |mode| {
        let call = Reply::function_call("exec_command", command.to_string());
        stage.model.push(call);
        let thread = codex.thread_start().approval_mode(mode).await.unwrap();
        let result = thread.run("Run it.").await.unwrap();
        let statuses = result.items.into_iter().filter_map(|item| match item {
            ThreadItem::CommandExecution(command) => Some(command.status),
            _ => None,
        });
        (statuses.collect::<Vec<_>>(), asked.load(Ordering::Relaxed))
    };
    // The hook isn't trusted yet.
    let declined = vec![CommandExecutionStatus::Declined];
    assert_eq!(run(ApprovalMode::Ask).await, (declined, 1));

    let listed = codex.request_raw("hooks/list", json!({ "cwds": [stage.home.workspace()] }));
    let hook = listed.await.unwrap()["data"][0]["hooks"][0].take();
    let key = hook["key"].as_str().unwrap();
    let trust = json!({ key: { "trusted_hash": hook["currentHash"], "enabled": true } });
    let edit = json!({ "keyPath": "hooks.state", "mergeStrategy": "upsert", "value": trust });
    let write = codex.request_raw("config/batchWrite", json!({ "edits": [edit] }));
    write.await.unwrap();
    let completed = vec![CommandExecutionStatus::Completed];
    assert_eq!(run(ApprovalMode::Ask).await, (completed, 1));
    assert_eq!(run(ApprovalMode::DenyAll).await, (vec![], 1));
}
