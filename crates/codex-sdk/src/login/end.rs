//! The end of a login.

use std::sync::Arc;

use tokio::sync::Mutex;

use crate::call::Call;
use crate::codex::inner::CodexInner;
use crate::codex::notifications::NotificationStream;
use crate::connection::event_queue::Notification;
use crate::connection::router::subscriptions::Topic;

/// The end of one login, of all that came since before it was begun, so that none can come too early.
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
    /// To be called before the login is begun.
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

    /// Waits for the end that `own` takes out of what comes.
    pub(super) fn wait(&self, own: impl Fn(Notification) -> Option<T> + Send + 'static) -> Call<T> {
        let login = self.clone();
        Call::new(async move {
            let mut state = login.state.lock().await;
            loop {
                if let Some(end) = &state.own {
                    return Ok(end.clone());
                }
                let Some(next) = state.ends.next().await else {
                    // Somebody else has had the error that ended the stream.
                    return Err(login.codex.connection.ended().await);
                };
                state.own = own(next?);
            }
        })
    }
}
