//! Turns whose end was missed: the runtime reports that their thread runs nothing, and no
//! `turn/completed` comes.
//!
//! Usually `turn/completed` follows at once, and the check below ends before it begins. Otherwise the
//! stored turn is read, and its end is routed as if it had arrived.

use std::sync::Arc;
use std::time::Duration;

use codex_types::{
    DecodeError, SortDirection, ThreadReadParams, ThreadStatus, ThreadTurnsListParams, Turn,
    TurnCompletedNotification, TurnItemsView, TurnStatus,
};
use tokio::time::sleep;

use crate::connection::Connection;
use crate::connection::event_queue::Notification;
use crate::connection::router::Router;
use crate::connection::router::entry::{Phase, Unclaimed};
use crate::connection::router::missed_ends::Doubt;
use crate::error::{Error, Result};

/// How long after the status of its thread `turn/completed` may come; it takes well below a millisecond.
const GRACE: Duration = Duration::from_secs(2);
/// How long reading a stored turn may take.
const READ: Duration = Duration::from_secs(10);
/// How many bytes a stored turn, and each of its items, counts for. The exact size would need the code that serializes
/// items, which nothing else here uses.
const STORED_ITEM: usize = 4 << 10;
/// How many turns to read. A thread runs one turn at a time, and a newer one would show that the end of
/// this was missed: this is the newest, unless another is about to begin.
const NEWEST: u32 = 2;

/// What the runtime says about a turn in doubt.
enum Found {
    /// It runs.
    Running,
    /// It is stored like this.
    Stored(Box<Turn>),
    /// It isn't stored.
    Nothing,
}

/// Finds out how a turn ended, unless its end arrives after all.
pub(super) async fn recover(connection: Arc<Connection>, mut doubt: Doubt) {
    tokio::select! {
        // Its end, or that of the connection.
        _ = doubt.phase.wait_for(|phase| *phase == Phase::Completed) => return,
        () = sleep(GRACE) => {}
    }
    // A runtime that has moved on isn't asked.
    if doubts(&mut connection.router(), &doubt) {
        let found = look_up(&connection, &doubt).await;
        conclude(&connection, &doubt, found);
    }
}

/// Routes the end of a turn as it was found.
fn conclude(connection: &Connection, doubt: &Doubt, found: Result<Found>) {
    let (thread_id, turn_id) = (&*doubt.thread_id, &*doubt.turn_id);
    let mut router = connection.router();
    // It may have arrived after all.
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
        Ok(Found::Stored(turn)) => {
            let completed = TurnCompletedNotification::new(thread_id, *turn);
            let bytes = STORED_ITEM * (1 + completed.turn.items.len());
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
    // Not under the lock: a log subscriber may use the client.
    tracing::warn!(thread_id, turn_id, "the end of a turn was missed");
}

async fn look_up(connection: &Arc<Connection>, doubt: &Doubt) -> Result<Found> {
    let after = READ.min(connection.limits.request_timeout);
    let read = ThreadReadParams::new(&*doubt.thread_id);
    // If this is refused, so is the request below.
    if let Ok(read) = connection.call(&read, Some(after)).await
        && let ThreadStatus::Active(_) = read.thread.status
    {
        return Ok(Found::Running);
    }
    let (turns, problems) = newest_turns(connection, &doubt.thread_id, after).await?;
    let turn = turns.into_iter().find(|turn| turn.id == doubt.turn_id);
    match turn {
        Some(turn) if turn.status == TurnStatus::InProgress => Ok(Found::Running),
        Some(turn) => Ok(Found::Stored(Box::new(turn))),
        // It may be the one that can't be read.
        None => match problems.into_iter().next() {
            Some(problem) => Err(problem.into()),
            None => Ok(Found::Nothing),
        },
    }
}

/// The newest turns of a thread with their items, the newest first, and what could not be read of them.
pub(crate) async fn newest_turns(
    connection: &Arc<Connection>,
    thread_id: &str,
    after: Duration,
) -> Result<(Vec<Turn>, Vec<DecodeError>)> {
    let mut list = ThreadTurnsListParams::new(thread_id);
    list.limit = Some(NEWEST);
    list.sort_direction = Some(SortDirection::Desc);
    list.items_view = Some(TurnItemsView::Full);
    let refused = match connection.read(&list, Some(after)).await {
        Ok(page) => return Ok((page.value.data, page.problems)),
        Err(refused) if refused.rpc().is_some() => refused,
        Err(error) => return Err(error),
    };
    // An older runtime doesn't have pages.
    let mut read = ThreadReadParams::new(thread_id);
    read.include_turns = Some(true);
    let read = connection.call(&read, Some(after)).await;
    let mut turns = read.map_err(|_| refused)?.thread.turns;
    turns.reverse();
    Ok((turns, Vec::new()))
}

fn doubts(router: &mut Router, doubt: &Doubt) -> bool {
    let thread = router.thread(&doubt.thread_id);
    thread.is_some_and(|thread| thread.doubts(&doubt.turn_id))
}

fn give_up(router: &mut Router, doubt: &Doubt, error: &Error) {
    router.end_unread(&doubt.thread_id, &doubt.turn_id);
    if let Some(thread) = router.thread(&doubt.thread_id) {
        thread.give_up(&doubt.turn_id, error);
    }
    router.settle(Some(&doubt.thread_id), Unclaimed::new());
}
