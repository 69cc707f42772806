//! Fields where absence, `null` and a value are three things.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

#[expect(
    clippy::option_option,
    clippy::ref_option,
    reason = "three states, and the signature that serde calls"
)]
pub(crate) fn serialize<T: Serialize, S: Serializer>(
    value: &Option<Option<T>>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    // The outer `None` is skipped before this is called.
    value
        .as_ref()
        .and_then(Option::as_ref)
        .serialize(serializer)
}

#[expect(clippy::option_option, reason = "three states")]
pub(crate) fn deserialize<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}
