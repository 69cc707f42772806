//! Writes a value as the TOML literal that `--config` takes.

use serde_json::Value;

/// TOML has no null.
const NO_NULL: &str = "TOML has no null: leave the key out";

pub(crate) fn write(value: &Value) -> Result<String, &'static str> {
    Ok(match value {
        Value::Null => return Err(NO_NULL),
        Value::Bool(_) | Value::Number(_) => value.to_string(),
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

/// JSON's escapes are TOML's too; TOML alone wants the delete character escaped.
fn string(text: &str) -> String {
    Value::from(text).to_string().replace('\u{7f}', "\\u007F")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    #[test]
    fn literals_are_toml() {
        let value = json!({ "a.b": [1, -2.5, true], "c": "it's \"so\"\n\u{7f}" });
        let literal = super::write(&value).unwrap();
        let table: toml::Table = format!("value = {literal}").parse().unwrap();
        let back = serde_json::to_value(&table["value"]).unwrap();
        assert_eq!(back, value);
        assert!(super::write(&json!([null])).is_err());
    }
}
