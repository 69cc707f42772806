//! Threads: conversations made of turns.

use std::sync::Arc;

use codex_types::{ReviewTarget, ThreadItemsListParams, ThreadReadParams, ThreadTurnsListParams};
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use tracing::Span;

use crate::codex::inner::CodexInner;
use crate::connection::spans;
use crate::lists::{ListItems, ListTurns, ReadThread};
use crate::results::TurnResult;
use crate::run_as::Structured;
use crate::setters::debug_shows;
use crate::turn::goal::StartGoal;
use crate::turn::handle::TurnHandle;
use crate::turn::input::RunInput;
use crate::turn::review::StartReview;
use crate::turn::start::StartTurn;

pub(crate) mod mcp_server;
pub(crate) mod open;
mod upkeep;
pub(crate) mod watch;

/// A conversation in which one turn runs at a time.
///
/// Clones refer to the same thread. They keep the runtime alive.
///
/// ```no_run
/// # async fn conversation(codex: codex_sdk::Codex) -> codex_sdk::Result<()> {
/// let thread = codex.thread_start().model("gpt-5.5").await?;
/// thread.run("What does this crate do?").await?;
/// // The same conversation goes on.
/// let result = thread.run("And how fast is it?").await?;
/// println!("{}", result.final_response.unwrap_or_default());
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Thread {
    codex: Arc<CodexInner>,
    id: Arc<str>,
    model: Arc<str>,
    span: Span,
}

impl Thread {
    pub(crate) fn new(codex: Arc<CodexInner>, id: &str, model: &str) -> Self {
        Self {
            span: spans::thread(&codex.connection.span, id),
            codex,
            id: Arc::from(id),
            model: Arc::from(model),
        }
    }

    /// The thread's id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The thread's model when this handle was created; a turn may have changed it since.
    pub fn model(&self) -> &str {
        &self.model
    }

    /// Runs a turn to its end (`turn/start`) and returns everything that it produced.
    ///
    /// If the thread's turn is still running, this joins it.
    ///
    /// # Errors
    /// As for [`Self::turn`]; [`Error::TurnFailed`](crate::Error::TurnFailed) and
    /// [`Error::TurnIncomplete`](crate::Error::TurnIncomplete). An interrupted turn is not an error: check its
    /// status.
    ///
    /// # Cancel safety
    /// Dropping the call interrupts its turn, at once or as soon as the runtime has begun it, unless another
    /// handle of this client is on it.
    pub fn run(&self, input: impl Into<RunInput>) -> StartTurn<TurnResult> {
        self.start_turn(input.into())
    }

    fn start_turn<O>(&self, input: RunInput) -> StartTurn<O> {
        let (codex, id) = (Arc::clone(&self.codex), Arc::clone(&self.id));
        StartTurn::new(codex, id, self.span.clone(), input)
    }

    /// Runs a turn to its end (`turn/start`) and returns its answer as a value of this type.
    ///
    /// The type's schema constrains the answer. It is made *strict*, as models require: objects have exactly
    /// the keys of the type; an `Option` is `null`, never absent; a flattened one is always present. The model
    /// sees documentation comments as descriptions of the type and its fields. A type that isn't an object,
    /// such as a `Vec` or an enum, is wrapped in an object and unwrapped again.
    ///
    /// Maps, tuples, `char` and `serde_json::Value` have no strict schema: they are refused, with the field's
    /// path, before anything is sent.
    ///
    /// A model writes keys in the order of the schema: alphabetical, or with the feature `preserve_order` of
    /// `serde_json`, the order of the fields.
    ///
    /// ```no_run
    /// # async fn review(thread: codex_sdk::Thread) -> codex_sdk::Result<()> {
    /// use codex_sdk::schemars::{self, JsonSchema};
    /// use serde::Deserialize;
    ///
    /// #[derive(Deserialize, JsonSchema)]
    /// struct Review {
    ///     /// One sentence.
    ///     summary: String,
    ///     findings: Vec<Finding>,
    /// }
    ///
    /// #[derive(Deserialize, JsonSchema)]
    /// struct Finding {
    ///     file: String,
    ///     line: Option<u32>,
    ///     severity: Severity,
    /// }
    ///
    /// #[derive(Debug, Deserialize, JsonSchema)]
    /// enum Severity {
    ///     Bug,
    ///     Style,
    /// }
    ///
    /// let review = thread.run_as::<Review>("Review the last commit.").await?;
    /// println!("{}", review.value.summary);
    /// for Finding { file, line, severity } in review.value.findings {
    ///     println!("{file}:{} {severity:?}", line.unwrap_or(1));
    /// }
    /// println!("{:?}", review.result.turn_usage());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// If the thread's turn is still running, this joins it if it has the same schema, and is refused
    /// otherwise.
    ///
    /// # Errors
    /// [`Error::Schema`](crate::Error::Schema) before anything is sent, [`Error::Rpc`](crate::Error::Rpc) with
    /// [`Condition::ThreadBusy`](crate::Condition::ThreadBusy) while a turn with another schema or none is
    /// running, [`Error::Answer`](crate::Error::Answer) for an answer that doesn't fit the type, and as for
    /// [`Self::run`]. A turn that was interrupted before it answered is an `Error::Answer` too.
    ///
    /// # Cancel safety
    /// As for [`Self::run`]: dropping the call interrupts its turn.
    pub fn run_as<T>(&self, input: impl Into<RunInput>) -> StartTurn<Structured<T>>
    where
        T: DeserializeOwned + JsonSchema + Send + 'static,
    {
        self.start_turn(input.into())
    }

