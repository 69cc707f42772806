//! Fields that look like secrets. Each is decided in `schema/overrides.toml`.

use std::collections::BTreeMap;

use heck::ToSnakeCase;
use serde_json::Value;

use super::{Field, Kind, Model};
use crate::schema::reference;

/// Words that make a name suspicious anywhere in it.
const WORDS: [&str; 18] = [
    "bearer",
    "config",
    "cookie",
    "cookies",
    "credential",
    "credentials",
    "env",
    "headers",
    "jwt",
    "passphrase",
    "passwd",
    "password",
    "sdp",
    "secret",
    "secrets",
    "signature",
    "token",
    "tokens",
];
/// Pairs of words that do so together, in this order.
const PAIRS: [(&str, &str); 7] = [
    ("access", "key"),
    ("api", "key"),
    ("auth", "url"),
    ("authorization", "url"),
    ("private", "key"),
    ("secret", "key"),
    ("signing", "key"),
];

/// The fields whose names and types look like secrets, as `Type.field`.
pub fn suspects(model: &Model) -> BTreeMap<String, &Field> {
    let mut found = BTreeMap::new();
    for definition in model.definitions.values() {
        for field in definition.fields() {
            if is_named_so(&field.wire) && can_hold(model, &field.schema) {
                found.insert(format!("{}.{}", definition.name, field.wire), field);
            }
        }
    }
    found
}

fn is_named_so(wire: &str) -> bool {
    let name = wire.to_snake_case();
    let words: Vec<_> = name.split('_').collect();
    // A code that a person or device shows; error and exit codes are numbers.
    words.last() == Some(&"code")
        || words.iter().any(|it| WORDS.contains(it))
        || words.windows(2).any(|it| PAIRS.contains(&(it[0], it[1])))
}

/// Whether a value of this type prints its own text. For a struct, its fields are checked separately.
fn can_hold(model: &Model, schema: &Value) -> bool {
    if let Some(target) = reference(schema) {
        let target = model.definition(target);
        return target.is_none_or(|it| matches!(it.kind, Kind::Text));
    }
    match schema.get("type").and_then(Value::as_str) {
        Some("boolean" | "integer" | "number") => false,
        Some("array") => schema.get("items").is_none_or(|it| can_hold(model, it)),
        Some("object") => schema
            .get("additionalProperties")
            .is_none_or(|it| can_hold(model, it)),
        _ => schema.get("enum").is_none(),
    }
}

#[cfg(test)]
mod tests {
    use super::is_named_so;

    #[test]
    fn names_of_secrets_are_known_by_their_words() {
        for name in [
            "accessToken",
            "authUrl",
            "authorizationUrl",
            "openai_api_key",
            "privateKeyPem",
            "httpHeaders",
            "userCode",
            "code",
        ] {
            assert!(is_named_so(name), "{name}");
        }
        for name in [
            "tokenize",
            "codec",
            "author",
            "header",
            "environment",
            "keyPath",
            "url",
        ] {
            assert!(!is_named_so(name), "{name}");
        }
    }
}
