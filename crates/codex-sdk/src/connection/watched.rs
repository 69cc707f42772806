//! What an observer of a thread needs.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use crate::connection::Connection;
use crate::connection::event_queue::EventReceiver;
use crate::connection::router::subscriptions::Joined;

impl Connection {
    /// Subscribes to everything on a thread.
    pub(crate) fn watch(&self, thread_id: &Arc<str>) -> (EventReceiver, Joined) {
        let (sender, events) = self.event_queue();
        let joined = self.router().watch(thread_id, sender);
        (events, joined)
    }

    /// Polls, once, a future that is awaited later. A request is then on its way, unless it has to wait for its place
    /// in flight.
    pub(crate) fn begin<T>(&self, future: Pin<&mut (dyn Future<Output = T> + Send)>) -> Poll<T> {
        if self.closed.borrow().is_some() {
            return Poll::Pending;
        }
        // Its timers are those of the connection: the caller may be outside an async runtime.
        let _entered = self.tasks.enter();
        future.poll(&mut Context::from_waker(Waker::noop()))
    }
}
