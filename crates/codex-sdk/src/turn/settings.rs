//! Settings for the rest of a turn, and for the turns to come.

use std::future::IntoFuture;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use codex_types::{
    ApprovalsReviewer, Personality, ReasoningEffort, ReasoningSummary, ThreadSettingsUpdateParams,
    TurnSettingsUpdateParams,
};

use crate::call::Call;
use crate::codex::inner::CodexInner;
use crate::error::Result;
use crate::paths::utf8;
use crate::permissions::{ApprovalMode, SandboxRules, permission_setters};
use crate::setters::{debug_shows, setters};

/// Settings for the rest of a running turn (`turn/settings/update`), from
/// [`TurnHandle::update`](crate::TurnHandle::update) and [`TurnControl::update`](crate::TurnControl::update).
/// They take effect with the next model call. The runtime's feature `step_model_switching` must be on.
///
/// # Errors
/// [`Error::Rpc`](crate::Error::Rpc), [`Error::Timeout`](crate::Error::Timeout),
/// [`Error::Closed`](crate::Error::Closed). After the end of the turn, it changes nothing and is not an error.
///
/// # Cancel safety
/// Once sent, the settings change.
#[must_use = "nothing changes until this is awaited"]
pub struct UpdateTurn {
    codex: Arc<CodexInner>,
    params: TurnSettingsUpdateParams,
}

impl UpdateTurn {
    pub(crate) fn new(codex: Arc<CodexInner>, params: TurnSettingsUpdateParams) -> Self {
        Self { codex, params }
    }

    setters! {
        /// The model.
        model: String => params.model;
        /// How hard the model thinks.
        effort: ReasoningEffort => params.effort;
        /// How the model's reasoning is summarised.
        summary: ReasoningSummary => params.summary;
        /// Who decides on approvals.
        approvals_reviewer: ApprovalsReviewer => params.approvals_reviewer;
    }

    /// The service tier; `default` is the standard speed.
    pub fn service_tier(mut self, service_tier: impl Into<String>) -> Self {
        self.params.service_tier = Some(Some(service_tier.into()));
        self
    }
}

impl IntoFuture for UpdateTurn {
    type Output = Result<()>;
    type IntoFuture = Call<()>;

    fn into_future(self) -> Self::IntoFuture {
        Call::new(async move { self.codex.request(&self.params, None).await.map(drop) })
    }
}

debug_shows!(UpdateTurn {
    thread_id: params.thread_id,
    turn_id: params.turn_id
});

/// Settings for a thread's turns that begin from now on (`thread/settings/update`), from
/// [`Thread::update`](crate::Thread::update). What isn't set stays unchanged.
///
/// # Errors
/// [`Error::InvalidInput`](crate::Error::InvalidInput), [`Error::Rpc`](crate::Error::Rpc),
/// [`Error::Timeout`](crate::Error::Timeout), [`Error::Closed`](crate::Error::Closed).
///
/// # Cancel safety
/// Once sent, the settings change.
#[must_use = "nothing changes until this is awaited"]
pub struct UpdateThread {
    codex: Arc<CodexInner>,
    params: ThreadSettingsUpdateParams,
    cwd: Option<PathBuf>,
    sandbox: Option<SandboxRules>,
}

impl UpdateThread {
    pub(crate) fn new(codex: Arc<CodexInner>, thread_id: &str) -> Self {
        Self {
            codex,
            params: ThreadSettingsUpdateParams::new(thread_id),
            cwd: None,
            sandbox: None,
        }
    }

    setters! {
        /// The model.
        model: String => params.model;
        /// How hard the model thinks.
        effort: ReasoningEffort => params.effort;
        /// How the model's reasoning is summarised.
        summary: ReasoningSummary => params.summary;
        /// The personality. The runtime's named ones no longer have any effect.
        personality: Personality => params.personality;
        /// The thread's working folder.
        cwd: PathBuf => cwd;
    }

    /// The service tier; `default` is the standard speed.
    pub fn service_tier(mut self, service_tier: impl Into<String>) -> Self {
        self.params.service_tier = Some(Some(service_tier.into()));
        self
    }

    permission_setters!();
}

impl IntoFuture for UpdateThread {
    type Output = Result<()>;
    type IntoFuture = Call<()>;

    fn into_future(mut self) -> Self::IntoFuture {
        Call::new(async move {
            self.params.cwd = self.cwd.map(utf8).transpose()?;
            self.params.sandbox_policy = self.sandbox.map(SandboxRules::policy).transpose()?;
            self.codex.request(&self.params, None).await?;
            // The notification may arrive after the next turn has started.
            if let Some(cwd) = &self.params.cwd {
                let mut router = self.codex.connection.router();
                router.moved(&self.params.thread_id, Path::new(cwd));
            }
            Ok(())
        })
    }
}

debug_shows!(UpdateThread {
    thread_id: params.thread_id
});