    /// Starts a turn (`turn/start`) that you follow while it runs.
    ///
    /// If the thread's turn is still running, this joins it.
    ///
    /// # Errors
    /// [`Error::InvalidInput`](crate::Error::InvalidInput), [`Error::Rpc`](crate::Error::Rpc),
    /// [`Error::Timeout`](crate::Error::Timeout), [`Error::Closed`](crate::Error::Closed);
    /// [`Error::ThreadBusy`](crate::Error::ThreadBusy) while a goal of this client owns the thread;
    /// [`Error::TurnTimeout`](crate::Error::TurnTimeout) if a deadline is set.
    ///
    /// # Cancel safety
    /// Once sent, the turn may continue without a handle.
    pub fn turn(&self, input: impl Into<RunInput>) -> StartTurn<TurnHandle> {
        self.start_turn(input.into())
    }

    /// Starts a turn (`turn/start`) whose answer is a value of this type, and that you follow while it runs. It
    /// is [`Self::run_as`] with progress: the handle streams, steers and interrupts like any other, and its
    /// [`run`](TurnHandle::run) returns the value.
    ///
    /// ```no_run
    /// # async fn review(thread: codex_sdk::Thread) -> codex_sdk::Result<()> {
    /// # use codex_sdk::schemars::{self, JsonSchema};
    /// #[derive(serde::Deserialize, JsonSchema)]
    /// struct Review {
    ///     summary: String,
    /// }
    ///
    /// let mut turn = thread.turn_as::<Review>("Review the last commit.").await?;
    /// while let Some(event) = turn.next().await {
    ///     println!("{}", event?.method());
    /// }
    /// println!("{}", turn.run().await?.value.summary);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// If the thread's turn is still running and has the same schema, this joins it.
    ///
    /// # Errors
    /// [`Error::Schema`](crate::Error::Schema) before anything is sent, [`Error::Rpc`](crate::Error::Rpc) with
    /// [`Condition::ThreadBusy`](crate::Condition::ThreadBusy) while a turn with another schema or none is
    /// running, and as for [`Self::turn`].
    ///
    /// # Cancel safety
    /// Once sent, the turn may continue without a handle.
    pub fn turn_as<T>(&self, input: impl Into<RunInput>) -> StartTurn<TurnHandle<Structured<T>>>
    where
        T: DeserializeOwned + JsonSchema + Send + 'static,
    {
        self.start_turn(input.into())
    }

    /// Sets a goal (`thread/goal/set`), which the runtime pursues on its own, turn after turn.
    ///
    /// Awaiting it returns one handle for all of its turns. It is refused on a thread that isn't idle, and
    /// while another goal of this client owns the thread; so is `run` while a goal owns it.
    ///
    /// ```no_run
    /// # async fn goal(thread: codex_sdk::Thread) -> codex_sdk::Result<()> {
    /// let mut goal = thread.goal("Make all tests pass.").token_budget(200_000).await?;
    /// while let Some(event) = goal.next().await {
    ///     print!("{}", event?.text_delta().unwrap_or_default());
    /// }
    /// let result = goal.run().await?;
    /// println!("{}", result.status);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// See [`StartGoal`] for its options and errors.
    ///
    /// # Cancel safety
    /// Dropping the call pauses a goal that was already set and interrupts its turn.
    pub fn goal(&self, objective: impl Into<String>) -> StartGoal {
        StartGoal::new(
            Arc::clone(&self.codex),
            Arc::clone(&self.id),
            self.span.clone(),
            objective.into(),
        )
    }

    /// Lists the turns, a page at a time (`thread/turns/list`). See [`ListTurns`] for its options and errors.
    ///
    /// A history can be hundreds of megabytes: use this to read a long one.
    ///
    /// # Cancel safety
    /// Dropping it is harmless: the reply is ignored.
    pub fn turns(&self) -> ListTurns {
        ListTurns::new(&self.codex, ThreadTurnsListParams::new(self.id()))
    }

    /// Lists the items of all turns, or of one, a page at a time (`thread/items/list`). See [`ListItems`] for
    /// its options and errors.
    ///
    /// # Cancel safety
    /// Dropping it is harmless: the reply is ignored.
    pub fn items(&self) -> ListItems {
        ListItems::new(&self.codex, ThreadItemsListParams::new(self.id()))
    }

    /// Reads the stored thread (`thread/read`). See [`ReadThread`] for its options and errors.
    ///
    /// # Cancel safety
    /// Dropping it is harmless: the reply is ignored.
    pub fn read(&self) -> ReadThread {
        ReadThread::new(&self.codex, ThreadReadParams::new(self.id()))
    }

    /// Starts Codex's own review of changes (`review/start`) as a turn of this thread. It would interrupt
    /// another turn, so it is refused while one is known to run.
    ///
    /// ```no_run
    /// # async fn review(thread: codex_sdk::Thread) -> codex_sdk::Result<()> {
    /// use codex_sdk::types::ReviewTarget;
    ///
    /// let review = thread.review(ReviewTarget::UncommittedChanges).run().await?;
    /// println!("{}", review.final_response.unwrap_or_default());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// See [`StartReview`] for its options and errors. For a review on a separate thread, send
    /// [`ReviewStartParams`](crate::types::ReviewStartParams) as a request.
    ///
    /// # Cancel safety
    /// Once sent, the review may continue without a handle.
    pub fn review(&self, target: ReviewTarget) -> StartReview {
        let (codex, id) = (Arc::clone(&self.codex), Arc::clone(&self.id));
        StartReview::new(codex, id, self.span.clone(), target)
    }
}

debug_shows!(Thread { id: id });
