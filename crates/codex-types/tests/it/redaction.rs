//! No value of a message is in any rendering of an error about it.

use std::error::Error;

use codex_types::{
    ClientMethod, ConfigBatchWriteParams, ConfigReadParams, ConfigReadResponse,
    ConfigValueWriteParams, DecodeError, GetAccountParams, LoginAccountResponse,
    McpServerElicitationRequestResponse, McpServerOauthLoginResponse, Message, ServerNotification,
    ServerRequest, ThreadItem, ToolRequestUserInputResponse, decode_response,
};
use serde::Deserialize;
use serde_json::value::to_raw_value;
use serde_json::{Value, json};

const SECRET: &str = "SECRET";
/// Secrets that look like the words around them.
const AWKWARD: [&str; 12] = [
    "sk-SECRET",
    "sk-SECRET at line 5",
    "x at line 1 column 2 SECRET",
    "x at line 1 column 99999999999999999999 SECRET at line 1 column 3",
    "SECRET`, expected a string",
    "\", expected SECRET",
    "\\\", expected SECRET",
    "\\",
    "`SECRET`",
    "a\nSECRET\r\n\t\u{0}\u{7f}\u{202e}",
    "missing field `SECRET`",
    "invalid type: string \"SECRET\", expected é SECRET",
];

/// All that a program may print of an error: as `anyhow` does, and `main`.
fn renderings(error: &dyn Error) -> String {
    let sources = std::iter::successors(error.source(), |&it| it.source());
    let sources: Vec<_> = sources.map(|it| format!("{it} {it:?} {it:#?}")).collect();
    format!("{error} {error:?} {error:#} {error:#?} {sources:?}")
}

fn assert_silent(error: &dyn Error, about: &Value) {
    let text = renderings(error);
    assert!(
        !text.contains(SECRET) && !text.contains("4242"),
        "{about}: {text}"
    );
}

/// Secrets of every kind that a wrong value can have.
fn secrets() -> Vec<Value> {
    let texts = AWKWARD.iter().map(|it| json!(it));
    let numbers = [
        json!(4242),
        json!(-4242),
        json!(4242.4242),
        json!(42_424_242_424_242_u64),
    ];
    let nested = [
        json!([SECRET]),
        json!({ "sk-SECRET": SECRET }),
        json!({ "sk-SECRET": 4242 }),
    ];
    texts
        .chain(numbers)
        .chain(nested)
        .chain([json!(true), Value::Null])
        .collect()
}

fn result_of<M: ClientMethod>(result: &Value) -> Option<DecodeError> {
    decode_response::<M>(&to_raw_value(result).unwrap()).err()
}

#[test]
fn a_secret_in_the_place_of_anything_else_is_not_in_the_error() {
    let mut seen = 0;
    for secret in secrets() {
        let delta =
            json!({"threadId": secret, "turnId": secret, "itemId": secret, "delta": secret});
        // The tag first, and last.
        let first = json!({"threadId": "t", "turnId": "u", "completedAtMs": 1, "item": {"type": "plan", "text": secret, "id": secret}});
        let last = json!({"threadId": "t", "turnId": "u", "completedAtMs": 1, "item": {"id": secret, "text": secret, "type": "plan"}});
        let tag =
            json!({"threadId": "t", "turnId": "u", "completedAtMs": 1, "item": {"type": secret}});
        let item = json!({"threadId": "t", "turnId": "u", "completedAtMs": secret, "item": secret});
        let notifications = [
            ("item/agentMessage/delta", delta),
            ("item/completed", first),
            ("item/completed", last),
            ("item/completed", tag),
            ("item/completed", item),
            (
                "error",
                json!({"threadId": "t", "turnId": "u", "willRetry": secret, "error": {"message": "", "codexErrorInfo": {"httpConnectionFailed": secret}}}),
            ),
        ];
        for (method, params) in notifications {
            let raw = to_raw_value(&params).unwrap();
            if let Err(error) = ServerNotification::decode(method, Some(&raw)) {
                assert_silent(&error, &params);
                seen += 1;
            }
        }
        for result in [
            json!({"config": secret, "origins": {}}),
            json!({"config": {"mcp_servers": secret, "model_context_window": secret}, "origins": {"sk-SECRET": secret}}),
            json!({"account": secret, "requiresOpenaiAuth": secret}),
            secret.clone(),
        ] {
            let errors = [
                result_of::<ConfigReadParams>(&result),
                result_of::<GetAccountParams>(&result),
            ];
            for error in errors.into_iter().flatten() {
                assert_silent(&error, &result);
                seen += 1;
            }
        }
        let answers =
            json!({"threadId": secret, "turnId": secret, "itemId": secret, "questions": secret});
        let raw = to_raw_value(&answers).unwrap();
        if let Err(error) = ServerRequest::decode("item/tool/requestUserInput", Some(&raw)) {
            assert_silent(&error, &answers);
            seen += 1;
        }
    }
    assert!(seen > 150, "{seen}");
}

