//! Presets for what a thread or a turn may do.

use std::path::PathBuf;

use codex_types::{
    ApprovalsReviewer, AskForApproval, SandboxMode, SandboxPolicy, SandboxPolicyReadOnly,
    SandboxPolicyWorkspaceWrite,
};
use serde_json::{Value, json};

use crate::error::{Error, Result};
use crate::paths::absolute;

/// Who decides when the model wants to do more than its sandbox allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ApprovalMode {
    /// Nobody is asked and nothing is granted (policy `never`).
    DenyAll,
    /// This program is asked (policy `on-request`, reviewer `user`).
    Ask,
    /// A *model* decides, and may grant without asking this program (policy `on-request`, reviewer
    /// `auto_review`).
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

/// What commands may reach. Given to a new thread or to a turn, it is complete: what `sandbox_workspace_write`
/// opens in the runtime's configuration stays closed, and so does what an earlier sandbox of the thread opened.
///
/// If a thread began without a sandbox, or with roots of its own, its writable roots stay writable in two
/// cases: [`Thread::update`](crate::Thread::update) can't take them away, and neither can a turn without the
/// [experimental part](crate::CodexBuilder::experimental_api) of the protocol.
///
/// For a more detailed sandbox, use [`workspace_write`](Self::workspace_write) or
/// [`read_only`](Self::read_only); either is accepted wherever a `Sandbox` is.
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
    /// Starts from [`Sandbox::WorkspaceWrite`], to widen or narrow it.
    ///
    /// ```no_run
    /// # async fn example(codex: codex_sdk::Codex) -> codex_sdk::Result<()> {
    /// use codex_sdk::Sandbox;
    ///
    /// let sandbox = Sandbox::workspace_write().writable_root("/srv/build").network(true);
    /// let thread = codex.thread_start().cwd("/srv/project").sandbox(sandbox).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn workspace_write() -> SandboxRules {
        Self::WorkspaceWrite.into()
    }

    /// Starts from [`Sandbox::ReadOnly`], to widen it.
    pub fn read_only() -> SandboxRules {
        Self::ReadOnly.into()
    }
}

/// What commands may reach, in detail, from [`Sandbox::workspace_write`] and [`Sandbox::read_only`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub struct SandboxRules {
    base: Sandbox,
    network: bool,
    writable_roots: Vec<PathBuf>,
    temporary_folders: bool,
}

impl From<Sandbox> for SandboxRules {
    fn from(base: Sandbox) -> Self {
        Self {
            base,
            network: false,
            writable_roots: Vec::new(),
            temporary_folders: true,
        }
    }
}

impl SandboxRules {
    /// Also lets commands write below this folder, an absolute path. What Codex protects within a root, such as
    /// a `.git`, stays protected. Only with [`Sandbox::workspace_write`].
    pub fn writable_root(mut self, folder: impl Into<PathBuf>) -> Self {
        self.writable_roots.push(folder.into());
        self
    }

    /// Whether commands have network access. Default: no. A thread can have it only with
    /// [`Sandbox::workspace_write`]; a turn, and [`Thread::update`](crate::Thread::update), with
    /// [`Sandbox::read_only`] too.
    pub fn network(mut self, network: bool) -> Self {
        self.network = network;
        self
    }

    /// Whether commands may write to the temporary folders, `/tmp` and the one in `TMPDIR`. Default: yes, with
    /// [`Sandbox::workspace_write`].
    pub fn temporary_folders(mut self, writable: bool) -> Self {
        self.temporary_folders = writable;
        self
    }

    /// Whether commands may write to some folders.
    pub(crate) fn writes(&self) -> bool {
        self.base == Sandbox::WorkspaceWrite
    }

    /// The rules as a turn takes them.
    pub(crate) fn policy(self) -> Result<SandboxPolicy> {
        let roots = self.roots()?;
        Ok(match self.base {
            Sandbox::ReadOnly => SandboxPolicy::ReadOnly(SandboxPolicyReadOnly {
                network_access: self.network,
            }),
            Sandbox::WorkspaceWrite => SandboxPolicy::WorkspaceWrite(SandboxPolicyWorkspaceWrite {
                exclude_slash_tmp: !self.temporary_folders,
                exclude_tmpdir_env_var: !self.temporary_folders,
                network_access: self.network,
                writable_roots: roots.into_iter().map(Into::into).collect(),
            }),
            Sandbox::FullAccess => SandboxPolicy::DangerFullAccess,
        })
    }

    /// The rules as a thread takes them: a mode, and what goes into its configuration under [`CONFIG_KEY`].
    pub(crate) fn mode(self) -> Result<(SandboxMode, Value)> {
        let roots = self.roots()?;
        let mode = match self.base {
            Sandbox::ReadOnly if self.network => {
                let problem = "a thread can't be started with a read-only sandbox that has the network: give it \
                    to the turn, or to `Thread::update`";
                return Err(Error::InvalidInput(problem.to_owned()));
            }
            Sandbox::ReadOnly => SandboxMode::ReadOnly,
            Sandbox::WorkspaceWrite => SandboxMode::WorkspaceWrite,
            Sandbox::FullAccess => SandboxMode::DangerFullAccess,
        };
        // Write defaults too: where a key is absent, the user's configuration decides. This also goes for a
        // sandbox that doesn't write: the thread keeps its roots for one that does.
        let config = json!({
            "exclude_slash_tmp": !self.temporary_folders,
            "exclude_tmpdir_env_var": !self.temporary_folders,
            "network_access": self.network,
            "writable_roots": roots,
        });
        Ok((mode, config))
    }

    fn roots(&self) -> Result<Vec<String>> {
        if self.base == Sandbox::ReadOnly && !self.writable_roots.is_empty() {
            let problem =
                "a read-only sandbox has no writable root: begin with `Sandbox::workspace_write`";
            return Err(Error::InvalidInput(problem.to_owned()));
        }
        let roots = self.writable_roots.iter();
        roots.cloned().map(absolute).collect()
    }
}

/// The configuration key for what a writing sandbox may do.
pub(crate) const CONFIG_KEY: &str = "sandbox_workspace_write";

/// Writes the permission setters of a builder that has a field `sandbox`.
macro_rules! permission_setters {
    () => {
        /// Who decides on approvals.
        pub fn approval_mode(mut self, mode: ApprovalMode) -> Self {
            let (policy, reviewer) = mode.wire();
            self.params.approval_policy = Some(policy);
            self.params.approvals_reviewer = reviewer;
            self
        }

        /// What commands may reach: a [`Sandbox`](crate::Sandbox), or one with
        /// [`SandboxRules`](crate::SandboxRules).
        pub fn sandbox(mut self, sandbox: impl Into<SandboxRules>) -> Self {
            self.sandbox = Some(sandbox.into());
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
