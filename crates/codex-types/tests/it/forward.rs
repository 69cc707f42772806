//! What is new is kept; what is known must be right.

use std::error::Error;

use codex_types::{
    AskForApproval, CodexErrorInfo, CommandExecParams, LoginAccountParams,
    LoginAccountParamsChatgptAuthTokensRequired, McpElicitationPrimitiveSchema, Model,
    ModelRequired, ServerNotification, Thread, ThreadItem, ThreadSettingsUpdateParams, TurnStatus,
};
use serde_json::value::RawValue;
use serde_json::{Value, from_value, json, to_value};

fn decode(method: &str, params: &Value) -> Result<ServerNotification, codex_types::DecodeError> {
    ServerNotification::decode(
        method,
        Some(&RawValue::from_string(params.to_string()).unwrap()),
    )
}

#[test]
fn error_codes_are_strings_or_objects() {
    let code: CodexErrorInfo = from_value(json!("contextWindowExceeded")).unwrap();
    assert_eq!(code, CodexErrorInfo::ContextWindowExceeded);
    let code: CodexErrorInfo =
        from_value(json!({"httpConnectionFailed": {"httpStatusCode": 401}})).unwrap();
    let CodexErrorInfo::HttpConnectionFailed(body) = &code else {
        panic!("{code:?}")
    };
    assert_eq!(
        (body.http_status_code, code.tag()),
        (Some(401), "httpConnectionFailed")
    );
}

#[test]
fn a_known_key_with_a_wrong_body_is_an_error() {
    let wrong = json!({"httpConnectionFailed": {"httpStatusCode": "401"}});
    assert!(from_value::<CodexErrorInfo>(wrong).is_err());
    assert!(from_value::<AskForApproval>(json!({"granular": {"rules": true}})).is_err());
}

#[test]
fn unknown_codes_are_kept_whole() {
    for value in [
        json!("brandNew"),
        json!({"brandNew": {"a": 1}, "b": 2}),
        json!({}),
    ] {
        let code: CodexErrorInfo = from_value(value.clone()).unwrap();
        assert_eq!(code, CodexErrorInfo::Unrecognized(value.clone()));
        assert_eq!(to_value(&code).unwrap(), value);
    }
}

#[test]
fn unknown_strings_are_kept() {
    let status: TurnStatus = from_value(json!("moon")).unwrap();
    assert_eq!(
        (status.as_str(), to_value(&status).unwrap()),
        ("moon", json!("moon"))
    );
}

