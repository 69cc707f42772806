//! The path of a position in a JSON text.
//!
//! A deserializer that tracks its path would have to be instantiated a second time for every type.
//! Errors are rare, so their path is found by reading the text again.

use std::fmt::Write as _;

use crate::reason::is_name;

/// What surrounds a position.
enum Frame<'a> {
    Object(Option<&'a str>),
    Array(usize),
}

/// The path of the value at a line and column, both as `serde_json` counts them: the column is the
/// number of bytes consumed in the line.
pub(crate) fn at(json: &str, line: usize, column: usize) -> String {
    let before: usize = json
        .split_inclusive('\n')
        .take(line.saturating_sub(1))
        .map(str::len)
        .sum();
    if line == 0 {
        return String::new();
    }
    render(&enclosing(json, before.saturating_add(column)))
}

/// The frames around the last of the first `consumed` bytes.
fn enclosing(json: &str, consumed: usize) -> Vec<Frame<'_>> {
    let bytes = json.as_bytes();
    let end = consumed.min(bytes.len());
    let mut frames = Vec::new();
    let mut position = 0;
    while position < end {
        let here = position;
        position += 1;
        match bytes[here] {
            b'{' => frames.push(Frame::Object(None)),
            b'[' => frames.push(Frame::Array(0)),
            // An error after a value is about that value.
            b',' if position == end => {}
            b',' => match frames.last_mut() {
                Some(Frame::Object(key)) => *key = None,
                Some(Frame::Array(index)) => *index += 1,
                None => {}
            },
            // An error at the end of an object is about the object: a field is missing.
            b'}' | b']' if position == end => match frames.last_mut() {
                Some(Frame::Object(key)) => *key = None,
                _ => drop(frames.pop()),
            },
            b'}' | b']' => drop(frames.pop()),
            b'"' => {
                position = end_of_string(bytes, position);
                if let Some(Frame::Object(key @ None)) = frames.last_mut() {
                    *key = json.get(here + 1..position - 1);
                }
            }
            _ => {}
        }
    }
    frames
}

/// The position after the closing quote of a string.
fn end_of_string(bytes: &[u8], mut position: usize) -> usize {
    while let Some(byte) = bytes.get(position) {
        position += match byte {
            b'"' => return position + 1,
            b'\\' => 2,
            _ => 1,
        };
    }
    bytes.len()
}

fn render(frames: &[Frame]) -> String {
    let mut path = String::new();
    for frame in frames {
        // Writing to a string cannot fail.
        let _ = match frame {
            Frame::Object(None) => Ok(()),
            Frame::Object(Some(key)) => {
                let key = if is_name(key) { key } else { "…" };
                let dot = if path.is_empty() { "" } else { "." };
                write!(path, "{dot}{key}")
            }
            Frame::Array(index) => write!(path, "[{index}]"),
        };
    }
    path
}

#[cfg(test)]
mod tests {
    use super::at;

    #[test]
    fn a_value_is_named_by_keys_and_indices() {
        let json = r#"{"turn":{"items":[{"type":"a"},{"type":5}]}}"#;
        assert_eq!(
            at(json, 1, json.find('5').unwrap() + 1),
            "turn.items[1].type"
        );
    }

    #[test]
    fn the_end_of_an_object_names_the_object() {
        let json = r#"{"a":[{"b":1}]}"#;
        assert_eq!(at(json, 1, json.find('}').unwrap() + 1), "a[0]");
    }

    #[test]
    fn an_opening_bracket_names_its_first_value() {
        assert_eq!(at(r#"{"a":["#, 1, 6), "a[0]");
    }

    #[test]
    fn quotes_and_brackets_in_strings_do_not_count() {
        let json = r#"{"a\"}":"]}","b":1}"#;
        assert_eq!(at(json, 1, json.find('1').unwrap() + 1), "b");
    }

    #[test]
    fn a_comma_names_the_value_before_it() {
        assert_eq!(at(r#"{"a":[{},{}]}"#, 1, 9), "a[0]");
    }

    #[test]
    fn a_key_that_names_no_field_is_not_shown() {
        let json = r#"{"env":{"sk-SECRET":5}}"#;
        assert_eq!(at(json, 1, json.find('5').unwrap() + 1), "env.…");
    }

    #[test]
    fn lines_count() {
        assert_eq!(at("{\n \"a\": 1\n}", 2, 7), "a");
    }

    #[test]
    fn positions_beyond_the_text_are_no_panic() {
        assert_eq!(at("{\"a", 1, 99), "");
        assert_eq!(at("", 0, 0), "");
    }
}
