//! Structs as objects.
//!
//! serde's derives write a loop over the keys into each struct. There are more than eight hundred,
//! and checking those loops took most of this crate's compile time. Here one loop serves all: a
//! struct lists its keys and has a slot for each field behind a `dyn`. The loop and its error paths
//! are compiled once.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{
    Deserialize, DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, Visitor,
};
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::{Map, Value};

/// A struct that is read from an object on the wire.
///
/// Unknown keys are ignored. If a key occurs twice, the last value counts, as in [`Value`].
pub(crate) trait Object: Sized {
    /// Reads the rest of an object.
    fn read<'de, A: MapAccess<'de>>(map: A) -> Result<Self, A::Error>;
}

/// A struct that is written as an object.
pub(crate) trait Entries<M: SerializeMap> {
    /// Writes all entries.
    fn write_to(&self, map: &mut M) -> Result<(), M::Error>;
}

/// Reads a whole object.
pub(crate) fn deserialize_object<'de, T: Object, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<T, D::Error> {
    deserializer.deserialize_map(ObjectVisitor(PhantomData))
}

struct ObjectVisitor<T>(PhantomData<T>);

impl<'de, T: Object> Visitor<'de> for ObjectVisitor<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
        T::read(map)
    }
}

/// Writes a whole object.
pub(crate) fn serialize_object<S: Serializer>(
    entries: &dyn Entries<S::SerializeMap>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(None)?;
    entries.write_to(&mut map)?;
    map.end()
}

/// Holds the value of a field while its object is read.
pub(crate) trait Slot<'de, A: MapAccess<'de>> {
    fn read(&mut self, map: &mut A) -> Result<(), A::Error>;
}

/// A field that must be there.
pub(crate) struct Required<T>(Option<T>);

/// A field that is left out when there is no value.
pub(crate) struct Optional<T>(Option<T>);

/// A field that is written as `null` when there is no value; it may also be missing.
pub(crate) type Nullable<T> = Optional<T>;

/// A field for which absent, `null` and a value are three different states.
#[expect(clippy::option_option, reason = "three states")]
pub(crate) struct Double<T>(Option<Option<T>>);

/// A field with a default.
pub(crate) struct Defaulted<T>(T);

impl<'de, T: Deserialize<'de>, A: MapAccess<'de>> Slot<'de, A> for Required<T> {
    fn read(&mut self, map: &mut A) -> Result<(), A::Error> {
        self.0 = Some(map.next_value()?);
        Ok(())
    }
}

impl<'de, T: Deserialize<'de>, A: MapAccess<'de>> Slot<'de, A> for Optional<T> {
    fn read(&mut self, map: &mut A) -> Result<(), A::Error> {
        self.0 = map.next_value()?;
        Ok(())
    }
}

impl<'de, T: Deserialize<'de>, A: MapAccess<'de>> Slot<'de, A> for Double<T> {
    fn read(&mut self, map: &mut A) -> Result<(), A::Error> {
        self.0 = Some(map.next_value()?);
        Ok(())
    }
}

impl<'de, T: Deserialize<'de>, A: MapAccess<'de>> Slot<'de, A> for Defaulted<T> {
    fn read(&mut self, map: &mut A) -> Result<(), A::Error> {
        self.0 = map.next_value()?;
        Ok(())
    }
}

impl<T> Required<T> {
    pub(crate) fn new() -> Self {
        Self(None)
    }

    /// Returns the value. `read_entries` fails if there is none.
    pub(crate) fn finish(self) -> T {
        match self.0 {
            Some(value) => value,
            None => unreachable!("a required field is empty"),
        }
    }
}

impl<T> Optional<T> {
    pub(crate) fn new() -> Self {
        Self(None)
    }

    pub(crate) fn finish(self) -> Option<T> {
        self.0
    }
}

impl<T> Double<T> {
    pub(crate) fn new() -> Self {
        Self(None)
    }

    #[expect(clippy::option_option, reason = "three states")]
    pub(crate) fn finish(self) -> Option<Option<T>> {
        self.0
    }
}

impl<T> Defaulted<T> {
    pub(crate) fn new() -> Self
    where
        T: Default,
    {
        Self(T::default())
    }

    pub(crate) fn with(value: T) -> Self {
        Self(value)
    }

    pub(crate) fn finish(self) -> T {
        self.0
    }
}

/// How a field is read, regardless of its slot's type.
pub(crate) enum Kind {
    /// Has its key, for the error.
    Required(&'static str),
    Other,
}

/// Reads entries into the slots, which have the indices of their keys.
pub(crate) fn read_entries<'de, A: MapAccess<'de>>(
    mut map: A,
    index: fn(&str) -> usize,
    kinds: &[Kind],
    slots: &mut [&mut dyn Slot<'de, A>],
    mut extra: Option<&mut Map<String, Value>>,
) -> Result<(), A::Error> {
    let mut seen = 0_u64;
    let mut unknown = extra.is_some().then(String::new);
    while let Some(index) = map.next_key_seed(Search {
        index,
        unknown: unknown.as_mut(),
    })? {
        if let Some(slot) = slots.get_mut(index) {
            slot.read(&mut map)?;
            seen |= 1 << index;
        } else if let (Some(extra), Some(key)) = (&mut extra, &unknown) {
            extra.insert(key.clone(), map.next_value()?);
        } else {
            map.next_value::<IgnoredAny>()?;
        }
    }
    for (index, kind) in kinds.iter().enumerate() {
        if let Kind::Required(key) = kind
            && seen & (1 << index) == 0
        {
            return Err(A::Error::missing_field(key));
        }
    }
    Ok(())
}

/// Looks up the index of a key; an unknown key has an index beyond all others.
struct Search<'a> {
    index: fn(&str) -> usize,
    /// Keeps an unknown key, if the caller needs it.
    unknown: Option<&'a mut String>,
}

impl<'de> DeserializeSeed<'de> for Search<'_> {
    type Value = usize;

