//! The params of messages.

use std::cell::Cell;

use serde::de::{DeserializeOwned, IgnoredAny};
use serde::ser::SerializeMap as _;
use serde::{Serialize, Serializer};
use serde_json::Deserializer;
use serde_json::de::StrRead;
use serde_json::value::RawValue;

use crate::DecodeError;

/// The params of a message, not yet decoded.
pub(crate) struct RawParams<'a> {
    method: &'a str,
    json: &'a str,
    /// The end of the params, if something may follow them.
    end: Option<Cell<usize>>,
}

impl<'a> RawParams<'a> {
    pub(crate) fn new(method: &'a str, params: Option<&'a RawValue>) -> Self {
        Self {
            method,
            json: params.map_or("null", RawValue::get),
            end: None,
        }
    }

    /// The params at the start of a text.
    pub(crate) fn at_start_of(method: &'a str, json: &'a str) -> Self {
        Self {
            method,
            json,
            end: Some(Cell::new(0)),
        }
    }

    /// The text after the params, once they were decoded.
    pub(crate) fn rest(&self) -> &'a str {
        let end = self.end.as_ref().map_or(self.json.len(), Cell::get);
        self.json.get(end..).unwrap_or_default()
    }

    pub(crate) fn decode<T: DeserializeOwned>(&self) -> Result<T, DecodeError> {
        let mut value = None;
        self.decode_by(&mut |json| {
            value = Some(T::deserialize(json)?);
            Ok(())
        })?;
        match value {
            Some(value) => Ok(value),
            None => unreachable!("read, and no value"),
        }
    }

    /// The part of `decode` that is compiled only once, not for each type.
    fn decode_by(
        &self,
        read: &mut dyn FnMut(&mut Deserializer<StrRead<'a>>) -> serde_json::Result<()>,
    ) -> Result<(), DecodeError> {
        let mut json = Deserializer::from_str(self.json);
        match read(&mut json) {
            Ok(()) => self.end(json),
            Err(error) => Err(self.failed(&error)),
        }
    }

    fn end(&self, mut json: Deserializer<StrRead<'_>>) -> Result<(), DecodeError> {
        if let Some(end) = &self.end {
            end.set(json.into_iter::<IgnoredAny>().byte_offset());
            return Ok(());
        }
        json.end().map_err(|error| self.failed(&error))
    }

    fn failed(&self, error: &serde_json::Error) -> DecodeError {
        DecodeError::new(self.method, error).within(self.json)
    }

    /// For methods whose params may be `null` or missing, which means the default.
    pub(crate) fn decode_nullable<T: DeserializeOwned + Default>(&self) -> Result<T, DecodeError> {
        self.decode::<Option<T>>().map(Option::unwrap_or_default)
    }
}

/// A message enum, for the encoders.
pub(crate) trait Payload {
    fn method(&self) -> &str;

    /// Whether there are any params.
    fn has_params(&self) -> bool;

    fn serialize_params<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error>;
}

/// Serialises only the params of a message.
struct Params<'a, P>(&'a P);

impl<P: Payload> Serialize for Params<'_, P> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize_params(serializer)
    }
}

/// Serialises a message as on the wire, except for its id.
pub(crate) fn serialize_message<P: Payload, S: Serializer>(
    message: &P,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(None)?;
    map.serialize_entry("method", message.method())?;
    if message.has_params() {
        map.serialize_entry("params", &Params(message))?;
    }
    map.end()
}

/// Whole lines of message enums.
pub(crate) mod encode {
    use super::{Params, Payload};
    use crate::RequestId;
    use crate::encode::{notification_line, request_line};

    pub(crate) fn request<P: Payload>(
        message: &P,
        id: &RequestId,
    ) -> Result<String, serde_json::Error> {
        request_line(
            message.method(),
            id,
            message.has_params().then_some(&Params(message)),
        )
    }

    pub(crate) fn notification<P: Payload>(
        message: &P,
        emitted_at_ms: Option<i64>,
    ) -> Result<String, serde_json::Error> {
        notification_line(
            message.method(),
            message.has_params().then_some(&Params(message)),
            emitted_at_ms,
        )
    }
}
