//! From the name of a definition to what sends a value through its type.

use std::borrow::Cow;
use std::error::Error;

use codex_types::{
    ClientMethod, ClientNotification, ClientRequest, DecodeError, JsonRpcError, Message,
    NotificationEnvelope, RequestId, ServerRequest, decode_response, encode_error,
    encode_notification, encode_request, encode_response,
};
use serde::de::DeserializeOwned;
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

use crate::definitions::DEFINITIONS;

/// Sends JSON through a type and back.
pub(crate) type RoundTrip = fn(&str) -> Result<String, Failure>;

/// Why a value did not decode.
#[derive(Debug)]
pub(crate) struct Failure {
    /// Where, if the crate says so.
    pub(crate) path: Option<String>,
    /// Why.
    pub(crate) text: String,
}

impl<E: Error> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::new(error.to_string())
    }
}

impl Failure {
    fn new(text: String) -> Self {
        Self { path: None, text }
    }

    /// An error in the params of a message.
    fn in_params(error: &DecodeError, params: Option<&RawValue>) -> Self {
        if params.is_none() {
            return Self::new(error.to_string());
        }
        let path = match error.path() {
            "" => "params".to_owned(),
            path if path.starts_with('[') => format!("params{path}"),
            path => format!("params.{path}"),
        };
        Self {
            path: Some(path),
            text: error.to_string(),
        }
    }
}

/// What sends values of a definition through its type.
pub(crate) fn of(name: &str) -> Option<RoundTrip> {
    let generated = DEFINITIONS.iter().chain(BY_HAND);
    generated.clone().find(|it| it.0 == name).map(|it| it.1)
}

/// Definitions without a generated type: the envelopes and ids.
const BY_HAND: &[(&str, RoundTrip)] = &[
    ("ClientNotification", client_notification),
    ("ClientRequest", client_request),
    ("JSONRPCError", envelope),
    ("JSONRPCErrorError", round_trip::<JsonRpcError>),
    ("JSONRPCMessage", envelope),
    ("JSONRPCNotification", envelope),
    ("JSONRPCRequest", envelope),
    ("JSONRPCResponse", envelope),
    ("RequestId", round_trip::<RequestId>),
    ("ServerNotification", server_notification),
    ("ServerRequest", server_request),
];

/// A type, by way of a method that answers with it: errors of responses have a path.
pub(crate) fn round_trip<T: Serialize + DeserializeOwned>(json: &str) -> Result<String, Failure> {
    struct Probe<T>(std::marker::PhantomData<T>);

    impl<T> Serialize for Probe<T> {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            serializer.serialize_unit()
        }
    }

    impl<T: Serialize + DeserializeOwned> ClientMethod for Probe<T> {
        type Response = T;
        const METHOD: &'static str = "probe";
        const EXPERIMENTAL: bool = false;
    }

    let raw: &RawValue = serde_json::from_str(json).map_err(Failure::from)?;
    let value = decode_response::<Probe<T>>(raw).map_err(|error| Failure {
        path: Some(error.path().to_owned()),
        text: error.to_string(),
    })?;
    serde_json::to_string(&value).map_err(Failure::from)
}

type Parts<'a> = (Cow<'a, str>, Option<&'a RawValue>);

fn request(line: &str) -> Result<(RequestId, Parts<'_>), Failure> {
    match Message::parse(line).map_err(Failure::from)? {
        Message::Request { id, method, params } => Ok((id, (method, params))),
        other => Err(Failure::new(format!("no request: {other:?}"))),
    }
}

fn notification(line: &str) -> Result<(Option<i64>, Parts<'_>), Failure> {
    match Message::parse(line).map_err(Failure::from)? {
        Message::Notification {
            method,
            params,
            emitted_at_ms,
        } => Ok((emitted_at_ms, (method, params))),
        other => Err(Failure::new(format!("no notification: {other:?}"))),
    }
}

fn client_request(line: &str) -> Result<String, Failure> {
    let (id, (method, params)) = request(line)?;
    let request =
        ClientRequest::decode(&method, params).map_err(|it| Failure::in_params(&it, params))?;
    request.encode(&id).map_err(Failure::from)
}

fn server_request(line: &str) -> Result<String, Failure> {
    let (id, (method, params)) = request(line)?;
    let request =
        ServerRequest::decode(&method, params).map_err(|it| Failure::in_params(&it, params))?;
    request.encode(&id).map_err(Failure::from)
}

fn client_notification(line: &str) -> Result<String, Failure> {
    let (_, (method, params)) = notification(line)?;
    let decoded = ClientNotification::decode(&method, params);
    let decoded = decoded.map_err(|it| Failure::in_params(&it, params))?;
    decoded.encode().map_err(Failure::from)
}

fn server_notification(line: &str) -> Result<String, Failure> {
    let (emitted_at_ms, (method, params)) = notification(line)?;
    let decoded = NotificationEnvelope::decode(&method, params, emitted_at_ms);
    if let Some(at_once) = NotificationEnvelope::decode_line(line.as_bytes()) {
        assert_eq!(decoded.as_ref().ok(), Some(&at_once), "{line}");
    }
    let decoded = decoded.map_err(|it| Failure::in_params(&it, params))?;
    decoded.encode().map_err(Failure::from)
}

/// A line whose method nobody looks at.
fn envelope(line: &str) -> Result<String, Failure> {
    match Message::parse(line).map_err(Failure::from)? {
        Message::Request { id, method, params } => encode_request(&method, &id, &params),
        Message::Notification { method, params, .. } => {
            encode_notification(&method, params.as_ref(), None)
        }
        Message::Response { id, result } => encode_response(&id, result),
        Message::Error { id, error } => encode_error(id.as_ref(), &error),
    }
    .map_err(Failure::from)
}
