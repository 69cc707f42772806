use serde::Serialize;

use crate::{JsonRpcError, RequestId};

/// Encodes a request as one line of JSON, without its end.
///
/// Params that are a unit struct are sent as `null`, which the runtime takes for none.
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

/// Encodes a notification as one line of JSON, without its end.
///
/// The runtime stamps its notifications; those of a client have no `emitted_at_ms`.
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

/// Encodes a successful response as one line of JSON, without its end.
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

/// Encodes a response that is an error as one line of JSON, without its end.
///
/// # Errors
///
/// Never for an error that was decoded; only data that cannot be written as JSON fails.
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
    #[derive(Serialize)]
    struct Line<'a, P: ?Sized> {
        method: &'a str,
        id: &'a RequestId,
        #[serde(skip_serializing_if = "Option::is_none")]
        params: Option<&'a P>,
    }
    serde_json::to_string(&Line { method, id, params })
}

pub(crate) fn notification_line<P: Serialize + ?Sized>(
    method: &str,
    params: Option<&P>,
    emitted_at_ms: Option<i64>,
) -> Result<String, serde_json::Error> {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Line<'a, P: ?Sized> {
        method: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        params: Option<&'a P>,
        #[serde(skip_serializing_if = "Option::is_none")]
        emitted_at_ms: Option<i64>,
    }
    serde_json::to_string(&Line {
        method,
        params,
        emitted_at_ms,
    })
}
