//! Server requests, until they are answered.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Weak};

use codex_types::RequestId;
use tokio::sync::oneshot;

use crate::connection::router::lifecycle::{Change, Lifecycle};

/// A request that waits for its answer. Dropping it drops the future of its handler.
#[derive(Debug)]
pub(crate) struct PendingRequest {
    pub(crate) thread_id: Option<String>,
    pub(crate) turn_id: Option<String>,
    state: State,
}

#[derive(Debug)]
enum State {
    Waiting {
        _until: oneshot::Sender<()>,
        /// What [`Context::waits`](super::server_request::Context::waits) points to: gone as soon as the end is seen,
        /// before anybody learns of it.
        waits: Arc<()>,
    },
    /// The runtime may ask again before it has read this line.
    Answered(String),
}

/// The state of a request that comes again with the same id.
pub(crate) enum Repeated {
    /// It is still being answered.
    Waiting,
    /// It is answered with the same line.
    Answered(String),
}

/// How many answers are kept that the runtime hasn't confirmed, and of how many bytes. It confirms each at once, so
/// these are for one that never does.
const MOST_ANSWERS: usize = 1000;
const MOST_BYTES: usize = 16 << 20;

/// The requests that the runtime has no answer to, as far as is known.
#[derive(Debug, Default)]
pub(crate) struct PendingRequests {
    requests: HashMap<RequestId, PendingRequest>,
    /// Those that are answered, the oldest first, and how long their answers are.
    answered: VecDeque<(RequestId, usize)>,
    bytes: usize,
}

impl PendingRequest {
    pub(crate) fn new(
        thread_id: Option<String>,
        turn_id: Option<String>,
        until: oneshot::Sender<()>,
    ) -> Self {
        let state = State::Waiting {
            _until: until,
            waits: Arc::default(),
        };
        Self {
            thread_id,
            turn_id,
            state,
        }
    }

    /// Lives as long as this waits.
    pub(super) fn waits(&self) -> Weak<()> {
        match &self.state {
            State::Waiting { waits, .. } => Arc::downgrade(waits),
            State::Answered(_) => Weak::new(),
        }
    }

    fn is_waiting(&self) -> bool {
        matches!(self.state, State::Waiting { .. })
    }
}

impl PendingRequests {
    pub(super) fn repeated(&self, id: &RequestId) -> Option<Repeated> {
        Some(match &self.requests.get(id)?.state {
            State::Waiting { .. } => Repeated::Waiting,
            State::Answered(line) => Repeated::Answered(line.clone()),
        })
    }

    pub(super) fn add(&mut self, id: RequestId, request: PendingRequest) {
        self.requests.insert(id, request);
    }

    /// Records the answer. Returns whether one is wanted, and for which thread.
    pub(super) fn answer(&mut self, id: &RequestId, line: &str) -> (bool, Option<String>) {
        let Some(request) = self.requests.get_mut(id).filter(|it| it.is_waiting()) else {
            return (false, None);
        };
        let thread_id = request.thread_id.clone();
        request.state = State::Answered(line.to_owned());
        if thread_id.is_none() {
            // Only what belongs to a thread is asked again.
            self.requests.remove(id);
        } else {
            let ids = [&request.thread_id, &request.turn_id];
            let bytes = line.len() + ids.into_iter().flatten().map(String::len).sum::<usize>();
            self.answered.push_back((id.clone(), bytes));
            self.bytes += bytes;
            while self.answered.len() > MOST_ANSWERS || self.bytes > MOST_BYTES {
                self.forget_oldest();
            }
        }
        (true, thread_id)
    }

    fn forget_oldest(&mut self) {
        if let Some((id, bytes)) = self.answered.pop_front() {
            self.bytes -= bytes;
            self.requests.remove(&id);
        }
    }

    /// Forgets the answers of requests that are gone.
    fn keep_answers(&mut self) {
        let requests = &self.requests;
        self.answered.retain(|(id, _)| requests.contains_key(id));
        self.bytes = self.answered.iter().map(|(_, bytes)| bytes).sum();
    }

    /// Records that the runtime has its answer.
    pub(super) fn resolve(&mut self, id: &RequestId) -> Option<String> {
        let request = self.requests.remove(id)?;
        if !request.is_waiting() {
            self.keep_answers();
        }
        request.thread_id.clone().filter(|_| request.is_waiting())
    }

    pub(super) fn count(&self) -> usize {
        self.requests
            .values()
            .filter(|request| request.is_waiting())
            .count()
    }

    /// Whether the turn of one of these threads waits for an answer.
    pub(super) fn is_waited_for(&self, is_of: impl Fn(&str) -> bool) -> bool {
        let mut requests = self.requests.values();
        requests.any(|it| it.is_waiting() && it.thread_id.as_deref().is_some_and(&is_of))
    }

    /// Drops the requests that `event` makes obsolete.
    pub(super) fn withdraw(&mut self, event: &Lifecycle) {
        let of_thread = |it: &PendingRequest| it.thread_id.as_ref() == Some(&event.thread_id);
        match &event.change {
            Change::Completed { turn_id, .. } => {
                let of_turn = |it: &PendingRequest| it.turn_id.as_ref() == Some(turn_id);
                self.requests.retain(|_, it| !of_thread(it) || !of_turn(it));
            }
            Change::Closed => self.requests.retain(|_, it| !of_thread(it)),
            _ => return,
        }
        self.keep_answers();
    }
}
