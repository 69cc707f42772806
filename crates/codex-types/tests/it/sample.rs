//! An instance, and what is known of its places.

use std::fmt::Write as _;

use serde_json::{Map, Value};

/// An instance of a definition.
#[derive(Debug, Clone)]
pub(crate) struct Sample {
    pub(crate) value: Value,
    pub(crate) sites: Vec<Site>,
    /// The ways to write it.
    pub(crate) wires: &'static [Wire],
}

/// A place in an instance of which the schema says something that matters here.
#[derive(Debug, Clone)]
pub(crate) struct Site {
    pub(crate) path: Vec<Step>,
    pub(crate) kind: Kind,
    /// Whether the definition itself has it, not one that it refers to.
    pub(crate) own: bool,
    /// Whether it lies in an untagged union, which is buffered before it is decoded.
    pub(crate) buffered: bool,
}

/// A key or an index.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Step {
    Key(String),
    Index(usize),
}

/// What is at a place.
#[derive(Debug, Clone)]
pub(crate) enum Kind {
    /// One of the strings of a list.
    Choice,
    /// An object whose kind is said by this key.
    Tagged(String),
    /// An object whose only key says its kind.
    Keyed,
    /// An object with fields.
    Object(Fields),
}

/// What the schema says of an object.
#[derive(Debug, Clone, Default)]
pub(crate) struct Fields {
    /// Fields that may be neither absent nor null, with a value of a wrong type if there is one.
    pub(crate) required: Vec<(String, Option<Value>)>,
    /// Fields that are absent, and what absence stands for.
    pub(crate) defaults: Vec<(String, Value)>,
    /// Whether it keeps what has no field.
    pub(crate) open: bool,
}

impl Sample {
    /// What comes back, in the form that `canonical` gives it: absence and null are the same, and
    /// so are absence and the default.
    pub(crate) fn expected(&self) -> Value {
        let mut value = self.value.clone();
        for site in &self.sites {
            if let (Kind::Object(fields), Some(Value::Object(object))) =
                (&site.kind, at_mut(&mut value, &site.path))
            {
                object.extend(fields.defaults.iter().cloned());
            }
        }
        self.canonical(value)
    }

    /// Without the null fields of known objects. Nulls elsewhere mean something.
    pub(crate) fn canonical(&self, mut value: Value) -> Value {
        for site in &self.sites {
            if let (Kind::Object(_), Some(Value::Object(object))) =
                (&site.kind, at_mut(&mut value, &site.path))
            {
                object.retain(|_, it| !it.is_null());
            }
        }
        value
    }

    /// Forgets what is known of the places in a part, which from now on must stay as it is.
    pub(crate) fn freeze(&mut self, path: &[Step]) {
        self.sites.retain(|it| !it.path.starts_with(path));
    }
}

/// The value at a place.
pub(crate) fn at_mut<'a>(value: &'a mut Value, path: &[Step]) -> Option<&'a mut Value> {
    path.iter().try_fold(value, |value, step| match step {
        Step::Key(key) => value.get_mut(key),
        Step::Index(index) => value.get_mut(index),
    })
}

/// A place as errors name it: keys as they are in the text.
pub(crate) fn render(path: &[Step]) -> String {
    let mut text = String::new();
    for step in path {
        match step {
            Step::Index(index) => write!(text, "[{index}]").unwrap(),
            Step::Key(key) => {
                // Another key than that of a field may be a value.
                let of_name = |it: char| it.is_ascii_alphanumeric() || it == '_';
                let key = if key.chars().all(of_name) { key } else { "…" };
                let dot = if text.is_empty() { "" } else { "." };
                write!(text, "{dot}{key}").unwrap();
            }
        }
    }
    text
}

/// How a value is written.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Wire {
    /// Tags before all other keys, as the runtime does.
    TagsFirst,
    /// Tags after all other keys.
    TagsLast,
    /// Each character as an escape, keys included.
    Escaped,
}

/// All tags of the schema. One may be a mere field beside an earlier one.
const TAGS: [&str; 5] = ["type", "method", "mode", "kind", "handlerType"];

impl Wire {
    pub(crate) const ALL: [Self; 3] = [Self::TagsFirst, Self::TagsLast, Self::Escaped];

    /// Writes a value.
    pub(crate) fn write(self, value: &Value) -> String {
        let mut text = String::new();
        self.value(value, &mut text);
        text
    }

    fn value(self, value: &Value, out: &mut String) {
        match value {
            Value::String(string) => self.string(string, out),
            Value::Array(values) => {
                out.push('[');
                for (index, value) in values.iter().enumerate() {
                    out.push_str(if index == 0 { "" } else { "," });
                    self.value(value, out);
                }
                out.push(']');
            }
            Value::Object(object) => {
                out.push('{');
                for (index, (key, value)) in self.sorted(object).into_iter().enumerate() {
                    out.push_str(if index == 0 { "" } else { "," });
                    self.string(key, out);
                    out.push(':');
                    self.value(value, out);
                }
                out.push('}');
            }
            scalar => write!(out, "{scalar}").unwrap(),
        }
    }

    fn sorted(self, object: &Map<String, Value>) -> Vec<(&String, &Value)> {
        let mut entries: Vec<_> = object.iter().collect();
        let rank = |key: &str| TAGS.iter().position(|it| *it == key).unwrap_or(TAGS.len());
        entries.sort_by_key(|(key, _)| rank(key));
        if self == Self::TagsLast {
            entries.reverse();
        }
        entries
    }

    fn string(self, string: &str, out: &mut String) {
        if self != Self::Escaped {
            write!(out, "{}", Value::from(string)).unwrap();
            return;
        }
        out.push('"');
        for unit in string.encode_utf16() {
            write!(out, "\\u{unit:04x}").unwrap();
        }
        out.push('"');
    }
}

/// Whether two values are the same; integers may come back as floats.
pub(crate) fn same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Object(one), Value::Object(other)) => {
            one.len() == other.len()
                && one
                    .iter()
                    .all(|(key, it)| other.get(key).is_some_and(|other| same(it, other)))
        }
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same(one, other))
        }
        (Value::Number(a), Value::Number(b)) if a.is_f64() != b.is_f64() => {
            a.as_f64() == b.as_f64()
        }
        _ => one == other,
    }
}
