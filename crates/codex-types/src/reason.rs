//! Describes what is wrong with a JSON text without quoting its values: any of them may be secret.

use serde_json::error::Category;

/// This crate's own error texts, which quote no values.
const OWN: [&str; 5] = [
    "an answer of an unexpected kind",
    "no reply",
    "the end of a turn without its status",
    "the id is too large",
    "the tag is not a string",
];
/// serde's names for the kinds of values.
const KINDS: [&str; 17] = [
    "boolean",
    "byte array",
    "character",
    "enum",
    "floating point",
    "integer",
    "map",
    "newtype struct",
    "newtype variant",
    "null",
    "Option value",
    "sequence",
    "string",
    "struct variant",
    "tuple variant",
    "unit value",
    "unit variant",
];
/// serde errors that continue with a value, or with what was expected.
const WITH_VALUES: [&str; 4] = [
    "invalid length",
    "unknown variant",
    "unknown field",
    "duplicate field",
];

/// The words of an error that can't be a value from the text.
///
/// A serde error is one text that mixes words and values. Only known words are kept, because a
/// value may look like anything.
pub(crate) fn of(error: &serde_json::Error) -> String {
    let text = without_position(error);
    match error.classify() {
        Category::Data => without_values(&text),
        // These are the parser's own words.
        Category::Syntax | Category::Eof | Category::Io => text,
    }
}

/// The error's text without its position.
pub(crate) fn without_position(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let position = format!(" at line {} column {}", error.line(), error.column());
    text.strip_suffix(&position).unwrap_or(&text).to_owned()
}

fn without_values(text: &str) -> String {
    for refusal in ["invalid type", "invalid value"] {
        let rest = text.strip_prefix(refusal);
        if let Some(rest) = rest.and_then(|it| it.strip_prefix(": ")) {
            return refused(refusal, rest);
        }
    }
    let is_safe = OWN.contains(&text) || missing_field(text).is_some_and(is_name);
    if is_safe {
        return text.to_owned();
    }
    let known = WITH_VALUES.iter().find(|it| text.starts_with(**it));
    (*known.unwrap_or(&"not what its type allows")).to_owned()
}

fn missing_field(text: &str) -> Option<&str> {
    text.strip_prefix("missing field `")?.strip_suffix('`')
}

/// Whether a key may be a field name. Other keys come from maps and can be anything.
pub(crate) fn is_name(key: &str) -> bool {
    key.len() <= 64
        && key
            .bytes()
            .all(|it| it.is_ascii_alphanumeric() || it == b'_')
}

/// `string "…", expected u32`: a kind, its value if serde quotes one, and what was expected.
fn refused(refusal: &str, rest: &str) -> String {
    let kind = KINDS.iter().find(|kind| rest.starts_with(**kind));
    let Some(kind) = kind else {
        return refusal.to_owned();
    };
    let rest = &rest[kind.len()..];
    let (value, rest) = if let Some(text) = rest.strip_prefix(" \"") {
        (" \"…\"", after_quoted(text))
    } else if let Some(text) = rest.strip_prefix(" `") {
        // A single character may itself be a backtick.
        let after = text.char_indices().nth(1).map(|(at, _)| &text[at..]);
        (" `…`", after.and_then(|it| Some(it.split_once('`')?.1)))
    } else {
        ("", Some(rest))
    };
    let expected = rest.filter(|it| it.starts_with(", expected "));
    format!("{refusal}: {kind}{value}{}", expected.unwrap_or_default())
}

/// The rest after a string written by `Debug`, starting inside its first quote.
fn after_quoted(text: &str) -> Option<&str> {
    let mut escaped = false;
    let end = text.char_indices().find(|(_, it)| match it {
        _ if escaped => {
            escaped = false;
            false
        }
        '\\' => {
            escaped = true;
            false
        }
        it => *it == '"',
    });
    end.map(|(at, _)| &text[at + 1..])
}
