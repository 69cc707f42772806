//! Codex's own review of changes.

use std::future::IntoFuture;
use std::sync::Arc;

use codex_types::{ClientMethod, ReviewStartParams, ReviewTarget};
use tracing::{Instrument, Span};

use crate::call::Call;
use crate::codex::compat;
use crate::codex::inner::CodexInner;
use crate::connection::spans;
use crate::error::Result;
use crate::results::TurnResult;
use crate::setters::debug_shows;
use crate::turn::handle::TurnHandle;
use crate::turn::limits::{Limits, limit_setters};
use crate::turn::running::RunningTurn;

/// The first release that reports which turn a review runs in.
const ROOT_TURN: &str = "0.162.0";

/// Options for a review (`review/start`), from [`Thread::review`](crate::Thread::review).
///
/// Awaiting this returns the [`TurnHandle`] of the reviewing turn; [`Self::run`] returns its result, whose
/// `final_response` is the review as text. The errors are those of [`Thread::turn`](crate::Thread::turn), and
/// [`Error::ThreadBusy`](crate::Error::ThreadBusy) while any turn of this client runs on the thread. Needs
/// Codex 0.162.0.
///
/// A review has deadlines but no budgets: the runtime doesn't report its usage, so its
/// [`turn_usage`](TurnResult::turn_usage) is `None`.
///
/// # Cancel safety
/// Once sent, dropping this call leaves the review running; dropping the call of [`Self::run`] interrupts it.
#[must_use = "a review is started when this is awaited"]
pub struct StartReview {
    codex: Arc<CodexInner>,
    thread_id: Arc<str>,
    /// The thread's span.
    span: Span,
    target: ReviewTarget,
    limits: Limits,
}

impl StartReview {
    pub(crate) fn new(
        codex: Arc<CodexInner>,
        thread_id: Arc<str>,
        span: Span,
        target: ReviewTarget,
    ) -> Self {
        Self {
            codex,
            thread_id,
            span,
            target,
            limits: Limits::default(),
        }
    }

    limit_setters!();

    /// Runs the review to its end and returns everything that it produced.
    ///
    /// # Errors
    /// As for awaiting this, and [`Error::TurnFailed`](crate::Error::TurnFailed),
    /// [`Error::TurnTimeout`](crate::Error::TurnTimeout), [`Error::TurnIncomplete`](crate::Error::TurnIncomplete).
    ///
    /// # Cancel safety
    /// Dropping the call interrupts the review, unless another handle of this client is on it.
    pub fn run(self) -> Call<TurnResult> {
        Call::new(async move { self.start(true).await?.collect().await })
    }

    async fn start(self, interrupt: bool) -> Result<RunningTurn> {
        let version = &self.codex.metadata.server_version;
        compat::require(version, ReviewStartParams::METHOD, ROOT_TURN)?;
        let params = ReviewStartParams::new(self.target, &*self.thread_id);
        let (codex, limits) = (self.codex, self.limits);
        let span = spans::turn(&self.span, &self.thread_id);
        RunningTurn::start(codex, self.thread_id, &params, interrupt, limits)
            .instrument(span)
            .await
    }
}

impl IntoFuture for StartReview {
    type Output = Result<TurnHandle>;
    type IntoFuture = Call<TurnHandle>;

    fn into_future(self) -> Self::IntoFuture {
        Call::new(async move { Ok(TurnHandle::new(self.start(false).await?)) })
    }
}

debug_shows!(StartReview {
    thread_id: thread_id
});
