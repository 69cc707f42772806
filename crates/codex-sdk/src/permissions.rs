//! Presets for what a thread or a turn may do.

use codex_types::{
    ApprovalsReviewer, AskForApproval, SandboxMode, SandboxPolicy, SandboxPolicyReadOnly,
    SandboxPolicyWorkspaceWrite,
};

/// Who decides when the model wants to do more than its sandbox allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ApprovalMode {
    /// Nobody is asked and nothing is granted (policy `never`).
    DenyAll,
    /// This program is asked (policy `on-request`, reviewer `user`).
    Ask,
    /// A *model* decides, and may grant, without this program being asked (policy `on-request`,
    /// reviewer `auto_review`).
    AutoReview,
}

impl ApprovalMode {
    /// The wire values: a policy, and a reviewer where the mode names one.
    pub(crate) fn wire(self) -> (AskForApproval, Option<ApprovalsReviewer>) {
        match self {
            Self::DenyAll => (AskForApproval::Never, None),
            Self::Ask => (AskForApproval::OnRequest, Some(ApprovalsReviewer::User)),
            Self::AutoReview => {
                let reviewer = ApprovalsReviewer::AutoReview;
                (AskForApproval::OnRequest, Some(reviewer))
            }
        }
    }
}

/// What commands may reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Sandbox {
    /// Reads anything, writes nothing, has no network.
    ReadOnly,
    /// Writes below the working folder and the temporary folders, has no network.
    WorkspaceWrite,
    /// No sandbox at all.
    FullAccess,
}

impl Sandbox {
    pub(crate) fn mode(self) -> SandboxMode {
        match self {
            Self::ReadOnly => SandboxMode::ReadOnly,
            Self::WorkspaceWrite => SandboxMode::WorkspaceWrite,
            Self::FullAccess => SandboxMode::DangerFullAccess,
        }
    }

    pub(crate) fn policy(self) -> SandboxPolicy {
        match self {
            Self::ReadOnly => SandboxPolicy::ReadOnly(SandboxPolicyReadOnly::default()),
            Self::WorkspaceWrite => {
                SandboxPolicy::WorkspaceWrite(SandboxPolicyWorkspaceWrite::default())
            }
            Self::FullAccess => SandboxPolicy::DangerFullAccess,
        }
    }
}

/// Writes the permission setters of a builder, whose `params` have the sandbox in `$field` as what
/// `$convert` makes of it.
macro_rules! permission_setters {
    ($field:ident from $convert:ident) => {
        /// Who decides on approvals.
        pub fn approval_mode(mut self, mode: ApprovalMode) -> Self {
            let (policy, reviewer) = mode.wire();
            self.params.approval_policy = Some(policy);
            self.params.approvals_reviewer = reviewer;
            self
        }

        /// What commands may reach.
        pub fn sandbox(mut self, sandbox: Sandbox) -> Self {
            self.params.$field = Some(sandbox.$convert());
            self
        }

        setters! {
            /// The raw approval policy; [`Self::approval_mode`] sets it and the reviewer.
            approval_policy: codex_types::AskForApproval => params.approval_policy;
            /// The raw reviewer of approvals; [`Self::approval_mode`] sets it and the policy.
            approvals_reviewer: codex_types::ApprovalsReviewer => params.approvals_reviewer;
        }
    };
}

pub(crate) use permission_setters;
