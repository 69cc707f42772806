//! Attaching to turns that outlive their client.

use std::future::IntoFuture;
use std::sync::Arc;
use std::time::Duration;

use codex_types::{
    SortDirection, ThreadReadParams, ThreadResumeParams, ThreadStatus, ThreadTurnsListParams, Turn,
    TurnItemsView, TurnStatus,
};
use tokio::sync::watch;
use tokio::time::{Instant, sleep};
use tracing::Instrument;

use crate::call::Call;
use crate::codex::Codex;
use crate::codex::inner::CodexInner;
use crate::connection::registration::Route;
use crate::connection::router::entry::Phase;
use crate::connection::spans;
use crate::error::{Error, Result};
use crate::setters::debug_shows;
use crate::tool::{Tool, Toolbox};
use crate::turn::handle::TurnHandle;
use crate::turn::limits::{Clock, Limits, limit_setters};
use crate::turn::replay::Replay;
use crate::turn::running::RunningTurn;
use crate::turn::ticket::TurnTicket;

/// How long reading a page of stored turns may take.
const READ: Duration = Duration::from_secs(30);
/// A turn is usually among the newest; longer pages search older ones.
const FIRST_PAGE: u32 = 2;
const PAGE: u32 = 25;
/// How long a turn that has begun may be missing from the list, or listed as broken off; normally milliseconds.
const BEGIN: Duration = Duration::from_millis(500);
/// How long the beginning and the end of a turn may take to be stored.
const SETTLE: Duration = Duration::from_secs(5);
/// How often to look for it.
const LOOK: Duration = Duration::from_millis(50);

impl Codex {
    /// Attaches to a turn that was begun earlier, by this or another program. See [`AttachTurn`] for its
    /// options and errors.
    ///
    /// The handle begins with what the turn has produced so far, read from the runtime, and continues with what
    /// follows. Anything the runtime is waiting for, such as an approval, a question or a tool call, goes to
    /// this client's handlers and tools ([`RequestContext::is_replay`](crate::RequestContext::is_replay)). For
    /// a turn that has ended meanwhile, the handle has all items and the end.
    ///
    /// ```no_run
    /// # async fn example(codex: codex_sdk::Codex, thread: codex_sdk::Thread) -> Result<(), Box<dyn std::error::Error>> {
    /// let turn = thread.turn("Port the tests.").await?;
    /// std::fs::write("turn.json", serde_json::to_string(&turn.detach())?)?;
    ///
    /// // Another program, tomorrow, on the same server.
    /// let ticket = serde_json::from_str(&std::fs::read_to_string("turn.json")?)?;
    /// let result = codex.attach(ticket).await?.run().await?;
    /// println!("{:?}", result.final_response);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Cancel safety
    /// Once sent, the thread may stay loaded.
    pub fn attach(&self, ticket: TurnTicket) -> AttachTurn {
        AttachTurn {
            codex: Arc::clone(self.inner()),
            ticket,
            tools: Toolbox::default(),
            limits: Limits::default(),
        }
    }
}

/// Options for attaching to a turn, from [`Codex::attach`](crate::Codex::attach): `thread/resume`, then
/// `thread/turns/list`.
///
/// The text of a message in progress comes from here on, and whole with its `item/completed`.
/// [`TurnResult::turn_usage`](crate::TurnResult::turn_usage) is `None`: the turn's earlier usage is unknown.
///
/// # Errors
/// [`Error::Rpc`] for a thread that isn't found, is archived, or is open elsewhere
/// ([`Condition::ThreadInUse`](crate::Condition::ThreadInUse)); an ephemeral thread is known only to the client
/// that began it. [`Error::TurnLost`] if the thread doesn't have the turn. [`Error::InvalidInput`] for tool
/// names that would be refused. [`Error::Timeout`], [`Error::Closed`].
///
/// # Cancel safety
/// Once sent, the thread may stay loaded. The turn continues in any case, and you can attach to it again.
#[must_use = "nothing is sent until this is awaited"]
pub struct AttachTurn {
    codex: Arc<CodexInner>,
    ticket: TurnTicket,
    tools: Toolbox,
    limits: Limits,
}

impl AttachTurn {
    limit_setters!();

    /// Answers calls of a tool of the thread ([`Tool`]), including calls that already wait for an answer.
    pub fn tool(mut self, tool: Tool) -> Self {
        self.tools.add(tool);
        self
    }

