use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use crate::DecodeError;

/// The params of a request that a client sends.
///
/// A method without params has a unit struct named after it, such as
/// [`MemoryReset`](crate::MemoryReset).
pub trait ClientMethod: Serialize {
    /// The server's answer.
    type Response: Serialize + DeserializeOwned;
    /// The method on the wire.
    const METHOD: &'static str;
    /// Whether the server requires the capability `experimentalApi` for it.
    const EXPERIMENTAL: bool;
}

/// The params of a request that a server sends.
pub trait ServerMethod: DeserializeOwned {
    /// The client's answer.
    type Response: Serialize + DeserializeOwned;
    /// The method on the wire.
    const METHOD: &'static str;
}

/// Decodes the result of a request.
///
/// # Errors
///
/// If the result is not of the method's type.
pub fn decode_response<M: ClientMethod>(result: &RawValue) -> Result<M::Response, DecodeError> {
    let json = result.get();
    serde_json::from_str(json).map_err(|error| DecodeError::new(M::METHOD, &error).within(json))
}
