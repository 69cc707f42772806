//! Whether unions keep a known value with a wrong body as unrecognised.
//!
//! `Deserialize` takes no such option, and a second deserializer would compile every type twice.
//! Instead, it is thread-local state while one value is read. It is rarely on: a value that can be
//! read strictly never gets here.
//! can be read strictly never comes here.

use std::cell::Cell;

use serde::de::{Deserialize, Deserializer, Error};
use serde_json::Value;

thread_local! {
    static ON: Cell<bool> = const { Cell::new(false) };
}

/// Runs `read` with it on.
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

/// A union as text, for the one deserializer that every type is compiled for, and as the value to
/// keep if it is unreadable.
pub(crate) fn text_and_value<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<(String, Value), D::Error> {
    let value = Value::deserialize(deserializer)?;
    let text = serde_json::to_string(&value).map_err(D::Error::custom)?;
    Ok((text, value))
}
