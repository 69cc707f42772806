//! Turns whose end was missed: the runtime says that their thread runs nothing, and no
//! `turn/completed` comes.
//!
//! The one follows the other at once, as a rule, and the check below ends before it has begun. If it
//! doesn't, the turn is read as it is stored, and its end is routed as if it had come.

use std::{borrow::Cow, sync::Arc, time::Duration};

use tokio::time::sleep;

use crate::{
    Error, Notification, Result,
    connection::Connection,
    entry::{Phase, Unclaimed},
    missed_ends::Doubt,
    router::Router,
    types::{
        ClientMethod, SortDirection, ThreadReadParams, ThreadStatus, ThreadTurnsListParams, Turn,
        TurnCompletedNotification, TurnItemsView, TurnStatus, decode_response,
    },
};

/// How long `turn/completed` may follow the status of its thread; it takes well below a millisecond.
const GRACE: Duration = Duration::from_secs(2);
/// How long reading a stored turn may take.
const READ: Duration = Duration::from_secs(10);
/// A thread runs one turn at a time, and a newer one would show that the end of this was missed: it is
/// the newest, unless one is about to begin.
const NEWEST: u32 = 2;

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
        match found {
            Ok(Found::Running) => {
                if let Some(thread) = router.thread(thread_id) {
                    thread.trust(turn_id);
                }
                return;
            }
            Ok(Found::Stored(turn, bytes)) => {
                let completed = TurnCompletedNotification::new(thread_id, *turn);
                router.deliver(Notification::TurnCompleted(Box::new(completed)), bytes);
            }
            not_found => {
                let error = Error::TurnLost {
                    thread_id: thread_id.to_owned(),
                    turn_id: turn_id.to_owned(),
                    source: not_found.err().map(Box::new),
                };
                give_up(&mut router, doubt, &error);
            }
        }
        drop(router);
        // Not under the lock: who listens to the log may use the client.
        tracing::warn!(thread_id, turn_id, "the end of a turn was missed");
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

fn give_up(router: &mut Router, doubt: &Doubt, error: &Error) {
    if let Some(thread) = router.thread(&doubt.thread_id) {
        thread.give_up(&doubt.turn_id, error);
    }
    router.settle(Some(&doubt.thread_id), Unclaimed::new());
}
