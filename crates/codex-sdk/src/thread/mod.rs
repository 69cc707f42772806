//! Threads: conversations that turns belong to.

use std::sync::Arc;

use codex_types::{
    ClientMethod, ReviewTarget, ThreadArchiveParams, ThreadCompactStartParams,
    ThreadItemsListParams, ThreadReadParams, ThreadRevertParams, ThreadSetNameParams,
    ThreadTurnsListParams, ThreadUnarchiveParams, ThreadUnsubscribeParams, ThreadUnsubscribeStatus,
};
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use tokio::time::timeout;
use tracing::Span;

use crate::call::Call;
use crate::codex::Codex;
use crate::codex::inner::CodexInner;
use crate::codex::notifications::NotificationStream;
use crate::connection::event_queue::Notification;
use crate::connection::router::subscriptions::Topic;
use crate::connection::router::thread_turns::ThreadTurns;
use crate::connection::spans;
use crate::error::Error;
use crate::lists::{ListItems, ListTurns, ReadThread};
use crate::results::TurnResult;
use crate::run_as::Structured;
use crate::setters::debug_shows;
use crate::thread::watch::ThreadWatch;
use crate::turn::collector::Collector;
use crate::turn::goal::StartGoal;
use crate::turn::handle::TurnHandle;
use crate::turn::input::RunInput;
use crate::turn::review::StartReview;
use crate::turn::settings::UpdateThread;
use crate::turn::start::StartTurn;

pub(crate) mod mcp_server;
pub(crate) mod open;
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

    /// Runs a turn to its end (`turn/start`) and returns all that it brought.
    ///
    /// On a thread whose turn is still running, this joins that turn.
    ///
    /// # Errors
    /// As for [`Self::turn`]; [`Error::TurnFailed`] and
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
    /// On a thread whose turn is still running, this joins that turn, which isn't held to the schema.
    ///
    /// # Errors
    /// [`Error::Schema`](crate::Error::Schema) before anything is sent,
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
    /// [`run`](TurnHandle::run) brings the value.
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
    /// # Errors
    /// [`Error::Schema`](crate::Error::Schema) before anything is sent, and as for [`Self::turn`].
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
    /// Awaiting it brings one handle over all of its turns. On a thread that isn't idle, and while
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

    /// Names the thread (`thread/name/set`).
    ///
    /// # Errors
    /// [`Error::Rpc`](crate::Error::Rpc), [`Error::Timeout`](crate::Error::Timeout),
    /// [`Error::Closed`](crate::Error::Closed).
    ///
    /// # Cancel safety
    /// Once it is sent, the name is set.
    pub fn set_name(&self, name: impl Into<String>) -> Call<()> {
        let codex = Arc::clone(&self.codex);
        let (name, thread_id) = (name.into(), self.id().to_owned());
        let params = ThreadSetNameParams { name, thread_id };
        Call::new(async move { codex.request(&params, None).await.map(drop) })
    }

    /// Compacts the thread's history (`thread/compact/start`), and returns when the thread is usable again: the
    /// compaction runs as a turn of its own.
    ///
    /// # Errors
    /// As for [`Self::set_name`]; [`Error::TurnFailed`] if the compaction failed, and
    /// [`Error::TurnIncomplete`] if the thread was closed meanwhile.
    ///
    /// # Cancel safety
    /// Once it is sent, the history is compacted.
    pub fn compact(&self) -> Call<()> {
        let (codex, thread_id) = (Arc::clone(&self.codex), Arc::clone(&self.id));
        Call::new(async move {
            let mut events = codex.subscribe(Topic::Thread(Arc::clone(&thread_id)));
            codex.connection.router().expect_turn(&thread_id);
            let params = ThreadCompactStartParams {
                thread_id: thread_id.to_string(),
            };
            codex.request(&params, None).await?;
            let mut turn: Option<Collector> = None;
            while let Some(event) = events.next().await {
                let event = event?;
                if let Notification::TurnStarted(it) = &event {
                    turn = Some(Collector::new(&it.turn.id, None));
                }
                if let Some(turn) = &mut turn {
                    turn.observe(&event);
                }
                let over = matches!(event, Notification::TurnCompleted(_)) || ends_thread(&event);
                if let Some(turn) = turn.take_if(|_| over) {
                    return turn.finish().map(drop);
                }
            }
            Err(codex.connection.ended().await)
        })
    }

    /// Lets the runtime unload the thread (`thread/unsubscribe`), and returns when it has.
    ///
    /// Each thread that is loaded costs the runtime about 1.3 MB and two open files, whether or not it has a
    /// handle: dropping a [`Thread`] frees nothing. A thread that is stored can be resumed; an ephemeral one is
    /// gone. What this client keeps for the thread, its tools too, is let go of.
    ///
    /// # Errors
    /// [`Error::ThreadBusy`] while a turn or a goal of this client runs on it; [`Error::Rpc`],
    /// [`Error::Timeout`], [`Error::Closed`].
    ///
    /// # Cancel safety
    /// Once it is sent, the thread is unloaded.
    pub fn close(&self) -> Call<()> {
        let (codex, thread_id) = (Arc::clone(&self.codex), Arc::clone(&self.id));
        Call::new(async move {
            let busy = |turns: &mut ThreadTurns| turns.count() > 0;
            if codex
                .connection
                .router()
                .thread(&thread_id)
                .is_some_and(busy)
            {
                return Err(Error::thread_busy(&thread_id));
            }
            let mut events = codex.subscribe(Topic::Thread(Arc::clone(&thread_id)));
            let params = ThreadUnsubscribeParams {
                thread_id: thread_id.to_string(),
            };
            let status = codex.request(&params, None).await?.status;
            if status == ThreadUnsubscribeStatus::NotLoaded {
                return Ok(());
            }
            let after = codex.connection.limits.request_timeout;
            let closed = async {
                while let Some(event) = events.next().await {
                    if ends_thread(&event?) {
                        return Ok(());
                    }
                }
                Err(codex.connection.ended().await)
            };
            timeout(after, closed).await.unwrap_or_else(|_| {
                Err(Error::Timeout {
                    method: ThreadUnsubscribeParams::METHOD.to_owned(),
                    after,
                })
            })
        })
    }

    /// Watches everything that comes of this thread, what turn handles take included: for a second viewer, or
    /// a hundredth. Each has its own copy, in the runtime's order, and one that reads too slowly ends alone
    /// ([`Error::Lagged`]).
    ///
    /// Of a turn that runs already, it begins with what that has brought so far, read from the runtime
    /// (`thread/turns/list`): its `turn/started`, and its items as `item/completed`, or `item/started` if they
    /// go on. All of these have the time when the turn began. The text of a message that is being written comes
    /// from here on, and whole with its `item/completed`. Of an ephemeral thread nothing is stored: it is
    /// watched from now on.
    ///
    /// ```no_run
    /// # async fn second_tab(thread: codex_sdk::Thread) -> codex_sdk::Result<()> {
    /// let mut all = thread.watch();
    /// while let Some(event) = all.next().await {
    ///     println!("{}", serde_json::to_string(&event?).unwrap_or_default());
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// It doesn't keep the runtime alive, and doesn't load the thread.
    pub fn watch(&self) -> ThreadWatch {
        ThreadWatch::new(&self.codex, Arc::clone(&self.id))
    }

    /// Starts Codex's own review of changes (`review/start`), as a turn of this thread.
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

    /// Changes settings for the turns that begin from now on (`thread/settings/update`): the model, the
    /// sandbox, who approves. [`UpdateThread`] has them.
    ///
    /// # Cancel safety
    /// Once it is sent, the settings change.
    pub fn update(&self) -> UpdateThread {
        UpdateThread::new(Arc::clone(&self.codex), &self.id)
    }

    /// Takes the conversation back to before a turn (`thread/revert`): that and all later turns are gone from
    /// it. Files stay as they are. To keep the turns, fork the thread before one
    /// ([`ForkThread::before_turn_id`](crate::ForkThread::before_turn_id)).
    ///
    /// # Errors
    /// As for [`Self::set_name`].
    ///
    /// # Cancel safety
    /// Once it is sent, the turns are gone.
    pub fn revert(&self, before_turn_id: impl Into<String>) -> Call<()> {
        let codex = Arc::clone(&self.codex);
        let params = ThreadRevertParams {
            before_turn_id: before_turn_id.into(),
            thread_id: self.id.to_string(),
        };
        Call::new(async move { codex.request(&params, None).await.map(drop) })
    }

    /// Subscribes to every notification of this thread that no live turn handle takes, from now on.
    /// Nothing is sent for it. [`Self::watch`] has those too.
    pub fn notifications(&self) -> NotificationStream {
        self.codex.subscribe(Topic::Thread(Arc::clone(&self.id)))
    }
}

