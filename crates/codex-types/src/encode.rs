use serde::Serialize;
use serde::ser::Error as _;

use crate::{JsonRpcError, RequestId};

/// Encodes a request as one line of JSON, without the line end.
///
/// A unit struct as params is sent as `null`, which the runtime treats as none.
///
/// # Errors
///
/// If the params cannot be written as JSON.
pub fn encode_request<P: Serialize + ?Sized>(
    method: &str,
    id: &RequestId,
    params: &P,
) -> Result<String, serde_json::Error> {
    request_line(method, id, Some(params))
}

/// Encodes a notification as one line of JSON, without the line end.
///
/// The runtime adds a timestamp to its notifications; a client's have no `emitted_at_ms`.
///
/// # Errors
///
/// If the params cannot be written as JSON.
pub fn encode_notification<P: Serialize + ?Sized>(
    method: &str,
    params: Option<&P>,
    emitted_at_ms: Option<i64>,
) -> Result<String, serde_json::Error> {
    notification_line(method, params, emitted_at_ms)
}

/// Encodes a successful response as one line of JSON, without the line end.
///
/// # Errors
///
/// If the result cannot be written as JSON.
pub fn encode_response<R: Serialize + ?Sized>(
    id: &RequestId,
    result: &R,
) -> Result<String, serde_json::Error> {
    #[derive(Serialize)]
    struct Line<'a, R: ?Sized> {
        id: &'a RequestId,
        result: &'a R,
    }
    serde_json::to_string(&Line { id, result })
}

/// Encodes an error response as one line of JSON, without the line end.
///
/// # Errors
///
/// If the error's data cannot be written as JSON. An error that was decoded can always be encoded.
pub fn encode_error(
    id: Option<&RequestId>,
    error: &JsonRpcError,
) -> Result<String, serde_json::Error> {
    #[derive(Serialize)]
    struct Line<'a> {
        error: &'a JsonRpcError,
        id: Option<&'a RequestId>,
    }
    serde_json::to_string(&Line { error, id })
}

pub(crate) fn request_line<P: Serialize + ?Sized>(
    method: &str,
    id: &RequestId,
    params: Option<&P>,
) -> Result<String, serde_json::Error> {
    let mut line = Line::default();
    line.entry("method", method)?;
    line.entry("id", id)?;
    line.params(params)?;
    line.end()
}

pub(crate) fn notification_line<P: Serialize + ?Sized>(
    method: &str,
    params: Option<&P>,
    emitted_at_ms: Option<i64>,
) -> Result<String, serde_json::Error> {
    let mut line = Line::default();
    line.entry("method", method)?;
    line.params(params)?;
    if let Some(emitted_at_ms) = emitted_at_ms {
        line.entry("emittedAtMs", &emitted_at_ms)?;
    }
    line.end()
}

/// An object that is written entry by entry. A struct would be compiled again for each type of params.
#[derive(Default)]
struct Line(Vec<u8>);

impl Line {
    fn entry<V: Serialize + ?Sized>(
        &mut self,
        key: &str,
        value: &V,
    ) -> Result<(), serde_json::Error> {
        let before = if self.0.is_empty() { b'{' } else { b',' };
        self.0.push(before);
        serde_json::to_writer(&mut self.0, key)?;
        self.0.push(b':');
        serde_json::to_writer(&mut self.0, value)
    }

    fn params<P: Serialize + ?Sized>(
        &mut self,
        params: Option<&P>,
    ) -> Result<(), serde_json::Error> {
        match params {
            Some(params) => self.entry("params", params),
            None => Ok(()),
        }
    }

    fn end(mut self) -> Result<String, serde_json::Error> {
        self.0.push(b'}');
        String::from_utf8(self.0).map_err(serde_json::Error::custom)
    }
}