#[test]
fn the_tag_may_come_last() {
    let item: ThreadItem =
        serde_json::from_str(r#"{"id":"i","text":"t","type":"agentMessage"}"#).unwrap();
    assert!(matches!(item, ThreadItem::AgentMessage(_)));
    assert_eq!((item.tag(), item.id()), ("agentMessage", Some("i")));
}

#[test]
fn unknown_items_are_kept_whole_wherever_the_tag_is() {
    for json in [
        r#"{"type":"dance","id":"i","n":1}"#,
        r#"{"id":"i","n":1,"type":"dance"}"#,
    ] {
        let item: ThreadItem = serde_json::from_str(json).unwrap();
        assert_eq!(
            to_value(&item).unwrap(),
            serde_json::from_str::<Value>(json).unwrap()
        );
        assert_eq!((item.tag(), item.id()), ("dance", Some("i")));
    }
}

#[test]
fn an_object_without_its_tag_is_an_error() {
    let error = from_value::<ThreadItem>(json!({"id": "i"}))
        .unwrap_err()
        .to_string();
    assert!(error.contains("missing field `type`"), "{error}");
}

#[test]
fn an_unknown_value_does_not_cost_the_item() {
    let value = json!({"type": "agentMessage", "id": "i", "text": "t", "phase": "overture"});
    let item: ThreadItem = from_value(value.clone()).unwrap();
    let ThreadItem::AgentMessage(message) = &item else {
        panic!("{item:?}")
    };
    assert_eq!(
        message
            .phase
            .as_ref()
            .map(codex_types::MessagePhase::as_str),
        Some("overture")
    );
}

#[test]
fn a_wrong_value_is_named_by_its_path() {
    let params = json!({"threadId": "t", "turn": {"id": "u", "status": "completed", "items": [
        {"type": "agentMessage", "id": "i", "text": "t"},
        {"type": "agentMessage", "id": "j", "text": 5},
    ]}});
    // Objects are sorted here, so the tag is put first by hand, as the runtime does.
    let json = params.to_string().replace(
        r#"{"id":"j","text":5,"type":"agentMessage"}"#,
        r#"{"type":"agentMessage","id":"j","text":5}"#,
    );
    let raw = RawValue::from_string(json).unwrap();
    let error = ServerNotification::decode("turn/completed", Some(&raw)).unwrap_err();
    assert_eq!(
        (error.method(), error.path()),
        ("turn/completed", "turn.items[1].text")
    );
    assert_eq!(
        error.to_string(),
        "cannot decode `turn/completed`: at `turn.items[1].text`: invalid type: integer `…`, expected a string"
    );
    // The cause would quote the value.
    assert!(error.source().is_none());
}

#[test]
fn an_error_does_not_quote_the_value() {
    let params = json!({ "threadId": ["sk-secret"], "name": "sk-secret" });
    let wrong = json!({ "threadId": "t", "turn": "sk-\"secret" });
    for (method, params) in [("thread/closed", &params), ("turn/completed", &wrong)] {
        let text = decode(method, params).unwrap_err().to_string();
        assert!(!text.contains("secret"), "{text}");
    }
}

#[test]
fn a_missing_field_is_named_with_its_object() {
    let error = decode("thread/closed", &json!({})).unwrap_err();
    assert_eq!(
        error.to_string(),
        "cannot decode `thread/closed`: missing field `threadId`"
    );
    let error = decode(
        "turn/started",
        &json!({"threadId": "t", "turn": {"id": "u"}}),
    )
    .unwrap_err();
    assert_eq!(error.path(), "turn");
}

#[test]
fn absent_null_and_a_value_are_three_things() {
    for (tier, json) in [
        (None, json!({"threadId": "t"})),
        (Some(None), json!({"threadId": "t", "serviceTier": null})),
        (
            Some(Some("fast".to_owned())),
            json!({"threadId": "t", "serviceTier": "fast"}),
        ),
    ] {
        let mut params = ThreadSettingsUpdateParams::new("t");
        params.service_tier = tier;
        assert_eq!(to_value(&params).unwrap(), json);
        assert_eq!(
            from_value::<ThreadSettingsUpdateParams>(json).unwrap(),
            params
        );
    }
}

#[test]
fn a_nullable_field_may_be_missing_and_is_written() {
    let account: codex_types::Account =
        from_value(json!({"type": "chatgpt", "planType": "pro"})).unwrap();
    assert_eq!(
        to_value(&account).unwrap(),
        json!({"type": "chatgpt", "planType": "pro", "email": null})
    );
}

#[test]
fn shapes_tell_untagged_kinds_apart() {
    use McpElicitationPrimitiveSchema as Schema;
    let kind = |value: Value| from_value::<Schema>(value).unwrap();
    assert!(matches!(kind(json!({"type": "number"})), Schema::Number(_)));
    assert!(matches!(
        kind(json!({"type": "boolean", "title": "t"})),
        Schema::Boolean(_)
    ));
    assert!(matches!(
        kind(json!({"type": "string", "maxLength": 3})),
        Schema::String(_)
    ));
    assert!(matches!(
        kind(json!({"type": "string", "enum": ["a"]})),
        Schema::Enum(_)
    ));
    assert!(matches!(
        kind(json!({"type": "color"})),
        Schema::Unrecognized(_)
    ));
    let titled = json!({"type": "string", "enum": ["a"], "enumNames": ["A"]});
    assert_eq!(to_value(kind(titled.clone())).unwrap(), titled);
    // A key of a newer runtime doesn't make it another kind.
    let newer = json!({"type": "string", "enum": ["a"], "enumNames": ["A"], "brandNew": 1});
    assert_eq!(to_value(kind(newer)).unwrap(), titled);
    assert!(from_value::<Schema>(json!({"type": "string", "maxLength": "3"})).is_err());
}

#[test]
fn secrets_are_not_printed() {
    let login: LoginAccountParams =
        from_value(json!({"type": "apiKey", "apiKey": "sk-secret"})).unwrap();
    assert!(!format!("{login:?}").contains("sk-secret"), "{login:?}");
    let mut exec = CommandExecParams::new(vec!["true".to_owned()]);
    exec.env = Some([("PASSWORD".to_owned(), Some("hunter2".to_owned()))].into());
    let printed = format!("{exec:?}");
    assert!(
        printed.contains("[redacted]") && !printed.contains("hunter2"),
        "{printed}"
    );
    let required = LoginAccountParamsChatgptAuthTokensRequired {
        access_token: "hunter2".to_owned(),
        chatgpt_account_id: "account".to_owned(),
    };
    let printed = format!("{required:?}");
    assert!(
        printed.contains("account") && !printed.contains("hunter2"),
        "{printed}"
    );
    let newer: LoginAccountParams =
        from_value(json!({"type": "newer", "key": "sk-secret"})).unwrap();
    assert!(!format!("{newer:?}").contains("sk-secret"), "{newer:?}");
}

#[test]
fn unknown_fields_are_ignored() {
    let text = r#"{"type":"apiKey","brandNew":{"a":[1]}}"#;
    let account: codex_types::Account = serde_json::from_str(text).unwrap();
    assert_eq!(account, codex_types::Account::ApiKey);
    assert!(serde_json::from_str::<Thread>("{}").is_err());
}

#[test]
fn what_is_made_from_required_fields_is_what_they_decode_to() {
    let json = json!({"description": "d", "displayName": "n", "id": "i", "model": "m",
        "defaultReasoningEffort": "low", "hidden": false, "isDefault": true,
        "supportedReasoningEfforts": []});
    let model = Model::from(ModelRequired {
        default_reasoning_effort: "low".into(),
        description: "d".to_owned(),
        display_name: "n".to_owned(),
        hidden: false,
        id: "i".to_owned(),
        is_default: true,
        model: "m".to_owned(),
        supported_reasoning_efforts: Vec::new(),
    });
    assert_eq!(model, from_value(json).unwrap());
}
