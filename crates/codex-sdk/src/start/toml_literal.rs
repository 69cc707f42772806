//! Values and keys in TOML.

use serde_json::{Number, Value};

/// TOML has no null.
const NO_NULL: &str = "TOML has no null: leave the key out";
const NO_NUMBER: &str =
    "TOML has integers of 64 bits with a sign, and floating-point numbers of 64 bits";
const NO_KEY: &str = "this is no TOML key: put what isn't letters, digits, `_` and `-` into quotes";

pub(super) fn write(value: &Value) -> Result<String, &'static str> {
    Ok(match value {
        Value::Null => return Err(NO_NULL),
        Value::Bool(_) => value.to_string(),
        Value::Number(number) => self::number(number)?,
        Value::String(text) => string(text),
        Value::Array(values) => {
            let values: Result<Vec<_>, _> = values.iter().map(write).collect();
            format!("[{}]", values?.join(", "))
        }
        Value::Object(fields) => {
            let pair = |(key, value): (&String, &Value)| {
                write(value).map(|value| format!("{} = {value}", string(key)))
            };
            let pairs: Result<Vec<_>, _> = fields.iter().map(pair).collect();
            format!("{{{}}}", pairs?.join(", "))
        }
    })
}

/// The runtime would read what isn't a TOML number as a string.
fn number(number: &Number) -> Result<String, &'static str> {
    if let Some(integer) = number.as_i64() {
        return Ok(integer.to_string());
    }
    match number.as_f64().filter(|_| number.is_f64()) {
        Some(float) if float.is_finite() => Ok(format!("{float:?}")),
        _ => Err(NO_NUMBER),
    }
}

/// JSON's escapes are valid in TOML; only TOML requires the delete character to be escaped.
fn string(text: &str) -> String {
    Value::from(text).to_string().replace('\u{7f}', "\\u007F")
}

/// Whether this name needs no quotes in a key.
pub(super) fn is_bare(name: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "_-".contains(c);
    !name.is_empty() && name.chars().all(allowed)
}

/// The names in a dotted key.
pub(super) fn read_key(key: &str) -> Result<Vec<String>, &'static str> {
    let mut names = Vec::new();
    let mut rest = key;
    loop {
        let (name, after) = read_name(rest.trim_start_matches([' ', '\t'])).ok_or(NO_KEY)?;
        names.push(name);
        let after = after.trim_start_matches([' ', '\t']);
        match after.strip_prefix('.') {
            Some(next) => rest = next,
            None if after.is_empty() => return Ok(names),
            None => return Err(NO_KEY),
        }
    }
}

/// The first name and what follows it.
fn read_name(text: &str) -> Option<(String, &str)> {
    if let Some(literal) = text.strip_prefix('\'') {
        let (name, after) = literal.split_once('\'')?;
        return (!name.contains(char::is_control)).then(|| (name.to_owned(), after));
    }
    if text.starts_with('"') {
        // JSON strings are TOML strings, except for a few escapes that nobody writes.
        let mut strings = serde_json::Deserializer::from_str(text).into_iter::<String>();
        let name = strings.next()?.ok()?;
        return Some((name, &text[strings.byte_offset()..]));
    }
    let end = text.find(|c: char| !is_bare(c.encode_utf8(&mut [0; 4])));
    let (name, after) = text.split_at(end.unwrap_or(text.len()));
    is_bare(name).then(|| (name.to_owned(), after))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    #[test]
    fn literals_are_toml() {
        let value = json!({ "a.b": [1, -2.5, true, 1e300, i64::MIN], "c": "it's \"so\"\n\u{7f}" });
        let literal = super::write(&value).unwrap();
        let table: toml::Table = format!("value = {literal}").parse().unwrap();
        let back = serde_json::to_value(&table["value"]).unwrap();
        assert_eq!(back, value);
        assert!(super::write(&json!([null])).is_err());
    }

    #[test]
    fn keys_are_read_as_toml_reads_them() {
        let keys = [
            "a",
            "a-b._1",
            " a . b ",
            r#"a."b.c".d"#,
            "a.'b\"c'.d",
            r#"a."\"\\\n\u00e9""#,
            "1.2",
            "a.\"\"",
        ];
        for key in keys {
            let mut value = &toml::Value::Table(format!("{key} = 0").parse().unwrap());
            for name in super::read_key(key).unwrap() {
                value = &value[&name];
            }
            assert_eq!(value.as_integer(), Some(0), "{key}");
        }
    }
}
