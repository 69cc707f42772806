//! Unions whose values are told apart by their shape.

use serde::de::{Deserialize, Deserializer, Error};
use serde_json::Value;

/// What a value must look like.
pub(crate) enum Shape {
    /// A JSON string.
    String,
    /// One of these strings.
    OneOf(&'static [&'static str]),
    /// A JSON array.
    Array,
    /// A JSON object.
    Object {
        /// Keys it must have, with the shapes of their values where those matter.
        required: &'static [(&'static str, &'static [Shape])],
        /// All keys it is known to have.
        known: &'static [&'static str],
    },
}

/// How well a value fits a shape.
#[derive(PartialEq, PartialOrd)]
enum Fit {
    WithMore,
    Exact,
}

impl Shape {
    fn fit(&self, value: &Value) -> Option<Fit> {
        match (self, value) {
            (Self::String, Value::String(_)) | (Self::Array, Value::Array(_)) => Some(Fit::Exact),
            (Self::OneOf(strings), Value::String(value)) => {
                strings.contains(&value.as_str()).then_some(Fit::Exact)
            }
            (Self::Object { required, known }, Value::Object(object)) => {
                let holds = |(key, shapes): &(&str, &[Self])| {
                    object.get(*key).is_some_and(|it| {
                        shapes.is_empty() || shapes.iter().any(|s| s.fit(it).is_some())
                    })
                };
                let exact = object.keys().all(|it| known.contains(&it.as_str()));
                required
                    .iter()
                    .all(holds)
                    .then_some(if exact { Fit::Exact } else { Fit::WithMore })
            }
            _ => None,
        }
    }
}

/// Such a union.
pub(crate) trait Untagged: Sized {
    /// The shapes of each variant.
    const SHAPES: &'static [&'static [Shape]];

    /// Reads the variant with this index, or keeps the value.
    fn decode(variant: Option<usize>, value: Value) -> Result<Self, serde_json::Error>;
}

/// Reads such a union: the first variant that the value fits exactly, else the first that it fits
/// with unknown keys. A value that fits and then does not decode is an error.
pub(crate) fn deserialize_untagged<'de, T: Untagged, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<T, D::Error> {
    let value = Value::deserialize(deserializer)?;
    let variant = select(T::SHAPES, &value);
    T::decode(variant, value).map_err(D::Error::custom)
}

fn select(variants: &[&[Shape]], value: &Value) -> Option<usize> {
    let fits = |wanted: Fit| {
        variants.iter().position(|shapes| {
            shapes
                .iter()
                .any(|it| it.fit(value).is_some_and(|fit| fit >= wanted))
        })
    };
    fits(Fit::Exact).or_else(|| fits(Fit::WithMore))
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
