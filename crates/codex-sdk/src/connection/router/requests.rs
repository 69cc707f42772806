//! How the router handles server requests.

use std::sync::Weak;

use codex_types::{RequestId, ServerRequest};
use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::connection::router::Router;
use crate::connection::router::lifecycle::{Change, Lifecycle};
use crate::connection::router::pending_requests::{PendingRequest, Repeated};
use crate::connection::router::server_request::{Asked, Context};
use crate::tool::Toolbox;

impl Router {
    /// Registers a server request, unless it was asked before.
    pub(crate) fn ask(
        &mut self,
        id: &RequestId,
        request: &ServerRequest,
        until: oneshot::Sender<()>,
    ) -> Asked {
        match self.requests.repeated(id) {
            Some(Repeated::Waiting) => return Asked::Again,
            Some(Repeated::Answered(line)) => return Asked::Answered(line),
            None => {}
        }
        let (thread_id, turn_id) = (request.thread_id(), request.turn_id());
        let turn = thread_id.zip(turn_id);
        if turn.is_some_and(|(thread, turn)| self.threads_known.has_ended(thread, turn)) {
            return Asked::TooLate;
        }
        let thread = thread_id.and_then(|id| self.threads.get(id));
        let item = thread.zip(request.item_id());
        let begun = thread
            .zip(turn_id)
            .is_some_and(|(thread, id)| thread.running() == Some(id));
        let item = item.and_then(|(thread, item_id)| thread.announced.asked_for(item_id));
        let known = &self.threads_known;
        let root = thread_id.map(|id| known.parents(id).last().unwrap_or(id));
        let mut context = Context {
            parent_thread_id: thread_id.and_then(|id| known.parent(id)).map(str::to_owned),
            root_thread_id: root.map(str::to_owned),
            is_replay: turn_id.is_some() && !begun && item.is_none(),
            item,
            waits: Weak::new(),
        };
        let tool = match request {
            ServerRequest::ItemToolCall(call) => self.threads_known.tool(call),
            _ => None,
        };
        if self.closed.is_none() {
            let owned = |part: Option<&str>| part.map(str::to_owned);
            let pending = PendingRequest::new(owned(thread_id), owned(turn_id), until);
            context.waits = pending.waits();
            self.requests.add(id.clone(), pending);
        }
        Asked::New(context, tool)
    }

    /// Records the answer to a server request; `false` if it isn't wanted any more.
    pub(crate) fn answered(&mut self, id: &RequestId, line: &str) -> bool {
        let (wanted, thread_id) = self.requests.answer(id, line);
        self.note_answer(thread_id.as_deref());
        wanted
    }

    /// Withdraws the requests that `event` makes obsolete, including those of a turn within one that has ended.
    pub(crate) fn withdraw(&mut self, event: &Lifecycle) {
        if let Change::Completed { turn_id, .. } = &event.change
            && let Some(inner) = self.nested.innermost(&event.thread_id, turn_id)
        {
            let inner = Lifecycle::completed(&event.thread_id, inner);
            self.requests.withdraw(&inner);
        }
        self.requests.withdraw(event);
    }

    /// Withdraws all requests. Drop the returned value after releasing the lock.
    pub(crate) fn withdraw_all(&mut self) -> impl Sized + use<> {
        std::mem::take(&mut self.requests)
    }

    pub(super) fn note_answer(&mut self, thread_id: Option<&str>) {
        if let Some(thread) = thread_id.and_then(|id| self.threads.get_mut(id)) {
            thread.activity.answered();
        }
    }

    /// When a thread's turn, or that of one of its sub-agents, last waited for an answer from this program: now, if it
    /// still waits.
    pub(crate) fn last_wait(&self, thread_id: &str) -> Option<Instant> {
        let is_of = |id: &str| self.threads_known.descends(id, thread_id);
        if self.requests.is_waited_for(is_of) {
            return Some(Instant::now());
        }
        let threads = self.threads.iter().filter(|(id, _)| is_of(id));
        threads
            .filter_map(|(_, thread)| thread.activity.last_wait())
            .max()
    }

    /// Gives a thread its old tools back. Drop the returned value after releasing the lock.
    pub(crate) fn restore(&mut self, thread_id: &str, tools: Toolbox) -> Option<Toolbox> {
        self.threads_known.restore(thread_id, tools)
    }

    /// Gives a thread its tools, else those of its source. Drop the returned value after releasing the lock.
    pub(crate) fn equip(
        &mut self,
        thread_id: &str,
        source: Option<&str>,
        tools: Toolbox,
    ) -> Option<Toolbox> {
        if self.closed.is_some() {
            return Some(tools);
        }
        self.threads_known.equip(thread_id, source, tools)
    }
}
