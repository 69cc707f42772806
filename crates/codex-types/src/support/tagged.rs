//! Objects with a field that names their kind.
//!
//! serde's own internally tagged enums buffer every object before they look at it, and a catch-all
//! variant there would swallow known kinds with a malformed body. The runtime writes the tag first,
//! so the common path here streams the rest straight into the body, and errors keep their position.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, MapAccess, Visitor};
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::{Map, Value};

use super::{Text, lenient};
use crate::reason;

/// A tagged enum.
pub(crate) trait Tagged: Sized {
    /// The field that holds the tag.
    const TAG: &'static str;

    /// Reads the body for the tag. The body is always consumed.
    fn decode<'de, D: Deserializer<'de>>(tag: &str, body: D) -> Result<Self, D::Error>;

    /// Keeps an unreadable value.
    fn unrecognized(value: Value) -> Self;
}

/// Reads a tagged enum.
pub(crate) fn deserialize_tagged<'de, T: Tagged, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<T, D::Error> {
    if lenient::is_on() {
        let (text, value) = lenient::text_and_value(deserializer)?;
        return Ok(read_text(&text).unwrap_or_else(|_| T::unrecognized(value)));
    }
    deserializer.deserialize_map(TaggedVisitor(PhantomData))
}

fn read_text<T: Tagged>(text: &str) -> Result<T, serde_json::Error> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    deserializer.deserialize_map(TaggedVisitor(PhantomData))
}

struct TaggedVisitor<T>(PhantomData<T>);

impl<'de, T: Tagged> Visitor<'de> for TaggedVisitor<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an object with the field `{}`", T::TAG)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<T, A::Error> {
        match tag(T::TAG, &mut map)? {
            Tag::First(tag) => T::decode(&tag, MapAccessDeserializer::new(map)),
            // The position would refer to a text that nobody else has seen.
            Tag::Later(text) => {
                read_text(&text).map_err(|error| A::Error::custom(reason::without_position(&error)))
            }
        }
    }
}

/// Where the tag of an object was found.
enum Tag<'de> {
    /// First: the body is still to be read.
    First(Cow<'de, str>),
    /// Later: everything was read, and this is the object as text with the tag moved to the front.
    ///
    /// The body could be read from the map. But that would compile every body and its contents a
    /// second time, for a case that the runtime never produces.
    Later(String),
}

/// Reads as much of an object as needed to find its tag.
fn tag<'de, A: MapAccess<'de>>(key: &'static str, map: &mut A) -> Result<Tag<'de>, A::Error> {
    let Some(Text(first)) = map.next_key()? else {
        return Err(A::Error::missing_field(key));
    };
    if first == key {
        let Text(tag) = map.next_value()?;
        return Ok(Tag::First(tag));
    }
    let mut body = Map::new();
    body.insert(first.into_owned(), map.next_value()?);
    while let Some((key, value)) = map.next_entry()? {
        body.insert(key, value);
    }
    match body.remove(key) {
        Some(Value::String(tag)) => serde_json::to_string(&TagFirst(key, &tag, &body))
            .map(Tag::Later)
            .map_err(A::Error::custom),
        Some(_) => Err(A::Error::custom("the tag is not a string")),
        None => Err(A::Error::missing_field(key)),
    }
}

struct TagFirst<'a>(&'static str, &'a str, &'a Map<String, Value>);

impl Serialize for TagFirst<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry(self.0, self.1)?;
        for (key, value) in self.2 {
            map.serialize_entry(key, value)?;
        }
        map.end()
    }
}

/// Skips the body of a kind without one.
pub(crate) fn ignore<'de, T, D: Deserializer<'de>>(body: D, value: T) -> Result<T, D::Error> {
    IgnoredAny::deserialize(body)?;
    Ok(value)
}

/// The whole object of an unknown kind.
pub(crate) fn whole<'de, D: Deserializer<'de>>(
    key: &str,
    tag: &str,
    body: D,
) -> Result<Value, D::Error> {
    let mut object = Map::deserialize(body)?;
    object.insert(key.to_owned(), Value::from(tag));
    Ok(Value::Object(object))
}

/// `Deserialize` for a tagged enum.
macro_rules! tagged_enum {
    ($name:ident) => {
        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                $crate::support::deserialize_tagged(deserializer)
            }
        }
    };
}
pub(crate) use tagged_enum;

#[cfg(test)]
mod tests {
    use crate::ThreadItem;

    #[test]
    fn an_error_in_a_reordered_object_has_no_position_of_its_own() {
        let json = r#"{"id":"i","text":5,"type":"agentMessage"}"#;
        let error = serde_json::from_str::<ThreadItem>(json).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!(
                "invalid type: integer `5`, expected a string at line 1 column {}",
                json.len()
            )
        );
    }
}
