//! Structs, as objects whose fields are looked up in a table.
//!
//! The derives of serde write a loop over the keys into each struct. There are more than eight
//! hundred of them, and checking those loops was most of the time that this crate took to compile.
//! Here is one loop for all; a struct only lists its fields. It is also the faster one: keys
//! mostly come in order, so the first one that is compared is mostly the right one.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, MapAccess, Visitor};
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::{Map, Value};

use super::Text;

/// A struct that is an object on the wire.
///
/// Unknown keys are ignored. Of a key that comes twice the last value counts, as it does in
/// [`Value`].
pub(crate) trait Object: Sized {
    /// Reads the rest of an object.
    fn read<'de, A: MapAccess<'de>>(map: A) -> Result<Self, A::Error>;

    /// Writes all entries.
    fn write<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error>;
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
pub(crate) fn serialize_object<T: Object, S: Serializer>(
    value: &T,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(None)?;
    value.write(&mut map)?;
    map.end()
}

/// Where the value of a field goes while its object is read.
pub(crate) trait Slot<'de, A: MapAccess<'de>> {
    fn read(&mut self, map: &mut A) -> Result<(), A::Error>;

    /// Whether there can be no struct without a value here.
    fn is_missing(&self) -> bool {
        false
    }
}

/// A field that must be there.
pub(crate) struct Required<T>(Option<T>);

/// A field that is left out when there is no value.
pub(crate) struct Optional<T>(Option<T>);

/// A field that is `null` when there is no value; one that is left out is understood.
pub(crate) struct Nullable<T>(Option<T>);

/// A field where absence, `null` and a value are three things.
pub(crate) struct Double<T>(Option<Option<T>>);

/// A field with a default.
pub(crate) struct Defaulted<T>(T);

impl<'de, T: Deserialize<'de>, A: MapAccess<'de>> Slot<'de, A> for Required<T> {
    fn read(&mut self, map: &mut A) -> Result<(), A::Error> {
        self.0 = Some(map.next_value()?);
        Ok(())
    }

    fn is_missing(&self) -> bool {
        self.0.is_none()
    }
}

impl<'de, T: Deserialize<'de>, A: MapAccess<'de>> Slot<'de, A> for Optional<T> {
    fn read(&mut self, map: &mut A) -> Result<(), A::Error> {
        self.0 = map.next_value()?;
        Ok(())
    }
}

impl<'de, T: Deserialize<'de>, A: MapAccess<'de>> Slot<'de, A> for Nullable<T> {
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

    /// The value, which is there once the object was read.
    pub(crate) fn finish(self) -> T {
        match self.0 {
            Some(value) => value,
            None => unreachable!("a missing field is found when its object ends"),
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

impl<T> Nullable<T> {
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

/// Reads entries into the slots of the same index.
pub(crate) fn read_entries<'de, A: MapAccess<'de>>(
    mut map: A,
    keys: &[&'static str],
    slots: &mut [&mut dyn Slot<'de, A>],
    mut extra: Option<&mut Map<String, Value>>,
) -> Result<(), A::Error> {
    let mut next = 0;
    while let Some(Text(key)) = map.next_key()? {
        if let Some(index) = find(keys, next, &key) {
            slots[index].read(&mut map)?;
            next = index + 1;
        } else if let Some(extra) = &mut extra {
            extra.insert(key.into_owned(), map.next_value()?);
        } else {
            map.next_value::<IgnoredAny>()?;
        }
    }
    match slots.iter().position(|it| it.is_missing()) {
        Some(index) => Err(A::Error::missing_field(keys[index])),
        None => Ok(()),
    }
}

/// The index of a key, looked for where it is likely to be.
fn find(keys: &[&str], next: usize, key: &str) -> Option<usize> {
    let (before, after) = keys.split_at(next);
    let position = |keys: &[&str]| keys.iter().position(|it| *it == key);
    position(after)
        .map(|it| it + next)
        .or_else(|| position(before))
}

/// An entry to be written, or not.
pub(crate) enum Entry<'a, M: SerializeMap> {
    Required(&'static str, &'a dyn Write<M>),
    Optional(&'static str, &'a dyn WriteSome<M>),
    Nullable(&'static str, &'a dyn Write<M>),
    Double(&'static str, &'a dyn WriteSome<M>),
    Defaulted(&'static str, &'a dyn Write<M>),
}

/// A value in any case.
pub(crate) trait Write<M: SerializeMap> {
    fn write(&self, key: &'static str, map: &mut M) -> Result<(), M::Error>;
}

impl<T: Serialize, M: SerializeMap> Write<M> for T {
    fn write(&self, key: &'static str, map: &mut M) -> Result<(), M::Error> {
        map.serialize_entry(key, self)
    }
}

/// A value if there is one.
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
                value.write_some(key, map)?
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

/// The serde impls of a struct, out of the kind and the key of each field.
macro_rules! object {
    ($name:ident {
        $($field:ident: $kind:ident($key:literal $(, $default:expr)? $(,)?)),* $(, ..$extra:ident)? $(,)?
    }) => {
        impl $crate::support::object::Object for $name {
            fn read<'de, A: serde::de::MapAccess<'de>>(map: A) -> Result<Self, A::Error> {
                $(let mut $field = object!(@slot $kind $($default)?);)*
                $(let mut $extra = serde_json::Map::new();)?
                $crate::support::object::read_entries(
                    map,
                    &[$($key),*],
                    &mut [$(&mut $field),*],
                    object!(@extra $($extra)?),
                )?;
                Ok(Self { $($field: $field.finish(),)* $($extra)? })
            }

            fn write<M: serde::ser::SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
                $($crate::support::object::write_extra(map, &self.$extra)?;)?
                $crate::support::object::write_entries(
                    map,
                    &[$($crate::support::object::Entry::$kind($key, &self.$field)),*],
                )
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
    (@extra) => { None };
    (@extra $extra:ident) => { Some(&mut $extra) };
}
pub(crate) use object;
