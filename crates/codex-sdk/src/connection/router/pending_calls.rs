//! Requests of this program that aren't answered yet.

use std::borrow::Cow;
use std::sync::Arc;

use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::sync::{OwnedSemaphorePermit, oneshot, watch};

use crate::connection::router::entry::Phase;
use crate::connection::wakes::Late;
use crate::error::Result;

/// What a caller gets from the reply to its request.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) result: Box<RawValue>,
    /// For `turn/start`: the phase of the turn that was started or joined.
    pub(crate) phase: Option<watch::Receiver<Phase>>,
}

/// A request that was queued and not yet answered.
#[derive(Debug)]
pub(crate) struct PendingCall {
    pub(crate) method: Cow<'static, str>,
    pub(crate) reply: Late<oneshot::Sender<Result<Reply>>>,
    /// The thread on which this request starts a turn.
    pub(crate) starts_on: Option<Arc<str>>,
    /// Counted against the requests in flight until the reply or the deadline.
    pub(crate) permit: Option<Late<OwnedSemaphorePermit>>,
}

/// The id in the reply to `turn/start`.
pub(super) fn started_turn(result: &RawValue) -> Option<Cow<'_, str>> {
    #[derive(Deserialize)]
    struct Started<'a> {
        #[serde(borrow)]
        turn: Turn<'a>,
    }
    #[derive(Deserialize)]
    struct Turn<'a> {
        #[serde(borrow)]
        id: Cow<'a, str>,
    }
    let started: Started<'_> = serde_json::from_str(result.get()).ok()?;
    Some(started.turn.id)
}
