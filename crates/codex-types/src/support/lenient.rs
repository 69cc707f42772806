//! Whether unions keep a known value with a wrong body, as one that they don't know.
//!
//! `Deserialize` has no place for such a wish, and a second deserializer would compile every type a
//! second time. So it is a state of the thread, for as long as one value is read. It is rarely on: what
//! can be read strictly never comes here.

use std::cell::Cell;

use serde::de::{Deserialize, Deserializer, Error};
use serde_json::Value;

thread_local! {
    static ON: Cell<bool> = const { Cell::new(false) };
}

/// Reads with it on.
pub(crate) fn leniently<T>(read: impl FnOnce() -> T) -> T {
    struct Restore(bool);

    impl Drop for Restore {
        fn drop(&mut self) {
            ON.set(self.0);
        }
    }

    let _restore = Restore(ON.replace(true));
    read()
}

pub(crate) fn is_on() -> bool {
    ON.get()
}

/// A union as text, to be read by the deserializer that everything is compiled for, and as the value that is
/// kept if it can't be.
pub(crate) fn text_and_value<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<(String, Value), D::Error> {
    let value = Value::deserialize(deserializer)?;
    let text = serde_json::to_string(&value).map_err(D::Error::custom)?;
    Ok((text, value))
}
