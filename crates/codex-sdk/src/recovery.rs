//! Turns whose end was missed: the runtime says that their thread runs nothing, and no
//! `turn/completed` comes.
//!
//! The one follows the other at once, as a rule, and the check below ends before it has begun. If it
//! doesn't, the turn is read as it is stored, and its end is routed as if it had come.

use std::{borrow::Cow, sync::Arc, time::Duration};

use tokio::{
    sync::watch,
    time::{Instant, sleep},
};

use crate::{
    Error, Notification, Result,
    connection::Connection,
    router::{Effects, Router},
    turns::{Phase, ThreadTurns, Unclaimed},
    types::{
        ClientMethod, SortDirection, ThreadActiveFlag, ThreadReadParams, ThreadStatus,
        ThreadTurnsListParams, Turn, TurnCompletedNotification, TurnItemsView, TurnStatus,
        decode_response,
    },
};

/// How long `turn/completed` may follow the status of its thread; it takes well below a millisecond.
const GRACE: Duration = Duration::from_secs(2);
/// How long reading a stored turn may take.
const READ: Duration = Duration::from_secs(10);
/// A thread runs one turn at a time, and a newer one would show that the end of this was missed: it is
/// the newest, unless one is about to begin.
const NEWEST: u32 = 2;

/// What the runtime says that a thread does.
#[derive(Debug, Default)]
pub(crate) struct Activity {
    /// It runs nothing.
    idle: bool,
    /// Its turn waits for an answer of this program, as the runtime says.
    waits: bool,
    /// When an answer was last waited for.
    waited: Option<Instant>,
}

impl Activity {
    pub(crate) fn note(&mut self, status: &ThreadStatus) {
        self.idle = matches!(
            status,
            ThreadStatus::Idle | ThreadStatus::SystemError | ThreadStatus::NotLoaded
        );
        let waits = match status {
            ThreadStatus::Active(active) => active.active_flags.iter().any(|flag| {
                use ThreadActiveFlag::{WaitingOnApproval, WaitingOnUserInput};
                matches!(flag, WaitingOnApproval | WaitingOnUserInput)
            }),
            _ => false,
        };
        if self.waits && !waits {
            self.answered();
        }
        self.waits = waits;
    }

    /// Notes that this program has answered a request of the runtime.
    pub(crate) fn answered(&mut self) {
        self.waited = Some(Instant::now());
    }

    pub(crate) fn begin(&mut self) {
        self.idle = false;
    }

    pub(crate) fn is_idle(&self) -> bool {
        self.idle
    }

    /// When it last waited for an answer: now, if it does.
    pub(crate) fn last_wait(&self) -> Option<Instant> {
        self.waits.then(Instant::now).or(self.waited)
    }
}

/// A turn that runs although its thread doesn't.
#[derive(Debug)]
pub(crate) struct Doubt {
    pub(crate) thread_id: String,
    pub(crate) turn_id: String,
    pub(crate) phase: watch::Receiver<Phase>,
}

impl ThreadTurns {
    /// Notes what the thread does. Returns a turn that seems to run although the thread doesn't, once.
    pub(crate) fn note_status(&mut self, thread_id: &str, status: &ThreadStatus) -> Option<Doubt> {
        self.activity.note(status);
        if !self.activity.is_idle() {
            return None;
        }
        let turn = self.active.iter_mut().find(|turn| !turn.doubted)?;
        turn.doubted = true;
        Some(Doubt {
            thread_id: thread_id.to_owned(),
            turn_id: turn.id.clone(),
            phase: turn.phase.subscribe(),
        })
    }

    /// Whether the end of a turn still seems to have been missed; if not, it is trusted again.
    pub(crate) fn doubts(&mut self, turn_id: &str) -> bool {
        let idle = self.activity.is_idle();
        let turn = self.active.iter_mut().find(|turn| turn.id == turn_id);
        turn.is_some_and(|turn| {
            turn.doubted &= idle;
            turn.doubted
        })
    }

    pub(crate) fn trust(&mut self, turn_id: &str) {
        if let Some(turn) = self.active.iter_mut().find(|turn| turn.id == turn_id) {
            turn.doubted = false;
        }
    }

    /// Ends a turn of which nothing tells how it ended.
    pub(crate) fn give_up(&mut self, turn_id: &str, error: &Error) {
        if let Some(goal) = &mut self.goal {
            goal.fail(turn_id, error);
        }
        for turn in self.active.iter_mut().filter(|turn| turn.id == turn_id) {
            for handle in &mut turn.handles {
                handle.fail(error);
            }
        }
        self.complete(turn_id, false);
    }
}

