use serde_json::value::RawValue;

use crate::support::encode;
use crate::{DecodeError, ServerNotification};

/// A notification of the server with the time the runtime stamped on it.
#[derive(Debug, Clone, PartialEq)]
pub struct NotificationEnvelope {
    /// The notification.
    pub notification: ServerNotification,
    /// When the runtime sent it, in milliseconds of Unix time.
    pub emitted_at_ms: Option<i64>,
}

impl NotificationEnvelope {
    /// Decodes the parts of a [`Message::Notification`](crate::Message::Notification).
    ///
    /// # Errors
    ///
    /// If the method is known, and its params are not of its type.
    pub fn decode(
        method: &str,
        params: Option<&RawValue>,
        emitted_at_ms: Option<i64>,
    ) -> Result<Self, DecodeError> {
        Ok(Self {
            notification: ServerNotification::decode(method, params)?,
            emitted_at_ms,
        })
    }

    /// Encodes the whole line, without its end.
    ///
    /// # Errors
    ///
    /// If the params cannot be written as JSON.
    pub fn encode(&self) -> Result<String, serde_json::Error> {
        encode::notification(&self.notification, self.emitted_at_ms)
    }
}

impl From<ServerNotification> for NotificationEnvelope {
    fn from(notification: ServerNotification) -> Self {
        Self {
            notification,
            emitted_at_ms: None,
        }
    }
}

impl ServerNotification {
    /// The piece of the agent's message, if it is an `item/agentMessage/delta`.
    pub fn text_delta(&self) -> Option<&str> {
        match self {
            Self::ItemAgentMessageDelta(body) => Some(&body.delta),
            _ => None,
        }
    }
}
