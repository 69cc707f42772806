//! A turn that runs, or is about to.

use crate::connection::router::entry::{Entry, Phase};
use crate::connection::wakes::Watched;

#[derive(Debug)]
pub(crate) struct ActiveTurn {
    pub(crate) id: String,
    pub(crate) phase: Watched<Phase>,
    pub(crate) entries: Vec<Entry>,
    pub(super) interest: Interest,
    /// Whether this client joined after it began.
    pub(super) joined: bool,
    /// Whether its end may have been missed, which is being checked.
    pub(crate) doubted: bool,
}

/// Whether this client still needs a turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Interest {
    Wanted,
    /// Its last handle was a pending `run` that was dropped, or has passed a deadline.
    Orphaned,
    /// It was an orphan, and its interrupt is on its way.
    Interrupting,
}

impl ActiveTurn {
    /// Has it interrupted, unless that is already on its way.
    pub(super) fn orphan(&mut self) {
        if self.interest == Interest::Wanted {
            self.interest = Interest::Orphaned;
        }
    }
}
