//! The building blocks of the generated code. Nothing here is public.

mod external;
pub(crate) mod lenient;
pub(crate) mod object;
mod payload;
pub(crate) mod route;
mod strings;
mod sum;
mod tagged;
mod text;
mod untagged;

pub(crate) use external::{External, deserialize_external, external_enum, external_tag};
pub(crate) use object::object;
pub(crate) use payload::{Payload, RawParams, encode, serialize_message};
pub(crate) use strings::{deserialize_string, named_string, string_enum};
pub(crate) use sum::sum;
pub(crate) use tagged::{Tagged, deserialize_tagged, ignore, tagged_enum, whole};
pub(crate) use text::Text;
pub(crate) use untagged::{Shape, Untagged, deserialize_untagged, untagged_enum};

/// Replaces a secret in `Debug` output.
pub(crate) struct Redacted;

impl std::fmt::Debug for Redacted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[redacted]")
    }
}
