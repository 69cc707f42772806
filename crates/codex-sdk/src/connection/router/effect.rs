//! What is left to do once the router's lock is released.

use tokio::sync::oneshot;

use crate::connection::event_queue::Notification;
use crate::connection::router::bound::Share;
use crate::connection::router::entry::Orphan;
use crate::connection::router::missed_ends::Doubt;
use crate::tool::Toolbox;

/// Work for [`upkeep`](crate::tasks::upkeep), once the lock is released.
#[derive(Debug)]
pub(crate) enum Effect {
    /// Interrupt a turn that nobody is on any more.
    Interrupt(Orphan),
    /// Pause the goal of this thread.
    PauseGoal(String),
    /// Let turns begin on this thread again, after a while.
    AcceptTurns(String),
    /// Look up how a turn ended.
    LookUp(Doubt),
    /// Drop the tools of a thread that was closed.
    Drop(Toolbox),
    /// Signal, by dropping this, that everything before it is under way.
    Tell(oneshot::Sender<()>),
    /// Log what nobody had subscribed to, and how many before it weren't logged because the log was too slow.
    Log {
        unheard: Notification,
        missed: usize,
        _share: Share,
    },
}