/// What types beside ours say of a value.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Other {
    #[expect(dead_code, reason = "read, not used")]
    kind: Kind,
    #[expect(dead_code, reason = "read, not used")]
    letter: char,
    #[expect(dead_code, reason = "read, not used")]
    custom: Custom,
}

#[derive(Debug, Deserialize)]
enum Kind {
    A,
}

#[derive(Debug)]
struct Custom;

impl<'de> Deserialize<'de> for Custom {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Err(serde::de::Error::custom(format_args!("no {text}")))
    }
}

#[test]
fn nor_is_one_that_another_type_quotes() {
    for text in AWKWARD {
        for value in [
            json!({"kind": text}),
            json!({"letter": text}),
            json!({"kind": "A", "letter": "`", "custom": text}),
            json!({text: 1}),
            json!({"kind": {text: 1}}),
        ] {
            let json = value.to_string();
            let error = serde_json::from_str::<Other>(&json).unwrap_err();
            assert_silent(&DecodeError::new("m", &error).within(&json), &value);
            let error = serde_json::from_value::<Other>(value.clone()).unwrap_err();
            assert_silent(&DecodeError::new("m", &error).within(&json), &value);
        }
    }
}

#[test]
fn what_is_left_says_where_and_why() {
    let item = |item: &str| {
        let error = serde_json::from_str::<ThreadItem>(item).unwrap_err();
        DecodeError::new("m", &error).within(item).to_string()
    };
    for (json, expected) in [
        (
            r#"{"type":"plan","id":"i","text":"SECRET"#,
            "cannot decode `m`: at `text`: EOF while parsing a string",
        ),
        (
            r#"{"type":"plan","id":"i"}"#,
            "cannot decode `m`: missing field `text`",
        ),
        (
            r#"{"id":true,"text":"","type":"plan"}"#,
            "cannot decode `m`: invalid type: boolean `…`, expected a string",
        ),
        (
            r#"{"type":"sleep","id":"i","durationMs":"4242"}"#,
            "cannot decode `m`: at `durationMs`: invalid type: string \"…\", expected u64",
        ),
    ] {
        assert_eq!(item(json), expected);
    }
}

#[test]
fn a_line_that_is_no_message_is_not_quoted_either() {
    for text in AWKWARD {
        for line in [
            json!({"id": {"a": text}, "method": "m"}),
            json!({"method": [text]}),
            json!({"id": 1, "error": text}),
            json!({"id": 1, "error": {"code": text, "message": ""}}),
            json!({"method": "m", "emittedAtMs": text}),
            json!([text]),
            json!(text),
        ] {
            let error = Message::parse(&line.to_string()).unwrap_err();
            assert_silent(&error, &line);
        }
    }
}

fn shown<T: serde::de::DeserializeOwned + std::fmt::Debug>(json: Value) -> String {
    let value: T = serde_json::from_value(json).unwrap();
    format!("{value:?} {value:#?}")
}

#[test]
fn what_is_secret_is_not_in_the_debug_output_of_a_type() {
    let login = json!({"type": "chatgpt", "loginId": "l", "authUrl": "https://a/?state=SECRET"});
    // One that can't be read may hold it elsewhere.
    let unread = json!({"type": "newer", "url": "https://a/?state=SECRET"});
    let server = json!({"env": {"KEY": SECRET}, "http_headers": {"Authorization": SECRET}});
    let config = json!({"mcp_servers": {"x": server}});
    let layer = json!({"name": {"type": "user", "file": "/c"}, "version": "1", "config": config});
    let read = json!({"config": config, "origins": {}, "layers": [layer]});
    let write =
        json!({"keyPath": "mcp_servers.x.env.KEY", "value": SECRET, "mergeStrategy": "replace"});
    let batch = json!({"edits": [write]});
    let answer = json!({"answers": {"password": {"answers": [SECRET]}}});
    let elicited = json!({"action": "accept", "content": {"password": SECRET}});
    for text in [
        shown::<LoginAccountResponse>(login),
        shown::<LoginAccountResponse>(unread),
        shown::<McpServerOauthLoginResponse>(
            json!({"authorizationUrl": "https://a/?state=SECRET"}),
        ),
        shown::<ConfigReadResponse>(read),
        shown::<ConfigValueWriteParams>(write.clone()),
        shown::<ConfigBatchWriteParams>(batch),
        shown::<ToolRequestUserInputResponse>(answer),
        shown::<McpServerElicitationRequestResponse>(elicited),
    ] {
        assert!(
            text.contains("[redacted]") && !text.contains(SECRET),
            "{text}"
        );
    }
}
