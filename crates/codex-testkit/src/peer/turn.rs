use std::panic::Location;

use serde_json::{Value, json};

use super::{Peer, shapes};

/// Sends the notifications of one turn, in whatever order the test calls for.
///
/// # Cancel safety
///
/// As for [`Peer`]: a dropped future has sent its whole notification or nothing.
///
/// # Panics
///
/// Panics like [`Peer`] if the client has stopped reading.
#[derive(Debug)]
pub struct PeerTurn<'a> {
    peer: &'a mut Peer,
    thread_id: &'a str,
    turn_id: &'a str,
    /// The location in the test, for panic messages.
    caller: &'static Location<'static>,
}

impl<'a> PeerTurn<'a> {
    #[track_caller]
    pub(super) fn new(peer: &'a mut Peer, thread_id: &'a str, turn_id: &'a str) -> Self {
        Self {
            peer,
            thread_id,
            turn_id,
            caller: Location::caller(),
        }
    }

    /// Plays a whole turn that answers `text`: started, one message, usage, completed.
    ///
    /// # Cancel safety
    ///
    /// Notifications that were sent stay sent if the future is dropped halfway.
    pub async fn play(&mut self, text: &str) {
        let id = format!("{}-message", self.turn_id);
        self.started().await;
        self.item_started(shapes::agent_message(&id, "")).await;
        self.delta(&id, text).await;
        self.item_completed(shapes::agent_message(&id, text)).await;
        self.usage(shapes::token_usage(10, 5)).await;
        self.completed("completed").await;
    }

    /// Sends `turn/started`, with the status `inProgress`.
    pub async fn started(&mut self) {
        let turn = shapes::turn(self.turn_id, "inProgress");
        let params = json!({"threadId": self.thread_id, "turn": turn});
        self.notify("turn/started", params).await;
    }

    /// Sends `item/started` with this `ThreadItem`, for example [`shapes::agent_message`].
    pub async fn item_started(&mut self, item: Value) {
        let params = self.params(json!({"item": item, "startedAtMs": shapes::NOW_MS}));
        self.notify("item/started", params).await;
    }

    /// Sends `item/agentMessage/delta`: more text of the message `item_id`.
    pub async fn delta(&mut self, item_id: &str, delta: &str) {
        let params = self.params(json!({"itemId": item_id, "delta": delta}));
        self.notify("item/agentMessage/delta", params).await;
    }

    /// Sends `item/completed` with this `ThreadItem`.
    pub async fn item_completed(&mut self, item: Value) {
        let params = self.params(json!({"item": item, "completedAtMs": shapes::NOW_MS}));
        self.notify("item/completed", params).await;
    }

    /// Sends `thread/tokenUsage/updated` with this usage, for example [`shapes::token_usage`].
    pub async fn usage(&mut self, usage: Value) {
        let params = self.params(json!({"tokenUsage": usage}));
        self.notify("thread/tokenUsage/updated", params).await;
    }

    /// Sends `error` with this `TurnError`. It doesn't end the turn: `turn/completed` or a retry
    /// follows.
    pub async fn error(&mut self, error: Value, will_retry: bool) {
        let params = self.params(json!({"error": error, "willRetry": will_retry}));
        self.notify("error", params).await;
    }

    /// Sends `turn/completed` with `completed`, `interrupted` or `failed`.
    pub async fn completed(&mut self, status: &str) {
        let turn = shapes::turn(self.turn_id, status);
        self.completed_as(turn).await;
    }

    /// Sends `turn/completed` with `failed` and this `TurnError`.
    pub async fn failed(&mut self, error: Value) {
        let mut turn = shapes::turn(self.turn_id, "failed");
        turn["error"] = error;
        self.completed_as(turn).await;
    }

    async fn completed_as(&mut self, turn: Value) {
        let params = json!({"threadId": self.thread_id, "turn": turn});
        self.notify("turn/completed", params).await;
    }

    async fn notify(&mut self, method: &str, params: Value) {
        self.peer.notify_at(self.caller, method, params).await;
    }

    fn params(&self, mut params: Value) -> Value {
        params["threadId"] = json!(self.thread_id);
        params["turnId"] = json!(self.turn_id);
        params
    }
}