    async fn attach(self) -> Result<RunningTurn> {
        self.limits.check()?;
        self.tools.specs()?;
        let begun = Instant::now();
        let (codex, ticket, limits) = (self.codex, self.ticket, self.limits);
        let connection = &codex.connection;
        let thread_id: Arc<str> = Arc::from(&*ticket.thread_id);
        // Before anything is sent: this handle receives what the turn does and waits for from now on.
        let (route, phase, joined) = Route::of_running(connection, &thread_id, &ticket.turn_id)?;
        let equipment = connection.equip(&thread_id, self.tools);
        let found = limits.bound(begun, find(&codex, &ticket)).await?;
        equipment.keep();
        let mut replay = Replay::new(thread_id, joined);
        let (route, phase) = if found.status == TurnStatus::InProgress {
            connection
                .router()
                .note_running(&ticket.thread_id, &ticket.turn_id);
            replay.replay(found);
            (route, phase)
        } else {
            replay.replay_ended(found);
            (route.ended(connection), watch::channel(Phase::Completed).1)
        };
        let clock = Clock::start(limits, begun);
        Ok(RunningTurn::of_ticket(
            Arc::clone(&codex),
            &ticket,
            route,
            phase,
            replay,
            clock,
        ))
    }
}

/// Subscribes to the turn's thread and reads what the turn has produced.
async fn find(codex: &CodexInner, ticket: &TurnTicket) -> Result<Turn> {
    let mut resume = ThreadResumeParams::new(&*ticket.thread_id);
    resume.exclude_turns = Some(true);
    let given_up = Instant::now() + SETTLE;
    let resumed = loop {
        match codex.open_thread(&resume).await {
            // Its first turn has just begun.
            Err(error) if error.is_of_new_thread() && Instant::now() < given_up => {
                sleep(LOOK).await;
            }
            resumed => break resumed?,
        }
    };
    let mut status = resumed.thread.status;
    let settled = Instant::now() + BEGIN;
    loop {
        match read(codex, ticket).await? {
            // A turn whose runtime was killed is listed like this too, and for a moment one that has just
            // begun.
            Some(turn)
                if turn.status == TurnStatus::Interrupted
                    && turn.completed_at.is_none()
                    && Instant::now() < settled =>
            {
                sleep(LOOK).await;
            }
            // The turn has just begun, or its end is being stored.
            Some(turn)
                if turn.status == TurnStatus::InProgress
                    && !matches!(status, ThreadStatus::Active(_)) =>
            {
                if Instant::now() > given_up {
                    return Err(lost(ticket));
                }
                sleep(LOOK).await;
                let thread = ThreadReadParams::new(&*ticket.thread_id);
                status = codex.request(&thread, Some(READ)).await?.thread.status;
            }
            Some(turn) => return Ok(turn),
            // A turn that has just begun may not be listed yet.
            None if Instant::now() < settled => sleep(LOOK).await,
            None => return Err(lost(ticket)),
        }
    }
}

/// The stored turn, if its thread has it.
async fn read(codex: &CodexInner, ticket: &TurnTicket) -> Result<Option<Turn>> {
    let mut list = ThreadTurnsListParams::new(&*ticket.thread_id);
    list.sort_direction = Some(SortDirection::Desc);
    list.items_view = Some(TurnItemsView::Full);
    list.limit = Some(FIRST_PAGE);
    loop {
        let page = codex.request(&list, Some(READ)).await?;
        let mut turns = page.data.into_iter();
        if let Some(turn) = turns.find(|turn| turn.id == ticket.turn_id) {
            return Ok(Some(turn));
        }
        if page.next_cursor.is_none() || page.next_cursor == list.cursor {
            return Ok(None);
        }
        list.cursor = page.next_cursor;
        list.limit = Some(PAGE);
    }
}

fn lost(ticket: &TurnTicket) -> Error {
    Error::TurnLost {
        thread_id: ticket.thread_id.clone(),
        turn_id: ticket.turn_id.clone(),
        source: None,
    }
}

impl IntoFuture for AttachTurn {
    type Output = Result<TurnHandle>;
    type IntoFuture = Call<TurnHandle>;

    fn into_future(self) -> Self::IntoFuture {
        let span = spans::turn(&self.codex.connection.span, &self.ticket.thread_id);
        let turn = self.attach().instrument(span);
        Call::new(async move { Ok(TurnHandle::new(turn.await?)) })
    }
}

debug_shows!(AttachTurn { ticket: ticket });
