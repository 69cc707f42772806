//! How much memory an unread notification takes.

use serde_json::Value;

use crate::connection::event_queue::{Entry, Notification};

/// The memory of a value besides its text, and of an object's entry besides its key and value: about
/// what `serde_json` and the allocator take.
const OF_VALUE: usize = size_of::<Value>();
const OF_ENTRY: usize = 3 * size_of::<Value>();

/// About how many bytes a notification takes while it is unread. Two bytes of text can become a value of 32.
pub(crate) fn held(notification: &Notification, line: &[u8]) -> usize {
    let content = match notification {
        Notification::Unrecognized { method, params } => method.len() + held_by(params),
        _ => line.len() + OF_VALUE * values(line),
    };
    size_of::<Entry>() + content
}

/// How many values a JSON text has, at most.
fn values(mut json: &[u8]) -> usize {
    // Most texts have few values even when separators in strings count, too, and that takes one quick pass.
    let most = 1 + json.chunks(255).map(separators).sum::<usize>();
    if most * OF_VALUE <= 2 * json.len() {
        return most;
    }
    let mut values = 1;
    loop {
        let quote = memchr::memchr(b'"', json);
        let (between, string) = json.split_at(quote.unwrap_or(json.len()));
        values += memchr::memchr3_iter(b',', b'[', b'{', between).count();
        let Some(string) = string.get(1..) else {
            return values;
        };
        json = after_string(string);
    }
}

/// How many of at most 255 bytes would precede a value if they were outside a string. The count is a
/// byte, so many are counted at once.
fn separators(json: &[u8]) -> usize {
    let count = json.iter().fold(0_u8, |count, byte| {
        // The two brackets differ only in this bit.
        count + u8::from(*byte == b',') + u8::from(byte | 0x20 == b'{')
    });
    usize::from(count)
}

/// What follows the closing quote of a string.
fn after_string(mut string: &[u8]) -> &[u8] {
    while let Some(at) = memchr::memchr2(b'"', b'\\', string) {
        if string[at] == b'"' {
            return &string[at + 1..];
        }
        string = string.get(at + 2..).unwrap_or_default();
    }
    &[]
}

fn held_by(value: &Value) -> usize {
    OF_VALUE
        + match value {
            Value::String(text) => text.len(),
            Value::Array(values) => values.iter().map(held_by).sum(),
            Value::Object(entries) => {
                let each = |(key, value): (&String, &Value)| OF_ENTRY + key.len() + held_by(value);
                entries.iter().map(each).sum()
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => 0,
        }
}

#[cfg(test)]
mod tests {
    use codex_types::lenient;
    use serde_json::value::RawValue;

    use super::{Entry, OF_VALUE, held, values};

    #[test]
    fn values_are_counted_outside_of_texts() {
        for (json, expected) in [
            ("1", 1),
            (r#""a,[{\\",[1,2]"#, 4),
            (r#"{"a\"{":[1,2],"b":","}"#, 5),
            (r#""never ends,,"#, 1),
            ("\"\\", 1),
        ] {
            assert_eq!(values(json.as_bytes()), expected, "{json}");
        }
    }

    #[test]
    fn what_is_counted_is_what_is_held_and_not_what_came() {
        let zeros = format!("[{}0]", "0,".repeat(999));
        for (method, params) in [
            ("new/kind", zeros.clone()),
            (
                "app/list/updated",
                format!(r#"{{"data":[],"more":{zeros}}}"#),
            ),
        ] {
            let params = RawValue::from_string(params).unwrap();
            let line = format!(r#"{{"method":"{method}","params":{params}}}"#);
            let read = lenient::notification(method, Some(&params));
            let held = held(&read.value, line.as_bytes());
            assert!(held >= size_of::<Entry>() + 1000 * OF_VALUE, "{held}");
        }
    }
}
