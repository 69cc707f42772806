//! Lines and envelopes.

use std::borrow::Cow;

use codex_types::{
    JsonRpcError, Message, MessageError, NotificationEnvelope, RequestId, ServerNotification,
    encode_error, encode_notification, encode_request, encode_response,
};
use serde_json::json;

#[test]
fn lines_are_written_in_the_order_of_the_runtime() {
    let id = RequestId::from(3);
    let error = JsonRpcError::new(-32600, "no");
    assert_eq!(
        encode_request("a", &id, &json!({})).unwrap(),
        r#"{"method":"a","id":3,"params":{}}"#
    );
    assert_eq!(
        encode_response(&id, &json!(null)).unwrap(),
        r#"{"id":3,"result":null}"#
    );
    assert_eq!(
        encode_error(Some(&id), &error).unwrap(),
        r#"{"error":{"code":-32600,"message":"no"},"id":3}"#
    );
    assert_eq!(
        encode_notification("a", Some(&json!([])), Some(5)).unwrap(),
        r#"{"method":"a","params":[],"emittedAtMs":5}"#
    );
}

#[test]
fn a_request_keeps_its_id_as_it_came() {
    for (json, expected) in [
        ("-1", RequestId::from(-1)),
        (r#""x""#, RequestId::from("x")),
    ] {
        let line = format!(r#"{{"id":{json},"method":"a"}}"#);
        let Message::Request {
            id, params: None, ..
        } = Message::parse(&line).unwrap()
        else {
            panic!("{line}")
        };
        assert_eq!(id, expected);
        assert_eq!(serde_json::to_string(&id).unwrap(), json);
    }
}

#[test]
fn an_id_is_an_integer_of_64_bits_or_a_string() {
    for id in ["1.5", "true", "9223372036854775808", "{}"] {
        let line = format!(r#"{{"id":{id},"method":"a"}}"#);
        assert!(
            matches!(Message::parse(&line), Err(MessageError::Json(_))),
            "{line}"
        );
    }
}

#[test]
fn a_null_result_is_a_result() {
    let Message::Response { result, .. } = Message::parse(r#"{"result":null,"id":1}"#).unwrap()
    else {
        panic!()
    };
    assert_eq!(result.get(), "null");
}

#[test]
fn an_error_comes_before_its_id() {
    let line = r#"{"error":{"code":1,"message":"m","data":{"a":null}},"id":7}"#;
    let Message::Error { id, error } = Message::parse(line).unwrap() else {
        panic!()
    };
    assert_eq!(id, Some(RequestId::from(7)));
    assert_eq!(error.data, Some(json!({"a": null})));
    assert_eq!(encode_error(id.as_ref(), &error).unwrap(), line);
}

#[test]
fn an_error_may_have_no_id() {
    let line = r#"{"error":{"code":1,"message":"m"},"id":null}"#;
    assert!(matches!(
        Message::parse(line).unwrap(),
        Message::Error { id: None, .. }
    ));
}

#[test]
fn methods_are_borrowed_unless_they_hold_escapes() {
    let borrowed = Message::parse(r#"{"method":"a/b"}"#).unwrap();
    assert!(matches!(
        borrowed,
        Message::Notification {
            method: Cow::Borrowed("a/b"),
            ..
        }
    ));
    let Message::Notification { method, .. } = Message::parse(r#"{"method":"a\/b"}"#).unwrap()
    else {
        panic!()
    };
    assert_eq!(method, "a/b");
}

#[test]
fn unknown_keys_of_the_envelope_are_ignored() {
    let line = r#"{"jsonrpc":"2.0","trace":{},"method":"initialized"}"#;
    assert!(matches!(
        Message::parse(line).unwrap(),
        Message::Notification { .. }
    ));
}

#[test]
fn other_lines_are_errors() {
    for line in [
        "",
        "[]",
        "null",
        "{}",
        r#"{"id":1}"#,
        "garbage",
        r#"{"id":1,"result":1,"error":{"code":1,"message":""}}"#,
    ] {
        assert!(Message::parse(line).is_err(), "{line}");
    }
    assert!(Message::parse(b"{\"method\":\"\xff\"}").is_err());
}

#[test]
fn the_stamp_of_a_notification_survives() {
    let line = r#"{"method":"thread/closed","params":{"threadId":"t"},"emittedAtMs":12}"#;
    let Message::Notification {
        method,
        params,
        emitted_at_ms,
    } = Message::parse(line).unwrap()
    else {
        panic!()
    };
    let envelope = NotificationEnvelope::decode(&method, params, emitted_at_ms).unwrap();
    assert_eq!(envelope.emitted_at_ms, Some(12));
    assert_eq!(envelope.encode().unwrap(), line);
    assert!(matches!(
        envelope.notification,
        ServerNotification::ThreadClosed(_)
    ));
}

#[test]
fn a_line_is_decoded_at_once_only_if_it_is_written_as_the_runtime_does() {
    let closed = r#"{"method":"thread/closed","params":{"threadId":"t"}"#;
    for end in ["}", r#","emittedAtMs":-3}"#, r#","emittedAtMs":null}"#] {
        let line = format!("{closed}{end}");
        let read = NotificationEnvelope::decode_line(line.as_bytes());
        assert_eq!(read.is_some(), !end.contains("null"), "{line}");
    }
    let unknown = br#"{"method":"new","params":[1]}"#;
    let read = NotificationEnvelope::decode_line(unknown).unwrap();
    assert_eq!(read.notification.method(), "new");
    for line in [
        r#"{"method":"thread/closed","params":{"threadId":"t"}"#,
        r#"{"method":"thread/closed","params":{"threadId":"t"}} "#,
        r#"{"method":"thread/closed","params":{"threadId":"t"},"id":1}"#,
        r#"{"method":"thread/closed","params":{"threadId":"t"},"params":{}}"#,
        r#"{"method":"thread/closed","params":{"threadId":"t"},"emittedAtMs":1,"id":1}"#,
        r#"{"method":"thread/closed","params":{"threadId":1}}"#,
        r#"{"method":"thread\/closed","params":{"threadId":"t"}}"#,
        r#"{"method":"thread/closed"}"#,
        r#"{"params":{"threadId":"t"},"method":"thread/closed"}"#,
    ] {
        assert_eq!(
            NotificationEnvelope::decode_line(line.as_bytes()),
            None,
            "{line}"
        );
    }
}
