//! Unions whose values are distinguished by their shape.

use serde::de::{Deserialize, Deserializer, Error};
use serde_json::Value;

use super::lenient;

/// The shape a value must have.
pub(crate) enum Shape {
    /// A JSON string.
    String,
    /// One of these strings.
    OneOf(&'static [&'static str]),
    /// A JSON array.
    Array,
    /// A JSON object.
    Object {
        /// The keys it must have, with the shapes of their values where those matter.
        required: &'static [(&'static str, &'static [Shape])],
        /// All its known keys.
        known: &'static [&'static str],
    },
}

impl Shape {
    /// The number of keys that the shape doesn't know; `None` if the value doesn't have this shape.
    fn unknown_keys(&self, value: &Value) -> Option<usize> {
        match (self, value) {
            (Self::String, Value::String(_)) | (Self::Array, Value::Array(_)) => Some(0),
            (Self::OneOf(strings), Value::String(value)) => {
                strings.contains(&value.as_str()).then_some(0)
            }
            (Self::Object { required, known }, Value::Object(object)) => {
                let holds = |(key, shapes): &(&str, &[Self])| {
                    object.get(*key).is_some_and(|it| {
                        shapes.is_empty() || shapes.iter().any(|s| s.unknown_keys(it).is_some())
                    })
                };
                let unknown = object.keys().filter(|it| !known.contains(&it.as_str()));
                required.iter().all(holds).then(|| unknown.count())
            }
            _ => None,
        }
    }
}

/// A union whose values are distinguished by their shape.
pub(crate) trait Untagged: Sized {
    /// The shapes of each variant.
    const SHAPES: &'static [&'static [Shape]];

    /// Reads the variant with this index, or keeps the value.
    fn decode(variant: Option<usize>, value: Value) -> Result<Self, serde_json::Error>;
}

/// Reads such a union. The variant that knows the most keys wins, the first one in a tie. A value
/// that fits but doesn't decode is an error.
pub(crate) fn deserialize_untagged<'de, T: Untagged, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<T, D::Error> {
    let value = Value::deserialize(deserializer)?;
    let variant = select(T::SHAPES, &value);
    if lenient::is_on() {
        let kept = value.clone();
        return T::decode(variant, value)
            .or_else(|_| T::decode(None, kept))
            .map_err(D::Error::custom);
    }
    T::decode(variant, value).map_err(D::Error::custom)
}

fn select(variants: &[&[Shape]], value: &Value) -> Option<usize> {
    let unknown_keys = |shapes: &&[Shape]| {
        let each = shapes.iter().filter_map(|it| it.unknown_keys(value));
        each.min()
    };
    let fitting = variants.iter().enumerate();
    fitting
        .filter_map(|(index, it)| Some((unknown_keys(it)?, index)))
        .min()
        .map(|(_, index)| index)
}

/// `Deserialize` for such a union.
macro_rules! untagged_enum {
    ($name:ident) => {
        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                $crate::support::deserialize_untagged(deserializer)
            }
        }
    };
}
pub(crate) use untagged_enum;
