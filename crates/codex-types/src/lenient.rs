//! Reading as much as can be read.
//!
//! What is known must have its known shape, or it is an error: wire tooling wants to know. A client
//! rather goes on without the part that has not. Here the smallest part is given up: a union, such as a
//! [`ThreadItem`](crate::ThreadItem), whose body is wrong is kept as its `Unrecognized`; an element of a
//! page that can't be read is left out; what no JSON value can hold is kept as a string.
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

/// The list of a page, where the protocol has pages.
const PAGE: &str = "data";
/// Elements of a page that are left out at most: the page is read once more for each.
const MAX_LEFT_OUT: usize = 100;

/// A value, and what could not be read of it.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Lenient<T> {
    /// What could be read.
    pub value: T,
    /// What was wrong: of what is kept as `Unrecognized` the first place, and each element that was left
    /// out. Empty if everything could be read.
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

/// Reads a line that [`Message::parse`] doesn't take, as far as it can be: gives a line that it takes.
///
/// What is not valid UTF-8 becomes U+FFFD. An error reply keeps what can be read of its error, and a
/// stamp that is no integer is dropped. `None` if it is no message all the same.
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

/// What can be read of an error: the whole of it is its data where it hasn't the known shape.
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

/// Reads the params of a notification. One of a known method that can't be read is `Unrecognized`.
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
/// If even so the result is not of the method's type.
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

/// Reads a text strictly, then leniently, then without the elements of a page that can't be read. What
/// could not be read; an error if even the last failed. It isn't compiled once more for each type.
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
/// If even so it is not of that type.
pub fn value<T: DeserializeOwned>(value: &Value) -> Result<T, serde_json::Error> {
    let text = serde_json::to_string(value)?;
    leniently(|| serde_json::from_str(&text))
}

/// Reads a page without the elements that can't be read. What it says of those; `None` if it can't be read even
/// so.
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