/// What the runtime tells of a turn in doubt.
enum Found {
    /// It runs.
    Running,
    /// It is stored as this. The number is the size of what told it.
    Stored(Box<Turn>, usize),
    /// It isn't stored.
    Nothing,
}

impl Connection {
    /// Finds out how a turn ended, unless it turns out to be well.
    pub(crate) async fn recover(self: Arc<Self>, mut doubt: Doubt) {
        tokio::select! {
            // Its end, or that of the connection.
            _ = doubt.phase.wait_for(|phase| *phase == Phase::Completed) => return,
            () = sleep(GRACE) => {}
        }
        // Nothing is asked of a runtime that has gone on.
        if doubts(&mut self.router(), &doubt) {
            let found = self.look_up(&doubt).await;
            self.conclude(&doubt, found);
        }
    }

    /// Routes the end of a turn as it was found.
    fn conclude(self: &Arc<Self>, doubt: &Doubt, found: Result<Found>) {
        let (thread_id, turn_id) = (&*doubt.thread_id, &*doubt.turn_id);
        let mut router = self.router();
        // It may have come after all.
        if !doubts(&mut router, doubt) {
            return;
        }
        let effects = match found {
            Ok(Found::Running) => {
                if let Some(thread) = router.thread(thread_id) {
                    thread.trust(turn_id);
                }
                return;
            }
            Ok(Found::Stored(turn, bytes)) => {
                let completed = TurnCompletedNotification::new(thread_id, *turn);
                router.deliver(Notification::TurnCompleted(Box::new(completed)), bytes)
            }
            not_found => {
                let error = Error::TurnLost {
                    thread_id: thread_id.to_owned(),
                    turn_id: turn_id.to_owned(),
                    source: not_found.err().map(Box::new),
                };
                give_up(&mut router, doubt, &error)
            }
        };
        drop(router);
        // Not under the lock: who listens to the log may use the client.
        tracing::warn!(thread_id, turn_id, "the end of a turn was missed");
        self.apply(effects);
    }

    async fn look_up(self: &Arc<Self>, doubt: &Doubt) -> Result<Found> {
        let read = ThreadReadParams::new(&*doubt.thread_id);
        // A refusal is met again below.
        if let Ok((read, _)) = self.ask(&read).await
            && let ThreadStatus::Active(_) = read.thread.status
        {
            return Ok(Found::Running);
        }
        let (turns, bytes) = self.newest_turns(&doubt.thread_id).await?;
        let turn = turns.into_iter().find(|turn| turn.id == doubt.turn_id);
        Ok(match turn {
            Some(turn) if turn.status == TurnStatus::InProgress => Found::Running,
            Some(turn) => Found::Stored(Box::new(turn), bytes),
            None => Found::Nothing,
        })
    }

    async fn newest_turns(self: &Arc<Self>, thread_id: &str) -> Result<(Vec<Turn>, usize)> {
        let mut list = ThreadTurnsListParams::new(thread_id);
        list.limit = Some(NEWEST);
        list.sort_direction = Some(SortDirection::Desc);
        list.items_view = Some(TurnItemsView::Full);
        let refused = match self.ask(&list).await {
            Ok((page, bytes)) => return Ok((page.data, bytes)),
            Err(refused) if refused.rpc().is_some() => refused,
            Err(error) => return Err(error),
        };
        // An older runtime has no pages.
        let mut read = ThreadReadParams::new(thread_id);
        read.include_turns = Some(true);
        let (read, bytes) = self.ask(&read).await.map_err(|_| refused)?;
        Ok((read.thread.turns, bytes))
    }

    async fn ask<M: ClientMethod>(self: &Arc<Self>, params: &M) -> Result<(M::Response, usize)> {
        let after = READ.min(self.limits.request_timeout);
        let request = self.outgoing(Cow::Borrowed(M::METHOD), params, Some(after))?;
        let reply = self.request(request, None).await?;
        let bytes = reply.result.get().len();
        Ok((decode_response::<M>(&reply.result)?, bytes))
    }
}

fn doubts(router: &mut Router, doubt: &Doubt) -> bool {
    let thread = router.thread(&doubt.thread_id);
    thread.is_some_and(|thread| thread.doubts(&doubt.turn_id))
}

fn give_up(router: &mut Router, doubt: &Doubt, error: &Error) -> Effects {
    if let Some(thread) = router.thread(&doubt.thread_id) {
        thread.give_up(&doubt.turn_id, error);
    }
    router.settle(Some(&doubt.thread_id), Unclaimed::new())
}
