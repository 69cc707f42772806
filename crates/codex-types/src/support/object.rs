//! Structs, as objects whose fields are looked up in a table.
//!
//! The derives of serde write a loop over the keys into each struct. There are more than eight
//! hundred of them, and checking those loops was most of the time that this crate took to compile.
//! Here is one loop for all; a struct only lists its fields. It is also the faster one: keys
//! mostly come in order, so the first one that is compared is mostly the right one.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{
    Deserialize, DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, Visitor,
};
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::{Map, Value};

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
}

/// A field that must be there.
pub(crate) struct Required<T>(Option<T>);

/// A field that is left out when there is no value.
pub(crate) struct Optional<T>(Option<T>);

/// A field that is `null` when there is no value; one that is left out is understood.
pub(crate) struct Nullable<T>(Option<T>);

/// A field where absence, `null` and a value are three things.
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

/// A field as its object is read: its key, and whether it must be there.
pub(crate) enum Key {
    Required(&'static str),
    Optional(&'static str),
    Nullable(&'static str),
    Double(&'static str),
    Defaulted(&'static str),
}

impl Key {
    fn name(&self) -> &'static str {
        match self {
            Self::Required(name)
            | Self::Optional(name)
            | Self::Nullable(name)
            | Self::Double(name)
            | Self::Defaulted(name) => name,
        }
    }
}

/// Reads entries into the slots with the same index as their key.
pub(crate) fn read_entries<'de, A: MapAccess<'de>>(
    mut map: A,
    keys: &'static [Key],
    slots: &mut [&mut dyn Slot<'de, A>],
    mut extra: Option<&mut Map<String, Value>>,
) -> Result<(), A::Error> {
    let mut seen = 0_u64;
    let mut next = 0;
    let mut unknown = extra.is_some().then(String::new);
    while let Some(index) = map.next_key_seed(Search {
        keys,
        next,
        unknown: unknown.as_mut(),
    })? {
        if let Some(slot) = slots.get_mut(index) {
            slot.read(&mut map)?;
            seen |= 1 << index;
            next = index + 1;
        } else if let (Some(extra), Some(key)) = (&mut extra, &unknown) {
            extra.insert(key.clone(), map.next_value()?);
        } else {
            map.next_value::<IgnoredAny>()?;
        }
    }
    for (index, key) in keys.iter().enumerate() {
        if let Key::Required(name) = key
            && seen & (1 << index) == 0
        {
            return Err(A::Error::missing_field(name));
        }
    }
    Ok(())
}

/// Reads the index of a key; that of an unknown one is beyond all others.
struct Search<'a> {
    keys: &'static [Key],
    /// Where the key is likely to be: after the last one.
    next: usize,
    /// Where an unknown key is kept, if it is of use.
    unknown: Option<&'a mut String>,
}

impl Search<'_> {
    #[inline]
    fn index(&self, key: &str) -> Option<usize> {
        let is = |it: &Key| {
            let name = it.name();
            // Most keys differ in what is cheap to compare.
            name.len() == key.len()
                && name.as_bytes().first() == key.as_bytes().first()
                && name == key
        };
        let (before, after) = self.keys.split_at(self.next);
        match after.iter().position(is) {
            Some(index) => Some(index + self.next),
            None => before.iter().position(is),
        }
    }
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
        Ok(self.index(key).unwrap_or_else(|| {
            if let Some(unknown) = self.unknown {
                key.clone_into(unknown);
            }
            usize::MAX
        }))
    }
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
                    &[$($crate::support::object::Key::$kind($key)),*],
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
