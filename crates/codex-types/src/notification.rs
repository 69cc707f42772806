use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

use crate::support::{RawParams, encode, serialize_message};
use crate::{DecodeError, ServerNotification, ServerRequest};

/// A notification from the server with the runtime's timestamp.
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
    /// If the method is known, but the params don't have its type.
    #[inline]
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

    /// Decodes a whole line in one pass instead of the two of
    /// [`Message::parse`](crate::Message::parse) and [`Self::decode`]. It accepts notifications
    /// exactly as the runtime writes them: without spaces, with the method, the params and nothing
    /// else but the time.
    ///
    /// Returns `None` for any other line, and for one that can't be read. Use those two functions
    /// to read the first, and to learn what is wrong with the second.
    #[inline]
    pub fn decode_line(line: &[u8]) -> Option<Self> {
        let line = str::from_utf8(line).ok()?.strip_prefix("{\"method\":\"")?;
        let (method, line) = line.split_once('"')?;
        if method.contains('\\') {
            return None;
        }
        let params = RawParams::at_start_of(method, line.strip_prefix(",\"params\":")?);
        let notification = ServerNotification::decode_params(method, &params).ok()?;
        let end = params.rest().strip_suffix('}')?;
        let emitted_at_ms = match end.strip_prefix(",\"emittedAtMs\":") {
            Some(time) => Some(serde_json::from_str(time).ok()?),
            None if end.is_empty() => None,
            None => return None,
        };
        Some(Self {
            notification,
            emitted_at_ms,
        })
    }

    /// Encodes the whole line, without the line end.
    ///
    /// # Errors
    ///
    /// If the params cannot be written as JSON.
    #[inline]
    pub fn encode(&self) -> Result<String, serde_json::Error> {
        encode::notification(&self.notification, self.emitted_at_ms)
    }
}

/// The method and params, as on the wire.
impl Serialize for ServerNotification {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serialize_message(self, serializer)
    }
}

/// The method and params, as on the wire; the id is not included.
impl Serialize for ServerRequest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serialize_message(self, serializer)
    }
}

impl From<ServerNotification> for NotificationEnvelope {
    #[inline]
    fn from(notification: ServerNotification) -> Self {
        Self {
            notification,
            emitted_at_ms: None,
        }
    }
}

impl ServerNotification {
    /// Returns the text of the delta if this is an `item/agentMessage/delta`.
    #[inline]
    pub fn text_delta(&self) -> Option<&str> {
        match self {
            Self::ItemAgentMessageDelta(body) => Some(&body.delta),
            _ => None,
        }
    }
}
