//! The arguments that override the configuration: `--config KEY=VALUE`.
//!
//! The runtime splits a key at each dot and treats quotes as part of the name. A name that isn't a bare key can
//! only be written inside the value, as a key of an inline table.

use serde_json::{Map, Value};

use crate::error::{Error, Result};
use crate::start::toml_literal;

/// The argument of each `--config`, in this order.
pub(super) fn write(config: &[(String, Value)]) -> Result<Vec<String>> {
    // Everything set so far: a table replaces the previous one, so it must be written whole.
    let mut all = Value::Object(Map::new());
    let mut arguments = Vec::new();
    for (key, value) in config {
        let invalid = |problem| Error::InvalidInput(format!("`config` of {key:?}: {problem}"));
        let path = toml_literal::read_key(key).map_err(invalid)?;
        let bare = path.iter().take_while(|name| toml_literal::is_bare(name));
        let bare = bare.count();
        if bare == 0 {
            return Err(invalid(
                "the runtime takes bare keys only at the top: letters, digits, `_` and `-`",
            ));
        }
        *at(&mut all, &path) = value.clone();
        let literal = toml_literal::write(at(&mut all, &path[..bare])).map_err(invalid)?;
        arguments.push(format!("{}={literal}", path[..bare].join(".")));
    }
    Ok(arguments)
}

/// The value at this path. Anything on the way that isn't a table becomes one, as in the runtime.
fn at<'a>(value: &'a mut Value, path: &[String]) -> &'a mut Value {
    path.iter().fold(value, |value, name| {
        if !value.is_object() {
            *value = Value::Object(Map::new());
        }
        &mut value[name]
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::write;
    use crate::error::{Error, Result};

    fn written(config: &[(&str, Value)]) -> Result<Vec<String>> {
        let owned = |(key, value): &(&str, Value)| ((*key).to_owned(), value.clone());
        write(&config.iter().map(owned).collect::<Vec<_>>())
    }

    #[test]
    fn a_quoted_name_is_written_within_its_table_and_keeps_what_was_set_beside_it() {
        let config = [
            ("features.goals", json!(false)),
            ("projects.\"/srv/a.b\".trust_level", json!("trusted")),
            ("projects . '/srv/c'.trust_level", json!("untrusted")),
            ("projects.\"bare\".trust_level", json!("trusted")),
        ];
        let expected = [
            "features.goals=false",
            r#"projects={"/srv/a.b" = {"trust_level" = "trusted"}}"#,
            r#"projects={"/srv/a.b" = {"trust_level" = "trusted"}, "/srv/c" = {"trust_level" = "untrusted"}}"#,
            r#"projects.bare.trust_level="trusted""#,
        ];
        assert_eq!(written(&config).unwrap(), expected);
        // What replaces the table is no longer written with it.
        let config = [
            ("a.b", json!(1)),
            ("a", json!({ "c.d": 2 })),
            ("a.\"e.f\"", json!(3)),
        ];
        let expected = ["a.b=1", r#"a={"c.d" = 2}"#, r#"a={"c.d" = 2, "e.f" = 3}"#];
        assert_eq!(written(&config).unwrap(), expected);
    }

    #[test]
    fn what_is_no_key_or_has_no_literal_is_refused() {
        let keys = [
            "",
            ".",
            "a.",
            ".a",
            "a..b",
            "a b",
            "a=b",
            "/srv/a.b",
            "a.\"b",
            "a.'b",
            "a\"b\"",
            "\"a\"b",
            "a\nb",
            "a.\"\\q\"",
            "é",
            "\"a.b\".c",
            "\"\"",
        ];
        for key in keys {
            let error = written(&[(key, json!(1))]).unwrap_err();
            assert!(matches!(error, Error::InvalidInput(_)), "{key}: {error:?}");
        }
        for value in [json!(null), json!([{ "a": null }]), json!(u64::MAX)] {
            let error = written(&[("a", value)]).unwrap_err();
            assert!(matches!(error, Error::InvalidInput(_)), "{error:?}");
        }
    }
}