    #[inline]
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<usize, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Search<'_> {
    type Value = usize;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    #[inline]
    fn visit_str<E: Error>(self, key: &str) -> Result<usize, E> {
        let index = (self.index)(key);
        if let (UNKNOWN, Some(unknown)) = (index, self.unknown) {
            key.clone_into(unknown);
        }
        Ok(index)
    }
}

/// The index of an unknown key.
pub(crate) const UNKNOWN: usize = usize::MAX;

/// An entry that may be written.
pub(crate) enum Entry<'a, M: SerializeMap> {
    Required(&'static str, &'a dyn Write<M>),
    Optional(&'static str, &'a dyn WriteSome<M>),
    Nullable(&'static str, &'a dyn Write<M>),
    Double(&'static str, &'a dyn WriteSome<M>),
    Defaulted(&'static str, &'a dyn Write<M>),
}

/// A value that is always written.
pub(crate) trait Write<M: SerializeMap> {
    fn write(&self, key: &'static str, map: &mut M) -> Result<(), M::Error>;
}

impl<T: Serialize, M: SerializeMap> Write<M> for T {
    fn write(&self, key: &'static str, map: &mut M) -> Result<(), M::Error> {
        map.serialize_entry(key, self)
    }
}

/// A value that is written if present.
pub(crate) trait WriteSome<M: SerializeMap> {
    fn write_some(&self, key: &'static str, map: &mut M) -> Result<(), M::Error>;
}

impl<T: Serialize, M: SerializeMap> WriteSome<M> for Option<T> {
    fn write_some(&self, key: &'static str, map: &mut M) -> Result<(), M::Error> {
        match self {
            Some(value) => map.serialize_entry(key, value),
            None => Ok(()),
        }
    }
}

/// Writes entries.
pub(crate) fn write_entries<M: SerializeMap>(
    map: &mut M,
    entries: &[Entry<'_, M>],
) -> Result<(), M::Error> {
    for entry in entries {
        match entry {
            Entry::Required(key, value)
            | Entry::Nullable(key, value)
            | Entry::Defaulted(key, value) => {
                value.write(key, map)?;
            }
            Entry::Optional(key, value) | Entry::Double(key, value) => {
                value.write_some(key, map)?;
            }
        }
    }
    Ok(())
}

/// Writes the entries that have no field.
pub(crate) fn write_extra<M: SerializeMap>(
    map: &mut M,
    extra: &Map<String, Value>,
) -> Result<(), M::Error> {
    extra
        .iter()
        .try_for_each(|(key, value)| map.serialize_entry(key, value))
}

/// The serde impls of a struct, from the kind and key of each field, and the default if it differs
/// from that of its type.
///
/// It looks like a literal of the struct, so the generator can format it as one.
macro_rules! object {
    ($name:ident { ..$extra:ident $(,)? }) => {
        object!($name { , ..$extra });
    };
    ($name:ident {
        $($field:ident: $kind:ident($key:literal $(, $default:expr)? $(,)?)),*
        $(, ..$extra:ident)? $(,)?
    }) => {
        impl $crate::support::object::Object for $name {
            fn read<'de, A: serde::de::MapAccess<'de>>(map: A) -> Result<Self, A::Error> {
                $(let mut $field = object!(@slot $kind $($default)?);)*
                $(let mut $extra = serde_json::Map::new();)?
                $crate::support::object::read_entries(
                    map,
                    |key| {
                        #[allow(dead_code, non_camel_case_types, reason = "fields, for their index")]
                        enum Field { $($field),* }
                        match key {
                            $($key => Field::$field as usize,)*
                            _ => $crate::support::object::UNKNOWN,
                        }
                    },
                    &[$(object!(@kind $kind $key)),*],
                    &mut [$(&mut $field),*],
                    object!(@extra $($extra)?),
                )?;
                Ok(Self { $($field: $field.finish(),)* $($extra)? })
            }
        }

        impl<M: serde::ser::SerializeMap> $crate::support::object::Entries<M> for $name {
            fn write_to(&self, map: &mut M) -> Result<(), M::Error> {
                $crate::support::object::write_entries(
                    map,
                    &[$($crate::support::object::Entry::$kind($key, &self.$field)),*],
                )
                $(.and_then(|()| $crate::support::object::write_extra(map, &self.$extra)))?
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                $crate::support::object::serialize_object(self, serializer)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                $crate::support::object::deserialize_object(deserializer)
            }
        }
    };
    (@slot $kind:ident) => { $crate::support::object::$kind::new() };
    (@slot $kind:ident $default:expr) => { $crate::support::object::$kind::with($default) };
    (@kind Required $key:literal) => { $crate::support::object::Kind::Required($key) };
    (@kind $kind:ident $key:literal) => { $crate::support::object::Kind::Other };
    (@extra) => { None };
    (@extra $extra:ident) => { Some(&mut $extra) };
}
pub(crate) use object;

#[cfg(test)]
mod tests;
