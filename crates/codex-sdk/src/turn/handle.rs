//! A running turn.

use std::future::poll_fn;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use codex_types::TurnSteerResponse;
use futures_core::Stream;

use crate::call::Call;
use crate::codex::notifications::NotificationStream;
use crate::connection::event_queue::Notification;
use crate::connection::router::subscriptions::Topic;
use crate::error::Result;
use crate::results::TurnResult;
use crate::setters::debug_shows;
use crate::turn::control::TurnControl;
use crate::turn::input::Input;
use crate::turn::output::TurnOutput;
use crate::turn::running::RunningTurn;
use crate::turn::settings::UpdateTurn;
use crate::turn::ticket::TurnTicket;

/// A turn that was started or joined: the stream of its notifications, and its controls.
///
/// The stream yields every notification of this turn since `turn/start` was sent, in the runtime's order, and
/// ends after `turn/completed`, whatever the turn's status. If it breaks off, it yields one error, then `None`.
///
/// Dropping a handle doesn't interrupt its turn, unless one of its deadlines has passed.
///
/// ```no_run
/// # async fn example(thread: codex_sdk::Thread) -> codex_sdk::Result<()> {
/// let mut turn = thread.turn("Write a haiku.").await?;
/// while let Some(event) = turn.next().await {
///     print!("{}", event?.text_delta().unwrap_or_default());
/// }
/// let result = turn.run().await?;
/// println!("\n{} items, {}", result.items.len(), result.status);
/// # Ok(())
/// # }
/// ```
#[must_use = "what comes for a turn lies in memory until it is read"]
pub struct TurnHandle<O = TurnResult> {
    turn: RunningTurn,
    output: PhantomData<fn() -> O>,
}

impl<O> TurnHandle<O> {
    pub(super) fn new(turn: RunningTurn) -> Self {
        Self {
            turn,
            output: PhantomData,
        }
    }

    /// The turn's id. It is unique only within its thread: forks keep the ids of their source.
    pub fn id(&self) -> &str {
        self.turn.control.id()
    }

    /// The id of the turn's thread.
    pub fn thread_id(&self) -> &str {
        self.turn.control.thread_id()
    }

    /// The next notification of this turn, or `None` after the end.
    ///
    /// # Errors
    /// [`Error::Closed`](crate::Error::Closed), [`Error::Lagged`](crate::Error::Lagged),
    /// [`Error::LineTooLong`](crate::Error::LineTooLong),
    /// [`Error::MalformedLine`](crate::Error::MalformedLine),
    /// [`Error::TurnTimeout`](crate::Error::TurnTimeout), [`Error::TurnLost`](crate::Error::TurnLost); each
    /// ends the stream.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing.
    pub async fn next(&mut self) -> Option<Result<Notification>> {
        poll_fn(|context| self.turn.poll(context)).await
    }

    /// Waits for the end of the turn and returns everything that it produced, including what [`Self::next`] has
    /// already yielded; for a handle from [`Thread::turn_as`](crate::Thread::turn_as), as a value of the type.
    ///
    /// # Errors
    /// [`Error::TurnFailed`](crate::Error::TurnFailed), [`Error::TurnTimeout`](crate::Error::TurnTimeout),
    /// [`Error::BudgetSpent`](crate::Error::BudgetSpent), and
    /// [`Error::TurnIncomplete`](crate::Error::TurnIncomplete) if anything else broke the notifications off. An
    /// interrupted turn is not an error, unless a typed answer is expected: then it is
    /// [`Error::Answer`](crate::Error::Answer), as is an answer that doesn't fit.
    ///
    /// # Cancel safety
    /// Dropping the call gives up this handle but doesn't interrupt the turn.
    pub fn run(self) -> Call<O>
    where
        O: TurnOutput,
    {
        Call::new(async move { O::of(self.turn.collect().await?) })
    }

    /// Subscribes to the notifications of the turn's sub-agents, and of theirs, from now on:
    /// [`thread_id`](Notification::thread_id) tells them apart. What other handles receive is left out. The
    /// stream outlives the turn, as a sub-agent may.
    ///
    /// Their requests go to this client's handlers, with
    /// [`parent_thread_id`](crate::RequestContext::parent_thread_id) set. [`TurnResult::agents`] has their
    /// usage.
    pub fn agents(&self) -> NotificationStream {
        let thread_id = Arc::clone(&self.turn.control.thread_id);
        self.turn.control.codex.subscribe(Topic::Agents(thread_id))
    }

    /// A ticket to find this turn again, from this or another program, over any transport: see
    /// [`Codex::attach`](crate::Codex::attach). A review can be found only once it has ended: the runtime
    /// doesn't list it before.
    pub fn ticket(&self) -> TurnTicket {
        TurnTicket::new(self.thread_id(), self.id())
    }

    /// Detaches from the turn, which continues as long as its runtime does, and returns its [`Self::ticket`].
    /// For a goal, that is the turn that the handle began with.
    ///
    /// A runtime that is this program's child ends with its client and interrupts its turns; a server
    /// continues.
    pub fn detach(mut self) -> TurnTicket {
        self.turn.interrupt_when_dropped(false);
        self.ticket()
    }

    /// Adds input to the running turn (`turn/steer`); see [`TurnControl::steer`], also for errors.
    ///
    /// # Cancel safety
    /// Once sent, the input is added.
    pub fn steer(&self, input: impl Into<Input>) -> Call<TurnSteerResponse> {
        self.turn.control.steer(input)
    }

    /// Interrupts the turn (`turn/interrupt`); see [`TurnControl::interrupt`], also for errors.
    ///
    /// # Cancel safety
    /// Once sent, the turn is interrupted.
    pub fn interrupt(&self) -> Call<()> {
        self.turn.control.interrupt()
    }

    /// Changes settings for the rest of the turn (`turn/settings/update`); see [`TurnControl::update`].
    ///
    /// # Cancel safety
    /// Once sent, the settings change.
    pub fn update(&self) -> UpdateTurn {
        self.turn.control.update()
    }

    /// The controls of this turn, for use elsewhere.
    pub fn control(&self) -> TurnControl {
        self.turn.control.clone()
    }
}

impl<O> Stream for TurnHandle<O> {
    type Item = Result<Notification>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.turn.poll(context)
    }
}

debug_shows!(TurnHandle<O> {
    thread_id: turn.control.thread_id,
    id: turn.control.turn_id
});
