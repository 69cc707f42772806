//! The end of a login.

use std::sync::Arc;

use tokio::sync::Mutex;

use crate::call::Call;
use crate::codex::inner::CodexInner;
use crate::codex::notifications::NotificationStream;
use crate::connection::event_queue::Notification;
use crate::connection::router::subscriptions::Topic;

/// The end of one login. It watches from before the login begins, so that no end can come too early.
pub(super) struct LoginEnd<T> {
    codex: Arc<CodexInner>,
    state: Arc<Mutex<State<T>>>,
}

struct State<T> {
    ends: NotificationStream,
    /// Kept for whoever waits again.
    own: Option<T>,
}

impl<T> Clone for LoginEnd<T> {
    fn clone(&self) -> Self {
        Self {
            codex: Arc::clone(&self.codex),
            state: Arc::clone(&self.state),
        }
    }
}

impl<T: Clone + Send + 'static> LoginEnd<T> {
    /// Must be called before the login begins.
    pub(super) fn subscribe(codex: &Arc<CodexInner>) -> Self {
        let ends = codex.subscribe(Topic::Logins);
        Self {
            codex: Arc::clone(codex),
            state: Arc::new(Mutex::new(State { ends, own: None })),
        }
    }

    pub(super) fn codex(&self) -> &Arc<CodexInner> {
        &self.codex
    }

    /// Waits for the end that `own` picks from the notifications.
    pub(super) fn wait(&self, own: impl Fn(Notification) -> Option<T> + Send + 'static) -> Call<T> {
        let login = self.clone();
        Call::new(async move {
            let mut state = login.state.lock().await;
            loop {
                if let Some(end) = &state.own {
                    return Ok(end.clone());
                }
                let Some(next) = state.ends.next().await else {
                    // Another caller got the error that ended the stream.
                    return Err(login.codex.connection.ended().await);
                };
                state.own = own(next?);
            }
        })
    }
}