impl Codex {
    /// Archives a thread (`thread/archive`), which also unloads it.
    ///
    /// # Errors
    /// [`Error::Rpc`](crate::Error::Rpc), [`Error::Timeout`](crate::Error::Timeout),
    /// [`Error::Closed`](crate::Error::Closed).
    ///
    /// # Cancel safety
    /// Once it is sent, the thread is archived.
    pub fn thread_archive(&self, thread_id: impl Into<String>) -> Call<()> {
        let codex = Arc::clone(self.inner());
        let params = ThreadArchiveParams {
            thread_id: thread_id.into(),
        };
        Call::new(async move { codex.request(&params, None).await.map(drop) })
    }

    /// Takes a thread out of the archive (`thread/unarchive`) and resumes it (`thread/resume`), since
    /// the runtime alone would leave it unusable.
    ///
    /// # Errors
    /// As for [`Self::thread_archive`].
    ///
    /// # Cancel safety
    /// Dropped between its two requests, the thread is unarchived and not loaded; once both are sent, it may
    /// be loaded without a handle.
    pub fn thread_unarchive(&self, thread_id: impl Into<String>) -> Call<Thread> {
        let codex = self.clone();
        let thread_id = thread_id.into();
        Call::new(async move {
            let params = ThreadUnarchiveParams {
                thread_id: thread_id.clone(),
            };
            codex.inner().request(&params, None).await?;
            codex.thread_resume(thread_id).include_turns(false).await
        })
    }
}

debug_shows!(Thread { id: id });

/// Whether nothing more comes of the thread of this notification.
fn ends_thread(notification: &Notification) -> bool {
    matches!(
        notification,
        Notification::ThreadClosed(_)
            | Notification::ThreadArchived(_)
            | Notification::ThreadDeleted(_)
    )
}
