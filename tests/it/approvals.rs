//! Approval settings and sandboxes: what the runtime has of them, and how long they stay.

use codex_e2e::Stage;
use codex_sdk::{
    ApprovalMode, Codex, Sandbox,
    types::{
        ApprovalsReviewer, AskForApproval, CommandExecutionApprovalDecision, SandboxPolicy,
        SandboxPolicyReadOnly, SandboxPolicyWorkspaceWrite, ThreadResumeParams,
        ThreadResumeResponse,
    },
};
use codex_testkit::Reply;

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

#[tokio::test]
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

#[tokio::test]
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
#[tokio::test]
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

#[tokio::test]
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

#[tokio::test]
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
