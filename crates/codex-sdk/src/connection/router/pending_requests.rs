//! What the runtime asks of this program, until it is answered.

use std::collections::HashMap;

use codex_types::{RequestId, ServerRequest};
use tokio::sync::oneshot;

use crate::connection::router::lifecycle::{Change, Lifecycle};
use crate::tool::{Tool, Toolbox};

/// A request that waits for its answer. Dropping it drops the future of its handler.
#[derive(Debug)]
pub(crate) struct PendingRequest {
    pub(crate) thread_id: Option<String>,
    pub(crate) turn_id: Option<String>,
    pub(crate) _until: oneshot::Sender<()>,
}

/// The requests that wait for their answers, and the tools that answer some of them.
#[derive(Debug, Default)]
pub(crate) struct PendingRequests {
    requests: HashMap<RequestId, PendingRequest>,
    /// By thread.
    tools: HashMap<String, Toolbox>,
}

impl PendingRequests {
    pub(crate) fn add(&mut self, id: RequestId, request: PendingRequest) {
        self.requests.insert(id, request);
    }

    pub(crate) fn remove(&mut self, id: &RequestId) -> Option<PendingRequest> {
        self.requests.remove(id)
    }

    pub(crate) fn count(&self) -> usize {
        self.requests.len()
    }

    /// Whether the turn of a thread waits for an answer.
    pub(crate) fn is_waited_for(&self, thread_id: &str) -> bool {
        let mut requests = self.requests.values();
        requests.any(|request| request.thread_id.as_deref() == Some(thread_id))
    }

    /// Gives a thread its tools. Those that it had are for the caller to drop, like those that
    /// [`Self::withdraw`] returns: what they hold may use the client, which needs the lock.
    pub(crate) fn equip(&mut self, thread_id: &str, tools: Toolbox) -> Option<Toolbox> {
        if tools.is_empty() {
            return None;
        }
        self.tools.insert(thread_id.to_owned(), tools)
    }

    /// The tool of this program that is called.
    pub(crate) fn tool(&self, request: &ServerRequest) -> Option<Tool> {
        match request {
            ServerRequest::ItemToolCall(call) => self.tools.get(&call.thread_id)?.find(call),
            _ => None,
        }
    }

    /// Drops the requests that are of no use any more, and returns the tools that aren't.
    pub(crate) fn withdraw(&mut self, event: &Lifecycle) -> Option<Toolbox> {
        let thread_id = Some(&event.thread_id);
        match &event.change {
            Change::Completed { turn_id, .. } => {
                self.requests.retain(|_, request| {
                    request.thread_id.as_ref() != thread_id
                        || request.turn_id.as_ref() != Some(turn_id)
                });
                None
            }
            Change::Closed => {
                self.requests
                    .retain(|_, request| request.thread_id.as_ref() != thread_id);
                self.tools.remove(&event.thread_id)
            }
            _ => None,
        }
    }
}
