//! Lenient decoding.
//!
//! Strict decoding fails if a known part doesn't have its known shape: wire tooling wants to know. A
//! client would rather continue without that part. This module gives up as little as possible. A union
//! with a bad body, such as a [`ThreadItem`](crate::ThreadItem), becomes its `Unrecognized` variant. An
//! unreadable element of a page is left out. A value that JSON types can't hold is kept as a string.
//!
//! ```
//! use codex_types::{ServerNotification, ThreadItem, lenient};
//! use serde_json::value::RawValue;
//!
//! let params = r#"{"threadId":"t","turnId":"u","completedAtMs":1,"item":{"type":"plan","id":"i","text":5}}"#;
//! let params = RawValue::from_string(params.to_owned())?;
//! let read = lenient::notification("item/completed", Some(&params));
//! let ServerNotification::ItemCompleted(completed) = read.value else { panic!() };
//! assert!(matches!(&completed.item, ThreadItem::Unrecognized(_)));
//! assert_eq!(completed.item.id(), Some("i"));
//! assert_eq!(read.problems[0].path(), "item.text");
//! # Ok::<(), serde_json::Error>(())
//! ```

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_json::value::{RawValue, to_raw_value};

use crate::repair::repair;
use crate::support::lenient::leniently;
use crate::{ClientMethod, DecodeError, JsonRpcError, Message, ServerNotification};

/// The field with a page's list, in methods that have pages.
const PAGE: &str = "data";
/// The maximum number of elements left out of a page, which is read again for each.
const MAX_LEFT_OUT: usize = 100;

/// A value, and the problems found while reading it.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Lenient<T> {
    /// The value that was read.
    pub value: T,
    /// What was wrong: the first problem in anything kept as `Unrecognized`, and each element that was
    /// left out. Empty if everything could be read.
    pub problems: Vec<DecodeError>,
}

impl<T> Lenient<T> {
    fn whole(value: T) -> Self {
        Self {
            value,
            problems: Vec::new(),
        }
    }
}

/// Repairs a line that [`Message::parse`] rejects, if possible; returns a line that it accepts.
///
/// Invalid UTF-8 becomes U+FFFD. An error response keeps the readable part of its error, and a timestamp
/// that is not an integer is dropped. Returns `None` if the result is still not a message.
pub fn line(line: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(line);
    let text = repair(&text);
    if Message::parse(&*text).is_ok() {
        return Some(text.into_owned());
    }
    let mut fields: BTreeMap<Cow<'_, str>, &RawValue> = serde_json::from_str(&text).ok()?;
    let error = fields.get("error").map(|error| readable(error));
    let error = error.and_then(|error| to_raw_value(&error).ok());
    if let Some(error) = &error {
        fields.insert(Cow::Borrowed("error"), error);
    }
    let stamp = fields.get("emittedAtMs");
    if stamp.is_some_and(|stamp| serde_json::from_str::<i64>(stamp.get()).is_err()) {
        fields.remove("emittedAtMs");
    }
    let text = serde_json::to_string(&fields).ok()?;
    Message::parse(&text).is_ok().then_some(text)
}

/// The readable part of an error; if its shape is unknown, the whole error becomes the data.
fn readable(error: &RawValue) -> JsonRpcError {
    let text = repair(error.get());
    if let Ok(error) = serde_json::from_str(&text) {
        return error;
    }
    let data: Value = serde_json::from_str(&text).unwrap_or_default();
    let message = data.get("message").unwrap_or(&data).as_str();
    JsonRpcError {
        code: data.get("code").and_then(Value::as_i64).unwrap_or_default(),
        message: message
            .unwrap_or("an error without a readable message")
            .to_owned(),
        data: Some(data),
    }
}

/// Reads the params of a notification. An unreadable one of a known method becomes `Unrecognized`.
#[inline]
pub fn notification(method: &str, params: Option<&RawValue>) -> Lenient<ServerNotification> {
    let problem = match ServerNotification::decode(method, params) {
        Ok(notification) => return Lenient::whole(notification),
        Err(problem) => problem,
    };
    let text = repair(params.map_or("null", RawValue::get));
    let raw: Option<&RawValue> = serde_json::from_str(&text).ok();
    let value = leniently(|| ServerNotification::decode(method, raw));
    let value = value.unwrap_or_else(|_| ServerNotification::Unrecognized {
        method: method.to_owned(),
        params: serde_json::from_str(&text).unwrap_or_else(|_| Value::from(&*text)),
    });
    Lenient {
        value,
        problems: vec![problem],
    }
}

/// Reads the result of a request.
///
/// # Errors
///
/// If the result is still not of the method's type.
pub fn response<M: ClientMethod>(result: &RawValue) -> Result<Lenient<M::Response>, DecodeError> {
    let mut value = None;
    let problems = as_far_as_possible(M::METHOD, result.get(), &mut |text| {
        value = Some(serde_json::from_str(text)?);
        Ok(())
    })?;
    match value {
        Some(value) => Ok(Lenient { value, problems }),
        None => unreachable!("read, and no value"),
    }
}

/// Reads a text strictly, then leniently, then without the unreadable elements of a page. Returns the
/// problems, or an error if the last attempt failed too. It is compiled only once, not for each type.
fn as_far_as_possible(
    method: &str,
    text: &str,
    read: &mut dyn FnMut(&str) -> serde_json::Result<()>,
) -> Result<Vec<DecodeError>, DecodeError> {
    let Err(problem) = read(text) else {
        return Ok(Vec::new());
    };
    let problem = DecodeError::new(method, &problem).within(text);
    let text = repair(text);
    let mut read = |text: &str| {
        let error = leniently(|| read(text)).err()?;
        Some(DecodeError::new(method, &error).within(text))
    };
    match read(&text) {
        None => Ok(vec![problem]),
        Some(first) => page(&text, first, &mut read).ok_or(problem),
    }
}

/// Reads a value, such as an item in the params of an `Unrecognized` notification.
///
/// # Errors
///
/// If the value is still not of that type.
pub fn value<T: DeserializeOwned>(value: &Value) -> Result<T, serde_json::Error> {
    let text = serde_json::to_string(value)?;
    leniently(|| serde_json::from_str(&text))
}

/// Reads a page without its unreadable elements. Returns the problems with them, or `None` if the page
/// is still unreadable.
fn page(
    text: &str,
    mut problem: DecodeError,
    read: &mut dyn FnMut(&str) -> Option<DecodeError>,
) -> Option<Vec<DecodeError>> {
    let mut fields: BTreeMap<Cow<'_, str>, Box<RawValue>> = serde_json::from_str(text).ok()?;
    let elements = fields.remove(PAGE)?;
    let mut elements: Vec<&RawValue> = serde_json::from_str(elements.get()).ok()?;
    let mut places: Vec<usize> = (0..elements.len()).collect();
    let mut problems = Vec::new();
    while problems.len() < MAX_LEFT_OUT {
        let (index, rest) = problem.path().strip_prefix("data[")?.split_once(']')?;
        let index: usize = index.parse().ok()?;
        if index >= elements.len() {
            return None;
        }
        elements.remove(index);
        let path = format!("{PAGE}[{}]{rest}", places.remove(index));
        problems.push(problem.clone().at(path));
        fields.insert(Cow::Borrowed(PAGE), to_raw_value(&elements).ok()?);
        let text = serde_json::to_string(&fields).ok()?;
        match read(&text) {
            None => return Some(problems),
            Some(next) => problem = next,
        }
    }
    None
}
