//! Unions of plain strings and single-key objects.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserializer, Error, IgnoredAny, MapAccess, Visitor};
use serde_json::{Map, Value};

use super::{Text, lenient};

/// A union of strings and single-key objects.
pub(crate) trait External: Sized {
    /// The variant for this plain string.
    fn unit(name: &str) -> Option<Self>;

    /// Reads the value under a known key; leaves an unknown one alone.
    fn keyed<'de, A: MapAccess<'de>>(key: &str, map: &mut A) -> Result<Option<Self>, A::Error>;

    /// Keeps any other value.
    fn unrecognized(value: Value) -> Self;
}

/// Reads such a union. A known key with a malformed value is an error, not an unknown variant.
pub(crate) fn deserialize_external<'de, T: External, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<T, D::Error> {
    if lenient::is_on() {
        let (text, value) = lenient::text_and_value(deserializer)?;
        return Ok(read_text(&text).unwrap_or_else(|_| T::unrecognized(value)));
    }
    deserializer.deserialize_any(ExternalVisitor(PhantomData))
}

fn read_text<T: External>(text: &str) -> Result<T, serde_json::Error> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    deserializer.deserialize_any(ExternalVisitor(PhantomData))
}

struct ExternalVisitor<T>(PhantomData<T>);

impl<'de, T: External> Visitor<'de> for ExternalVisitor<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string or an object")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<T, E> {
        Ok(T::unit(name).unwrap_or_else(|| T::unrecognized(Value::from(name))))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<T, A::Error> {
        let mut object = Map::new();
        if let Some(Text(key)) = map.next_key()? {
            if let Some(known) = T::keyed(&key, &mut map)? {
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                return Ok(known);
            }
            object.insert(key.into_owned(), map.next_value()?);
        }
        while let Some((key, value)) = map.next_entry()? {
            object.insert(key, value);
        }
        Ok(T::unrecognized(Value::Object(object)))
    }
}

/// The string or the first key of an unrecognised value.
pub(crate) fn external_tag(value: &Value) -> &str {
    match value {
        Value::String(name) => name,
        Value::Object(object) => object.keys().next().map_or("", String::as_str),
        _ => "",
    }
}

/// `Deserialize` for such a union.
macro_rules! external_enum {
    ($name:ident) => {
        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                $crate::support::deserialize_external(deserializer)
            }
        }
    };
}
pub(crate) use external_enum;
