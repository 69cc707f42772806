use std::borrow::Cow;
use std::error::Error;
use std::fmt;

use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use crate::support::Text;
use crate::{JsonRpcError, RequestId, reason};

/// One line on the wire, in either direction, with its payload still raw.
///
/// To decode the payload, use the method, as in [`ServerNotification::decode`], or the request that
/// it answers, as in [`decode_response`].
///
/// [`ServerNotification::decode`]: crate::ServerNotification::decode
/// [`decode_response`]: crate::decode_response
#[derive(Debug)]
pub enum Message<'a> {
    /// Expects an answer.
    Request {
        /// The id that the answer must repeat.
        id: RequestId,
        /// The method.
        method: Cow<'a, str>,
        /// The params.
        params: Option<&'a RawValue>,
    },
    /// Expects no answer.
    Notification {
        /// The method.
        method: Cow<'a, str>,
        /// The params.
        params: Option<&'a RawValue>,
        /// When the runtime sent it, in milliseconds of Unix time.
        emitted_at_ms: Option<i64>,
    },
    /// A successful answer.
    Response {
        /// The id of the request.
        id: RequestId,
        /// The result.
        result: &'a RawValue,
    },
    /// An error answer.
    Error {
        /// The id of the request, unless it could not be read.
        id: Option<RequestId>,
        /// The error.
        error: JsonRpcError,
    },
}

/// Everything a line may contain; the keys present determine the kind of message.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Envelope<'a> {
    id: Option<RequestId>,
    #[serde(borrow)]
    method: Option<Text<'a>>,
    #[serde(borrow, default, deserialize_with = "present")]
    params: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    result: Option<&'a RawValue>,
    error: Option<JsonRpcError>,
    emitted_at_ms: Option<i64>,
}

/// A result may be `null`, which differs from no result.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<&'de RawValue>, D::Error> {
    <&RawValue>::deserialize(deserializer).map(Some)
}

impl<'a> Message<'a> {
    /// Parses one line in one pass. Unknown keys, including `jsonrpc`, are ignored.
    ///
    /// # Errors
    ///
    /// If the line is not JSON in UTF-8, or is not a request, a notification or a response.
    pub fn parse<L: AsRef<[u8]> + ?Sized>(line: &'a L) -> Result<Self, MessageError> {
        // One check for the whole line, not one per string, and no second set of decoders for
        // bytes.
        let line = str::from_utf8(line.as_ref()).map_err(|_| MessageError::Utf8)?;
        let envelope: Envelope<'a> =
            serde_json::from_str(line).map_err(|it| MessageError::Json(reason::of(&it)))?;
        let Envelope {
            id,
            method,
            params,
            result,
            error,
            emitted_at_ms,
        } = envelope;
        match (method, id, result, error) {
            (Some(Text(method)), Some(id), ..) => Ok(Self::Request { id, method, params }),
            (Some(Text(method)), None, ..) => Ok(Self::Notification {
                method,
                params,
                emitted_at_ms,
            }),
            (None, id, None, Some(error)) => Ok(Self::Error { id, error }),
            (None, Some(id), Some(result), None) => Ok(Self::Response { id, result }),
            _ => Err(MessageError::Shape),
        }
    }
}

/// A line that is not a message. The error contains no value from the line, because any of them may
/// be secret.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum MessageError {
    /// It is not valid UTF-8.
    Utf8,
    /// It is not JSON, or a part of the envelope has the wrong type; the text says why.
    Json(String),
    /// It is a JSON object, but not a request, a notification or a response.
    Shape,
}

impl fmt::Display for MessageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Utf8 => "the line is not valid UTF-8",
            Self::Json(_) => "the line is not a JSON-RPC message",
            Self::Shape => "the line is neither request, notification nor response",
        })
    }
}

impl Error for MessageError {}
