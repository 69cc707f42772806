//! Rewrites the few places that keep a parser from reading a text that is otherwise JSON.

use std::borrow::Cow;
use std::fmt::Write as _;

/// `serde_json` reads 127 levels; a line has a few around its payload.
const MAX_DEPTH: usize = 100;

/// Returns the text with every value that `serde_json` can't hold as a string of its JSON: a number
/// beyond the range of floats, or a value that is nested too deeply. In strings, half a surrogate
/// pair becomes U+FFFD, and control characters and invalid escapes are escaped.
pub(crate) fn repair(text: &str) -> Cow<'_, str> {
    let mut repair = Repair {
        text,
        at: 0,
        copied: 0,
        out: String::new(),
    };
    repair.run();
    if repair.copied == 0 {
        return Cow::Borrowed(text);
    }
    repair.copy_to(text.len());
    Cow::Owned(repair.out)
}

struct Repair<'a> {
    text: &'a str,
    at: usize,
    /// How much of the text is already in `out`.
    copied: usize,
    out: String,
}

impl Repair<'_> {
    fn run(&mut self) {
        let mut depth = 0_usize;
        while let Some(byte) = self.peek() {
            match byte {
                b'"' => self.string(),
                b'-' | b'0'..=b'9' => self.number(),
                b'{' | b'[' if depth == MAX_DEPTH => self.deep(),
                b'{' | b'[' => {
                    depth += 1;
                    self.at += 1;
                }
                b'}' | b']' => {
                    depth = depth.saturating_sub(1);
                    self.at += 1;
                }
                _ => self.at += 1,
            }
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn copy_to(&mut self, end: usize) {
        self.out.push_str(&self.text[self.copied..end]);
        self.copied = end;
    }

    /// Replaces the text from here to `end`.
    fn replace(&mut self, end: usize, with: &str) {
        self.copy_to(self.at);
        self.out.push_str(with);
        self.copied = end;
        self.at = end;
    }

    fn string(&mut self) {
        self.at += 1;
        while let Some(byte) = self.peek() {
            match byte {
                b'"' => {
                    self.at += 1;
                    return;
                }
                b'\\' => self.escape(),
                0..=0x1f => {
                    let mut escaped = String::new();
                    // Writing to a string cannot fail.
                    let _ = write!(escaped, "\\u{byte:04x}");
                    self.replace(self.at + 1, &escaped);
                }
                _ => self.at += 1,
            }
        }
    }

    fn escape(&mut self) {
        match self.text.as_bytes().get(self.at + 1) {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => self.at += 2,
            Some(b'u') => self.code_unit(),
            // The backslash stands for itself.
            _ => self.replace(self.at + 1, "\\\\"),
        }
    }

    fn code_unit(&mut self) {
        match self.hex(self.at) {
            None => self.replace(self.at + 1, "\\\\"),
            Some(0xd800..=0xdbff) if matches!(self.hex(self.at + 6), Some(0xdc00..=0xdfff)) => {
                self.at += 12;
            }
            Some(0xd800..=0xdfff) => self.replace(self.at + 6, "\\ufffd"),
            Some(_) => self.at += 6,
        }
    }

    /// The escaped code unit at a position.
    fn hex(&self, at: usize) -> Option<u32> {
        let digits = self.text.get(at..at + 6)?.strip_prefix("\\u")?;
        let is_hex = digits.bytes().all(|it| it.is_ascii_hexdigit());
        is_hex.then(|| u32::from_str_radix(digits, 16).ok())?
    }

    fn number(&mut self) {
        let rest = &self.text[self.at..];
        let is_of_number =
            |it: char| it.is_ascii_digit() || matches!(it, '+' | '-' | '.' | 'e' | 'E');
        let length = rest.find(|it| !is_of_number(it)).unwrap_or(rest.len());
        let number = &rest[..length];
        if number.parse::<f64>().is_ok_and(f64::is_infinite) {
            let quoted = format!("\"{number}\"");
            self.replace(self.at + length, &quoted);
        } else {
            self.at += length;
        }
    }

    /// Makes an array or object a string, if it has an end.
    fn deep(&mut self) {
        let Some(end) = self.end_of_value() else {
            self.at = self.text.len();
            return;
        };
        let quoted = serde_json::Value::from(&self.text[self.at..end]).to_string();
        self.replace(end, &quoted);
    }

    fn end_of_value(&self) -> Option<usize> {
        let bytes = self.text.as_bytes();
        let (mut depth, mut at) = (0_usize, self.at);
        let mut in_string = false;
        while let Some(byte) = bytes.get(at) {
            match byte {
                b'\\' if in_string => at += 1,
                b'"' => in_string = !in_string,
                b'{' | b'[' if !in_string => depth += 1,
                b'}' | b']' if !in_string => depth -= 1,
                _ => {}
            }
            at += 1;
            if depth == 0 {
                return Some(at);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use serde_json::{Value, json};

    use super::{MAX_DEPTH, repair};

    fn repaired(text: &str) -> Value {
        serde_json::from_str(&repair(text)).unwrap()
    }

    #[test]
    fn a_sound_text_is_left_alone() {
        let text = r#"{"a":[1,-2.5e3,"\"\\/\b\f\n\r\t\u00e9 \ud83d\ude00 é"],"b":{"c":null}}"#;
        assert!(matches!(repair(text), Cow::Borrowed(it) if it == text));
    }

    #[test]
    fn a_number_beyond_all_floats_is_a_string() {
        assert_eq!(repaired("[1e999,-1e999,7]"), json!(["1e999", "-1e999", 7]));
        let long = "9".repeat(400);
        assert_eq!(repaired(&long), json!(long));
    }

    #[test]
    fn what_is_no_text_is_replaced_and_the_rest_stays() {
        assert_eq!(
            repaired(r#"["a\ud800b","\udc00","\ud800\ud83d\ude00"]"#),
            json!(["a\u{fffd}b", "\u{fffd}", "\u{fffd}\u{1f600}"])
        );
        assert_eq!(repaired("\"a\tb\u{1}\""), json!("a\tb\u{1}"));
        assert_eq!(repaired(r#""a\xb\uZZZZ""#), json!(r"a\xb\uZZZZ"));
    }

    #[test]
    fn what_nests_too_deeply_is_a_string() {
        let deep = |levels: usize| "[".repeat(levels) + &"]".repeat(levels);
        let mut value = repaired(&deep(100_000));
        for _ in 0..MAX_DEPTH {
            value = value[0].take();
        }
        assert_eq!(value, json!(deep(100_000 - MAX_DEPTH)));
        let beside = format!(r#"{{"a":{},"b":1}}"#, deep(MAX_DEPTH + 1));
        assert_eq!(repaired(&beside)["b"], 1);
        let brackets = format!("{}{}{}", "[".repeat(101), r#""]\"]""#, "]".repeat(101));
        assert!(
            repair(&brackets).contains(r#""[\"]\\\"]\"]""#),
            "{}",
            repair(&brackets)
        );
    }

    #[test]
    fn what_is_no_json_is_no_panic() {
        for text in [
            "\"",
            "\"\\",
            "\"\\u12",
            "[[",
            "-",
            "\"\\ué",
            "}",
            "\"\\ud800\\u",
        ] {
            let _ = repair(text);
        }
        let _ = repair(&"[".repeat(1000));
    }
}
