//! How a turn is started.

use std::future::IntoFuture;
use std::marker::PhantomData;
use std::path::PathBuf;
use std::sync::Arc;

use codex_types::{Personality, ReasoningEffort, ReasoningSummary, TurnStartParams};
use serde_json::Value;
use tracing::{Instrument, Span};

use crate::call::Call;
use crate::codex::inner::CodexInner;
use crate::connection::spans;
use crate::error::Result;
use crate::permissions::{ApprovalMode, Sandbox, permission_setters};
use crate::results::TurnResult;
use crate::setters::{debug_shows, setters};
use crate::turn::deadline::{Deadlines, deadline_setters};
use crate::turn::handle::TurnHandle;
use crate::turn::input::{RunInput, utf8};

/// Options for a turn (`turn/start`), from [`Thread::run`](crate::Thread::run),
/// [`Thread::run_as`](crate::Thread::run_as) and [`Thread::turn`](crate::Thread::turn).
///
/// What isn't set stays as the thread has it. The model, the effort, the sandbox, the working folder
/// and the approval settings stay for the thread's later turns. On a thread whose turn is running they
/// have no effect: the input joins that turn. The errors are said at those methods.
///
/// # Cancel safety
/// Once it is sent, dropping the call interrupts the turn of a `run` and of a `run_as`, and leaves that of
/// a `turn` running.
#[must_use = "a turn is started when this is awaited"]
pub struct StartTurn<O> {
    codex: Arc<CodexInner>,
    thread_id: Arc<str>,
    /// The thread's.
    span: Span,
    input: RunInput,
    params: TurnStartParams,
    cwd: Option<PathBuf>,
    deadlines: Deadlines,
    output: PhantomData<fn() -> O>,
}

impl<O> StartTurn<O> {
    pub(crate) fn new(
        codex: Arc<CodexInner>,
        thread_id: Arc<str>,
        span: Span,
        input: RunInput,
    ) -> Self {
        let params = TurnStartParams::new(Vec::new(), thread_id.to_string());
        Self {
            codex,
            thread_id,
            span,
            input,
            params,
            cwd: None,
            deadlines: Deadlines::default(),
            output: PhantomData,
        }
    }

    deadline_setters!();

    setters! {
        /// The model.
        model: String => params.model;
        /// How hard the model thinks.
        effort: ReasoningEffort => params.effort;
        /// How the model's reasoning is summarised.
        summary: ReasoningSummary => params.summary;
        /// The personality. The runtime's named ones have no effect any more.
        personality: Personality => params.personality;
        /// The service tier of this turn only; `default` is the standard speed. Needs Codex 0.151.0.
        turn_service_tier: String => params.service_tier_for_turn;
        /// The folder that the thread works in, from this turn on.
        cwd: PathBuf => cwd;
        /// What caused this turn: a label without authority. Needs Codex 0.151.0.
        source: String => params.turn_trigger;
    }

    /// The service tier, for this turn and later ones. `default` is the standard speed, and what a
    /// `null` on the wire means.
    pub fn service_tier(mut self, service_tier: impl Into<String>) -> Self {
        self.params.service_tier = Some(Some(service_tier.into()));
        self
    }

    permission_setters!(sandbox_policy from policy);

    /// Sends `turn/start`; with `interrupt`, dropping what this returns, or this, interrupts the turn.
    async fn send(self, interrupt: bool) -> Result<TurnHandle> {
        let mut params = self.params;
        self.input.fill(&mut params)?;
        params.cwd = self.cwd.map(utf8).transpose()?;
        let (codex, deadlines) = (self.codex, self.deadlines);
        TurnHandle::start(codex, self.thread_id, &params, interrupt, deadlines)
            .instrument(spans::turn(&self.span))
            .await
    }
}

impl<O> StartTurn<O> {
    /// The same turn as a plain one, whose answer is held to this schema.
    pub(crate) fn answering(self, schema: Value) -> StartTurn<TurnResult> {
        let mut params = self.params;
        params.output_schema = Some(schema);
        StartTurn {
            codex: self.codex,
            thread_id: self.thread_id,
            span: self.span,
            input: self.input,
            params,
            cwd: self.cwd,
            deadlines: self.deadlines,
            output: PhantomData,
        }
    }
}

/// Not for `run_as`, where the type is the schema.
macro_rules! output_schema {
    ($($output:ty),*) => {$(
        impl StartTurn<$output> {
            setters! {
                /// The JSON schema of the answer. The runtime passes it on and doesn't check the answer.
                output_schema: Value => params.output_schema;
            }
        }
    )*};
}

output_schema!(TurnResult, TurnHandle);

/// # Errors
/// As for `StartTurn<TurnHandle>`, and [`Error::TurnFailed`](crate::Error::TurnFailed),
/// [`Error::TurnIncomplete`](crate::Error::TurnIncomplete). An interrupted turn is no error: its
/// status tells; one that was interrupted at a deadline is.
///
/// # Cancel safety
/// Dropping the call interrupts its turn, unless another handle of this client is on it: at once, or
/// as soon as the runtime has begun it.
impl IntoFuture for StartTurn<TurnResult> {
    type Output = Result<TurnResult>;
    type IntoFuture = Call<TurnResult>;

    fn into_future(self) -> Self::IntoFuture {
        Call::new(async move { self.send(true).await?.collect().await })
    }
}

/// # Errors
/// [`Error::Rpc`](crate::Error::Rpc), [`Error::Timeout`](crate::Error::Timeout),
/// [`Error::TurnTimeout`](crate::Error::TurnTimeout) if a deadline is set,
/// [`Error::Closed`](crate::Error::Closed), [`Error::InvalidInput`](crate::Error::InvalidInput);
/// [`Error::ThreadBusy`](crate::Error::ThreadBusy) while a goal of this client owns the thread;
/// [`Error::RuntimeTooOld`](crate::Error::RuntimeTooOld) for an option that the runtime would ignore.
///
/// # Cancel safety
/// Dropping the call may leave a turn that runs on without a handle.
impl IntoFuture for StartTurn<TurnHandle> {
    type Output = Result<TurnHandle>;
    type IntoFuture = Call<TurnHandle>;

    fn into_future(self) -> Self::IntoFuture {
        Call::new(self.send(false))
    }
}

debug_shows!(StartTurn<O> { thread_id: thread_id, model: params.model, cwd: cwd });
