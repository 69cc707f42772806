//! A scripted Responses API: the model answers what the test scripts.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::panic::Location;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::oneshot;

use crate::deadline::within;

mod events;
mod gate;
mod reply;
mod request;
mod server;

pub use gate::Gate;
pub use reply::{Reply, Usage};
pub use request::RecordedRequest;

use server::{Script, Shared};

/// A Responses API on loopback that answers from a queue and records its requests.
///
/// Each `POST …/responses` or `POST …/responses/compact` takes one [`Reply`] from the queue. If the
/// queue is empty, the [default reply](Self::default_reply) is used; without one, the answer is
/// HTTP 400, which fails the turn with the message that no reply is left. A compaction by path gets
/// the reply's items as one JSON body instead of events. `GET …/models` lists one model.
///
/// The server runs on its own thread until this value is dropped. Dropping never blocks, closes
/// every open stream, and may happen outside a Tokio runtime.
#[derive(Debug)]
pub struct ScriptedModel {
    address: SocketAddr,
    shared: Arc<Shared>,
    deadline: Mutex<Duration>,
    /// Stops the server when dropped.
    _stop: oneshot::Sender<Infallible>,
}

impl ScriptedModel {
    /// Starts serving on a free port of 127.0.0.1.
    ///
    /// # Errors
    ///
    /// If no port can be bound or no thread can be started.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future starts nothing.
    pub async fn start() -> io::Result<Self> {
        Self::serve(TcpListener::bind(("127.0.0.1", 0)).await?.into_std()?)
    }

    /// Starts serving like [`start`](Self::start), for tests without an async runtime.
    ///
    /// # Errors
    ///
    /// If no port can be bound or no thread can be started.
    pub fn start_blocking() -> io::Result<Self> {
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0))?;
        listener.set_nonblocking(true)?;
        Self::serve(listener)
    }

    fn serve(listener: std::net::TcpListener) -> io::Result<Self> {
        let address = listener.local_addr()?;
        let shared = Arc::<Shared>::default();
        let (stop, stopped) = oneshot::channel();
        server::spawn(listener, Arc::clone(&shared), stopped)?;
        Ok(Self {
            address,
            shared,
            deadline: Mutex::new(Duration::from_secs(30)),
            _stop: stop,
        })
    }

    /// Returns the `base_url` for a model provider, `http://127.0.0.1:PORT/v1`.
    pub fn base_url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    /// Queues a reply.
    pub fn push(&self, reply: Reply) {
        self.shared.script().replies.push_back(reply);
    }

    /// Sets the reply for requests that find the queue empty.
    pub fn default_reply(&self, reply: Reply) {
        self.shared.script().default = Some(reply);
    }

    /// Returns the number of queued replies not yet used.
    pub fn queued(&self) -> usize {
        self.shared.script().replies.len()
    }

    /// Returns all requests so far in order of arrival, including those answered with an error.
    pub fn requests(&self) -> Vec<RecordedRequest> {
        self.shared.script().requests.clone()
    }

    /// Returns all requests so far and forgets them, for programs that run for a long time. Those that come later are
    /// counted anew: [`wait_for_requests`](Self::wait_for_requests) doesn't see what was taken.
    pub fn take_requests(&self) -> Vec<RecordedRequest> {
        let mut script = self.shared.script();
        script.taken = 0;
        std::mem::take(&mut script.requests)
    }

    /// Sets how long [`next_request`](Self::next_request) and
    /// [`wait_for_requests`](Self::wait_for_requests) wait; 30 seconds by default.
    pub fn set_deadline(&self, deadline: Duration) {
        *self.deadline.lock().unwrap_or_else(PoisonError::into_inner) = deadline;
    }

    /// Waits for the first request that this function hasn't returned yet.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future takes no request.
    ///
    /// # Panics
    ///
    /// The future panics with a list of all requests if none arrives before the deadline.
    #[track_caller]
    pub fn next_request(&self) -> impl Future<Output = RecordedRequest> + Send + '_ {
        self.wait(Location::caller(), "further request", |script| {
            let request = script.requests.get(script.taken)?.clone();
            script.taken += 1;
            Some(request)
        })
    }

    /// Waits until there have been `count` requests in total, and returns all requests so far.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing.
    ///
    /// # Panics
    ///
    /// The future panics with a list of all requests if they don't arrive before the deadline.
    #[track_caller]
    pub fn wait_for_requests(
        &self,
        count: usize,
    ) -> impl Future<Output = Vec<RecordedRequest>> + Send + '_ {
        self.wait(Location::caller(), "request count", move |script| {
            (script.requests.len() >= count).then(|| script.requests.clone())
        })
    }

    async fn wait<T>(
        &self,
        caller: &Location<'_>,
        what: &str,
        mut ready: impl FnMut(&mut Script) -> Option<T>,
    ) -> T {
        let limit = *self.deadline.lock().unwrap_or_else(PoisonError::into_inner);
        // Subscribe before the first check: a request in between then shows as a change.
        let mut recorded = self.shared.recorded.subscribe();
        let found = async {
            loop {
                if let Some(found) = ready(&mut self.shared.script()) {
                    return found;
                }
                // The channel can't close: `self` holds the sender.
                let _ = recorded.changed().await;
            }
        };
        within(limit, caller, what, found, || self.summary()).await
    }

    fn summary(&self) -> String {
        let script = self.shared.script();
        let requests = script.requests.iter();
        let lines: Vec<_> = requests
            .map(|request| {
                let last = request.input_items().last();
                let last = last.map(ToString::to_string).unwrap_or_default();
                format!("{} {} {last}", request.method, request.path)
            })
            .collect();
        format!("requests so far: {}\n{}", lines.len(), lines.join("\n"))
    }
}
