//! Threads: conversations that turns belong to.

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

/// A thread: a conversation, in which one turn runs at a time.
///
/// Clones are the same thread. They keep the runtime alive.
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

    /// The model that the thread had when this handle was made; a turn may have set another since.
    pub fn model(&self) -> &str {
        &self.model
    }

    /// Runs a turn to its end (`turn/start`) and returns all that it produced.
    ///
    /// On a thread whose turn is still running, this joins that turn.
    ///
    /// # Errors
    /// As for [`Self::turn`]; [`Error::TurnFailed`](crate::Error::TurnFailed) and
    /// [`Error::TurnIncomplete`](crate::Error::TurnIncomplete). An interrupted turn is none: its status
    /// tells.
    ///
    /// # Cancel safety
    /// Dropping the call interrupts its turn, unless another handle of this client is on it: at once, or as
    /// soon as the runtime has begun it.
    pub fn run(&self, input: impl Into<RunInput>) -> StartTurn<TurnResult> {
        self.start_turn(input.into())
    }

    fn start_turn<O>(&self, input: RunInput) -> StartTurn<O> {
        let (codex, id) = (Arc::clone(&self.codex), Arc::clone(&self.id));
        StartTurn::new(codex, id, self.span.clone(), input)
    }

    /// Runs a turn to its end (`turn/start`), and returns its answer as a value of this type.
    ///
    /// The answer is held to the type's schema. It is made *strict*, as models need it: objects have
    /// exactly the keys of the type, and an `Option` is `null` and never absent; a flattened one is always
    /// there. Documentation comments are what the model is told about a type and its fields. A type
    /// that is no object, such as a `Vec` or an enum, is asked for within an object and taken out of
    /// it.
    ///
    /// Maps, tuples, `char` and `serde_json::Value` have no strict schema: they are refused, with the
    /// path of the field, before anything is sent.
    ///
    /// A model writes its keys in the order of the schema. That is the alphabet's; with the feature
    /// `preserve_order` of `serde_json`, the order of the fields.
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
    /// On a thread whose turn is still running, this joins that turn if it is held to the same schema. It is
    /// refused if it isn't.
    ///
    /// # Errors
    /// [`Error::Schema`](crate::Error::Schema) before anything is sent,
    /// [`Error::Rpc`](crate::Error::Rpc) with [`Condition::ThreadBusy`](crate::Condition::ThreadBusy) while
    /// a turn runs that is held to no schema or to another one,
    /// [`Error::Answer`](crate::Error::Answer) for an answer that isn't of the type, and as for
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

    /// Starts a turn (`turn/start`), to be followed while it runs.
    ///
    /// On a thread whose turn is still running, this joins that turn.
    ///
    /// # Errors
    /// [`Error::InvalidInput`](crate::Error::InvalidInput), [`Error::Rpc`](crate::Error::Rpc),
    /// [`Error::Timeout`](crate::Error::Timeout), [`Error::Closed`](crate::Error::Closed);
    /// [`Error::ThreadBusy`](crate::Error::ThreadBusy) while a goal of this client owns the thread;
    /// [`Error::TurnTimeout`](crate::Error::TurnTimeout) if a deadline is set.
    ///
    /// # Cancel safety
    /// Once it is sent, the turn may run on without a handle.
    pub fn turn(&self, input: impl Into<RunInput>) -> StartTurn<TurnHandle> {
        self.start_turn(input.into())
    }

    /// Starts a turn (`turn/start`) whose answer is a value of this type, to be followed while it runs. It is
    /// [`Self::run_as`] with progress: the handle streams, steers and interrupts as any other, and its
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
    /// On a thread whose turn is still running, this joins that turn if it is held to the same schema.
    ///
    /// # Errors
    /// [`Error::Schema`](crate::Error::Schema) before anything is sent, [`Error::Rpc`](crate::Error::Rpc) with
    /// [`Condition::ThreadBusy`](crate::Condition::ThreadBusy) while a turn runs that is held to no schema or
    /// to another one, and as for [`Self::turn`].
    ///
    /// # Cancel safety
    /// Once it is sent, the turn may run on without a handle.
    pub fn turn_as<T>(&self, input: impl Into<RunInput>) -> StartTurn<TurnHandle<Structured<T>>>
    where
        T: DeserializeOwned + JsonSchema + Send + 'static,
    {
        self.start_turn(input.into())
    }

    /// Sets a goal (`thread/goal/set`), which the runtime pursues turn after turn by itself.
    ///
    /// Awaiting it returns one handle over all of its turns. On a thread that isn't idle, and while
    /// another goal of this client owns it, it is refused; so is `run` while a goal owns the thread.
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
    /// [`StartGoal`] has its options and errors.
    ///
    /// # Cancel safety
    /// Dropping the call pauses a goal that was already set, and interrupts its turn.
    pub fn goal(&self, objective: impl Into<String>) -> StartGoal {
        StartGoal::new(
            Arc::clone(&self.codex),
            Arc::clone(&self.id),
            self.span.clone(),
            objective.into(),
        )
    }

    /// Lists the turns, a page at a time (`thread/turns/list`). [`ListTurns`] has its options and errors.
    ///
    /// A history can be hundreds of megabytes: this is how to read a long one.
    ///
    /// # Cancel safety
    /// Dropping it is harmless: the reply is ignored.
    pub fn turns(&self) -> ListTurns {
        ListTurns::new(&self.codex, ThreadTurnsListParams::new(self.id()))
    }

    /// Lists the items of all turns, or of one, a page at a time (`thread/items/list`). [`ListItems`] has
    /// its options and errors.
    ///
    /// # Cancel safety
    /// Dropping it is harmless: the reply is ignored.
    pub fn items(&self) -> ListItems {
        ListItems::new(&self.codex, ThreadItemsListParams::new(self.id()))
    }

    /// Reads the thread as it is stored (`thread/read`). [`ReadThread`] has its options and errors.
    ///
    /// # Cancel safety
    /// Dropping it is harmless: the reply is ignored.
    pub fn read(&self) -> ReadThread {
        ReadThread::new(&self.codex, ThreadReadParams::new(self.id()))
    }

    /// Starts Codex's own review of changes (`review/start`), as a turn of this thread. It would interrupt
    /// another turn, and so is refused while one is known to run.
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
    /// [`StartReview`] has its options and errors. One on a thread of its own is
    /// [`ReviewStartParams`](crate::types::ReviewStartParams), a request.
    ///
    /// # Cancel safety
    /// Once it is sent, the review may run on without a handle.
    pub fn review(&self, target: ReviewTarget) -> StartReview {
        let (codex, id) = (Arc::clone(&self.codex), Arc::clone(&self.id));
        StartReview::new(codex, id, self.span.clone(), target)
    }
}

debug_shows!(Thread { id: id });
