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
use crate::paths::utf8;
use crate::permissions::{ApprovalMode, SandboxRules, permission_setters};
use crate::results::TurnResult;
use crate::setters::{debug_shows, setters};
use crate::strict::check::check;
use crate::turn::environment::{Environment, add_all};
use crate::turn::handle::TurnHandle;
use crate::turn::input::RunInput;
use crate::turn::limits::{Limits, call_setter, limit_setters, token_setter};
use crate::turn::output::TurnOutput;
use crate::turn::running::RunningTurn;

/// Options for a turn (`turn/start`), from [`Thread::run`](crate::Thread::run),
/// [`Thread::run_as`](crate::Thread::run_as), [`Thread::turn`](crate::Thread::turn) and
/// [`Thread::turn_as`](crate::Thread::turn_as).
///
/// What isn't set stays as the thread has it. The model, the effort, the sandbox, the working folder and the
/// approval settings also apply to the thread's later turns. If the thread's turn is running, the input joins
/// that turn and none of this has any effect, except that an `output_schema` must be that of the turn. The
/// methods above list the errors.
///
/// # Cancel safety
/// Once sent, dropping the call interrupts the turn of `run` and `run_as`, and leaves the turn of `turn`
/// running.
#[must_use = "a turn is started when this is awaited"]
pub struct StartTurn<O> {
    codex: Arc<CodexInner>,
    thread_id: Arc<str>,
    /// The thread's span.
    span: Span,
    input: RunInput,
    params: TurnStartParams,
    cwd: Option<PathBuf>,
    sandbox: Option<SandboxRules>,
    environments: Vec<Environment>,
    limits: Limits,
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
            sandbox: None,
            environments: Vec::new(),
            limits: Limits::default(),
            output: PhantomData,
        }
    }

    limit_setters!();
    call_setter!();
    token_setter!();

    setters! {
        /// The model.
        model: String => params.model;
        /// How hard the model thinks.
        effort: ReasoningEffort => params.effort;
        /// How the model's reasoning is summarised.
        summary: ReasoningSummary => params.summary;
        /// The personality. The runtime's named ones no longer have any effect.
        personality: Personality => params.personality;
        /// The service tier of this turn only; `default` is the standard speed. Needs Codex 0.151.0.
        turn_service_tier: String => params.service_tier_for_turn;
        /// The thread's working folder, from this turn on.
        cwd: PathBuf => cwd;
        /// What caused this turn: a label without authority. Needs Codex 0.151.0.
        source: String => params.turn_trigger;
    }

    /// The service tier for this turn and later ones. `default` is the standard speed; `null` on the wire means
    /// the same.
    pub fn service_tier(mut self, service_tier: impl Into<String>) -> Self {
        self.params.service_tier = Some(Some(service_tier.into()));
        self
    }

    permission_setters!();

    /// Where the commands of this and later turns run. If there are several, the turn begins in the first.
    pub fn environment(mut self, environment: Environment) -> Self {
        self.environments.push(environment);
        self
    }

    /// Sends `turn/start` for an answer of type `R`; with `interrupt`, dropping this or what it returns
    /// interrupts the turn.
    async fn start<R: TurnOutput>(self, interrupt: bool) -> Result<RunningTurn> {
        let schema = R::schema()?;
        self.untyped().send(schema, interrupt).await
    }

    /// The same without a type, so that the sending code isn't compiled again in each program.
    fn untyped(self) -> StartTurn<()> {
        StartTurn {
            codex: self.codex,
            thread_id: self.thread_id,
            span: self.span,
            input: self.input,
            params: self.params,
            cwd: self.cwd,
            sandbox: self.sandbox,
            environments: self.environments,
            limits: self.limits,
            output: PhantomData,
        }
    }
}

impl StartTurn<()> {
    fn send(self, schema: Option<Value>, interrupt: bool) -> Call<RunningTurn> {
        Call::new(self.send_now(schema, interrupt))
    }

    async fn send_now(self, schema: Option<Value>, interrupt: bool) -> Result<RunningTurn> {
        let mut params = self.params;
        if schema.is_some() {
            params.output_schema = schema;
        } else if let Some(schema) = &params.output_schema {
            check(schema)?;
        }
        self.input.fill(&mut params)?;
        let (codex, limits) = (self.codex, self.limits);
        let writes = self.sandbox.as_ref().is_some_and(SandboxRules::writes);
        params.sandbox_policy = self.sandbox.map(SandboxRules::policy).transpose()?;
        params.cwd = self.cwd.map(utf8).transpose()?;
        // Otherwise the thread's own roots stay writable in addition to those of the sandbox.
        let folder = codex.connection.router().folder(&self.thread_id);
        if let Some(mut folder) = folder.filter(|_| writes) {
            folder.extend(&params.cwd);
            params.runtime_workspace_roots = Some(vec![utf8(folder)?.into()]);
        }
        if !self.environments.is_empty() {
            params.environments = Some(add_all(&codex, self.environments).await?);
        }
        let span = spans::turn(&self.span, &self.thread_id);
        RunningTurn::start(codex, self.thread_id, &params, interrupt, limits)
            .instrument(span)
            .await
    }
}

/// Not for `run_as` and `turn_as`, whose type is the schema.
macro_rules! output_schema {
    ($($output:ty),*) => {$(
        impl StartTurn<$output> {
            setters! {
                /// The JSON schema of the answer. The runtime passes it on and doesn't check the answer.
                ///
                /// It must be *strict*: the root is an object; each object lists exactly its keys in `required`
                /// and has `"additionalProperties": false`; each value has a type, each list its `items`;
                /// unions are `anyOf`, and not at the root; a `$ref` resolves, and has nothing next to it.
                /// Keywords beyond those of a strict schema, such as `minLength`, `default` or `oneOf`, aren't
                /// allowed. A provider would refuse any other schema, so it is an
                /// [`Error::Schema`](crate::Error::Schema) before anything is sent.
                /// [`strict_schema`](crate::strict_schema) makes the schema of a type, and
                /// [`TurnResult::parse`](crate::TurnResult::parse) reads its answer.
                ///
                /// While a turn with another schema or none is running, the runtime refuses it
                /// ([`Condition::ThreadBusy`](crate::Condition::ThreadBusy)).
                output_schema: Value => params.output_schema;
            }
        }
    )*};
}

output_schema!(TurnResult, TurnHandle);

/// # Errors
/// As for `StartTurn<TurnHandle>`, and [`Error::TurnFailed`](crate::Error::TurnFailed),
/// [`Error::TurnIncomplete`](crate::Error::TurnIncomplete). An interrupted turn is not an error: check its
/// status. A turn interrupted at a deadline is an error.
///
/// # Cancel safety
/// Dropping the call interrupts its turn, at once or as soon as the runtime has begun it, unless another handle
/// of this client is on it.
impl<O: TurnOutput> IntoFuture for StartTurn<O> {
    type Output = Result<O>;
    type IntoFuture = Call<O>;

    fn into_future(self) -> Self::IntoFuture {
        Call::new(async move { O::of(self.start::<O>(true).await?.collect().await?) })
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
/// Dropping the call may leave the turn running without a handle.
impl<O: TurnOutput> IntoFuture for StartTurn<TurnHandle<O>> {
    type Output = Result<TurnHandle<O>>;
    type IntoFuture = Call<TurnHandle<O>>;

    fn into_future(self) -> Self::IntoFuture {
        Call::new(async move { Ok(TurnHandle::new(self.start::<O>(false).await?)) })
    }
}

debug_shows!(StartTurn<O> { thread_id: thread_id, model: params.model, cwd: cwd });
