//! Differences from derived code.

use serde_json::{from_str, json, to_string};

use crate::{AnalyticsConfig, ByteRange, Model};

#[test]
fn the_last_value_of_a_key_counts() {
    let range: ByteRange = from_str(r#"{"end":1,"start":2,"end":3}"#).unwrap();
    assert_eq!(range, ByteRange { start: 2, end: 3 });
}

#[test]
fn what_is_no_object_is_refused_as_such() {
    for json in ["[1,2]", "\"a\"", "null"] {
        let error = from_str::<ByteRange>(json).unwrap_err().to_string();
        assert!(error.contains("expected an object"), "{error}");
    }
}

#[test]
fn a_required_field_is_neither_absent_nor_null() {
    let error = from_str::<ByteRange>(r#"{"end":1}"#).unwrap_err();
    assert_eq!(
        error.to_string(),
        "missing field `start` at line 1 column 9"
    );
    assert!(from_str::<ByteRange>(r#"{"end":1,"start":null}"#).is_err());
}

#[test]
fn a_key_with_escapes_is_the_same_key() {
    let range: ByteRange = from_str(r#"{"\u0065nd":1,"start":2}"#).unwrap();
    assert_eq!(range, ByteRange { start: 2, end: 1 });
}

#[test]
fn defaults_stand_for_what_is_absent() {
    let model: Model = from_str(
        r#"{"defaultReasoningEffort":"low","description":"d","displayName":"n","hidden":false,
        "id":"i","isDefault":true,"model":"m","supportedReasoningEfforts":[]}"#,
    )
    .unwrap();
    assert!(!model.input_modalities.is_empty());
    assert!(!model.supports_personality && model.upgrade.is_none());
}

#[test]
fn entries_without_a_field_are_kept_where_there_is_a_place() {
    let json = r#"{"enabled":true,"a":[1],"b":null}"#;
    let config: AnalyticsConfig = from_str(json).unwrap();
    assert_eq!(config.enabled, Some(true));
    assert_eq!(json!(config.extra), json!({"a": [1], "b": null}));
    assert_eq!(to_string(&config).unwrap(), json);
}
