//! Server requests as a stream, to be answered from anywhere.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll};

use codex_types::ServerRequest;
use futures_core::Stream;
use serde_json::value::RawValue;
use tokio::sync::{mpsc, oneshot, watch};

use crate::error::{Error, HandlerResult, Result};
use crate::server_requests::handler::{Answer, Answering, RequestContext};
use crate::server_requests::response::ServerResponse;

/// A stream of the runtime's server requests, from
/// [`CodexBuilder::server_requests`](crate::CodexBuilder::server_requests). It ends with the client.
///
/// Dropping it refuses all later requests. Requests that were taken from it can still be answered.
#[derive(Debug)]
#[must_use = "what isn't answered keeps a turn waiting"]
pub struct ServerRequests {
    receiver: mpsc::UnboundedReceiver<PendingRequest>,
}

impl ServerRequests {
    /// Returns the next request, or `None` once the client has ended.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing.
    pub async fn next(&mut self) -> Option<PendingRequest> {
        poll_fn(|context| self.receiver.poll_recv(context)).await
    }
}

impl Stream for ServerRequests {
    type Item = PendingRequest;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.receiver.poll_recv(context)
    }
}

/// A server request that waits for its answer, for seconds or for hours. Its turn waits with it; other turns go on.
///
/// If it is dropped without an answer, it is refused in the protocol's own way: see the defaults of
/// [`ServerRequestHandler`](crate::ServerRequestHandler).
#[derive(Debug)]
#[must_use = "dropped, it is refused"]
pub struct PendingRequest {
    /// What it belongs to: the thread, the turn, the item, the diffs of a file change.
    pub context: RequestContext,
    /// The request itself.
    pub request: ServerRequest,
    /// `None` once it is answered.
    answer: Mutex<Option<Answered>>,
    /// Gone as soon as the wait is known to be over.
    waits: Weak<()>,
    /// Its sender is dropped when nobody waits any more.
    waiting: watch::Receiver<()>,
}

type Answered = oneshot::Sender<Box<RawValue>>;

impl PendingRequest {
    /// Answers with the response to this request, or with a decision about a command or a file change.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] for a response to another kind of request: this one then still waits.
    /// [`Error::RequestWithdrawn`] if nobody waits any more: the turn has ended or was interrupted, the
    /// runtime got its answer elsewhere, this was already answered, or the client has ended.
    pub fn respond<R: ServerResponse>(&self, response: R) -> Result<()> {
        let method = self.request.method();
        if !R::answers(&self.request) {
            let problem = format!("this is no response to `{method}`: it still waits for one");
            return Err(Error::InvalidInput(problem));
        }
        let raw = response.raw().map_err(|error| Error::Encode {
            method: method.to_owned(),
            source: Arc::new(error),
        })?;
        let answer = self.lock().take().filter(|_| self.is_wanted());
        let answer = answer.and_then(|answer| answer.send(raw).ok());
        answer.ok_or_else(|| Error::RequestWithdrawn {
            method: method.to_owned(),
        })
    }

    /// Refuses the request, as dropping it does.
    pub fn refuse(&self) {
        self.lock().take();
    }

    /// Whether the runtime still waits for an answer.
    pub fn is_open(&self) -> bool {
        let is_open = |answer: &Answered| !answer.is_closed();
        self.is_wanted() && self.lock().as_ref().is_some_and(is_open)
    }

    /// Whether the request is still open. The task that waits for the answer learns of an end later than the turn's
    /// handle does.
    fn is_wanted(&self) -> bool {
        self.waits.strong_count() > 0
    }

    /// Waits until the runtime has its answer or no longer waits for one, for example to take a question off a page.
    /// Any number of tasks can wait.
    ///
    /// # Cancel safety
    /// Dropping the future changes nothing.
    pub async fn withdrawn(&self) {
        // An error means that the sender is gone.
        while self.waiting.clone().changed().await.is_ok() {}
    }

    fn lock(&self) -> MutexGuard<'_, Option<Answered>> {
        self.answer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Nobody has answered.
#[derive(Debug, thiserror::Error)]
#[error("the request was dropped")]
pub(crate) struct Dropped;

/// Answers through a stream.
pub(crate) struct Forward(mpsc::UnboundedSender<PendingRequest>);

/// A stream of requests, and its sending end.
pub(crate) fn requests() -> (Forward, ServerRequests) {
    let (sender, receiver) = mpsc::unbounded_channel();
    (Forward(sender), ServerRequests { receiver })
}

impl Answer for Forward {
    fn answer(
        self: Arc<Self>,
        context: RequestContext,
        request: ServerRequest,
    ) -> Answering<HandlerResult<Box<RawValue>>> {
        Box::pin(async move {
            let (answer, answered) = oneshot::channel();
            let (_waits, waiting) = watch::channel(());
            // If the stream is gone, the request is dropped and so refused.
            let _ = self.0.send(PendingRequest {
                waits: context.known.waits.clone(),
                context,
                request,
                answer: Mutex::new(Some(answer)),
                waiting,
            });
            match answered.await {
                Ok(answer) => Ok(answer),
                Err(_) => Err(Dropped.into()),
            }
        })
    }
}
