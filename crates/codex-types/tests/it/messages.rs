//! The four enums of messages, against the message lists of the schema.

use codex_types::{
    ClientNotification, ClientRequest, ClientResponse, Message, NotificationEnvelope, RequestId,
    ServerNotification, ServerRequest,
};
use serde_json::Value;
use serde_json::value::{RawValue, to_raw_value};

use crate::definitions::NULLABLE;
use crate::generate::systematic;
use crate::picks::Style;
use crate::schema::Schema;

/// Calls `check` with every method of a list, and instances of its params.
fn each(list: &str, check: impl Fn(&str, &Value, &RawValue)) {
    let schema = Schema::get();
    for (method, params) in schema.messages(list) {
        for style in [Style::Minimal, Style::Maximal] {
            for instance in systematic(schema, params, style) {
                let raw = to_raw_value(&instance.value).unwrap();
                check(&method, &instance.value, &raw);
            }
        }
    }
}

fn methods(list: &str) -> Vec<String> {
    Schema::get()
        .messages(list)
        .into_iter()
        .map(|(method, _)| method)
        .collect()
}

#[test]
fn the_enums_know_the_methods_of_the_schema() {
    assert_eq!(ClientRequest::METHODS, methods("ClientRequest"));
    let mut requests = methods("ServerRequest");
    requests.extend(ServerRequest::RETIRED.iter().map(ToString::to_string));
    assert_eq!(ServerRequest::METHODS, requests);
    assert_eq!(ServerNotification::METHODS, methods("ServerNotification"));
    assert_eq!(ClientNotification::METHODS, methods("ClientNotification"));
}

#[test]
fn every_notification_survives_the_wire() {
    each("ServerNotification", |method, _, params| {
        let decoded = NotificationEnvelope::decode(method, Some(params), Some(7)).unwrap();
        assert!(
            !matches!(
                decoded.notification,
                ServerNotification::Unrecognized { .. }
            ),
            "{method}"
        );
        assert_eq!(decoded.notification.method(), method);
        let serialized = serde_json::to_string(&decoded.notification).unwrap();
        assert_eq!(serialized, decoded.notification.encode().unwrap());
        let line = decoded.encode().unwrap();
        let Message::Notification {
            method,
            params,
            emitted_at_ms,
        } = Message::parse(&line).unwrap()
        else {
            panic!("{line}");
        };
        assert_eq!(
            NotificationEnvelope::decode(&method, params, emitted_at_ms).unwrap(),
            decoded
        );
        let at_once = NotificationEnvelope::decode_line(line.as_bytes());
        assert_eq!(at_once, Some(decoded));
    });
}

#[test]
fn a_response_is_read_by_the_method_of_its_request() {
    let result = RawValue::from_string("{}".to_owned()).unwrap();
    for method in ClientRequest::METHODS {
        match ClientResponse::decode(method, &result) {
            Ok(ClientResponse::Unrecognized { .. }) => panic!("{method}"),
            Ok(response) => assert_eq!(response.method(), *method),
            // It requires something.
            Err(error) => assert_eq!(error.method(), *method),
        }
    }
    let new = ClientResponse::decode("new/method", &result).unwrap();
    assert_eq!(new.method(), "new/method");
}

#[test]
fn every_client_request_survives_the_wire() {
    let id = RequestId::from("a");
    each("ClientRequest", |method, _, params| {
        let decoded = ClientRequest::decode(method, Some(params)).unwrap();
        assert!(
            !matches!(decoded, ClientRequest::Unrecognized { .. }),
            "{method}"
        );
        let line = decoded.encode(&id).unwrap();
        let Message::Request {
            id: found,
            method,
            params,
        } = Message::parse(&line).unwrap()
        else {
            panic!("{line}");
        };
        assert_eq!(
            (ClientRequest::decode(&method, params).unwrap(), found),
            (decoded, id.clone())
        );
    });
}

#[test]
fn every_server_request_survives_the_wire() {
    let id = RequestId::from(0);
    each("ServerRequest", |method, _, params| {
        let decoded = ServerRequest::decode(method, Some(params)).unwrap();
        assert!(
            !matches!(decoded, ServerRequest::Unrecognized { .. }),
            "{method}"
        );
        let line = decoded.encode(&id).unwrap();
        let Message::Request {
            id: found,
            method,
            params,
        } = Message::parse(&line).unwrap()
        else {
            panic!("{line}");
        };
        assert_eq!(
            (ServerRequest::decode(&method, params).unwrap(), found),
            (decoded, id.clone())
        );
    });
}

/// The routing key as the JSON says it.
fn key<'a>(params: &'a Value, direct: &[&str], nested: &str) -> Option<&'a str> {
    let direct = direct.iter().find_map(|it| params.get(it));
    direct
        .or_else(|| params.get(nested)?.get("id"))
        .and_then(Value::as_str)
}

#[test]
fn notifications_know_where_they_belong() {
    each("ServerNotification", |method, json, params| {
        let notification = ServerNotification::decode(method, Some(params)).unwrap();
        assert_eq!(
            notification.thread_id(),
            key(json, &["threadId"], "thread"),
            "{method}"
        );
        assert_eq!(
            notification.turn_id(),
            key(json, &["turnId"], "turn"),
            "{method}"
        );
        assert_eq!(
            notification.item_id(),
            key(json, &["itemId"], "item"),
            "{method}"
        );
    });
}

#[test]
fn server_requests_know_where_they_belong() {
    each("ServerRequest", |method, json, params| {
        let request = ServerRequest::decode(method, Some(params)).unwrap();
        assert_eq!(
            request.thread_id(),
            key(json, &["threadId", "conversationId"], "thread"),
            "{method}"
        );
        assert_eq!(
            request.turn_id(),
            key(json, &["turnId"], "turn"),
            "{method}"
        );
        assert_eq!(
            request.item_id(),
            key(json, &["itemId"], "item"),
            "{method}"
        );
    });
}

#[test]
fn unknown_methods_are_kept_and_routed() {
    let line = r#"{"method":"a/b","params":{"item":{"id":"i"},"threadId":"t","turnId":"u"}}"#;
    let Message::Notification { method, params, .. } = Message::parse(line).unwrap() else {
        panic!()
    };
    let notification = ServerNotification::decode(&method, params).unwrap();
    assert_eq!(notification.method(), "a/b");
    assert_eq!(
        (
            notification.thread_id(),
            notification.turn_id(),
            notification.item_id()
        ),
        (Some("t"), Some("u"), Some("i"))
    );
    assert_eq!(notification.encode().unwrap(), line);
}

#[test]
fn params_may_be_absent_only_where_there_need_be_none() {
    assert_eq!(
        ClientRequest::decode("memory/reset", None).unwrap(),
        ClientRequest::MemoryReset
    );
    for method in NULLABLE {
        assert!(ClientRequest::decode(method, None).is_ok(), "{method}");
    }
    assert!(ClientRequest::decode("thread/start", None).is_err());
}

#[test]
fn methods_without_params_send_none() {
    let line = ClientRequest::MemoryReset
        .encode(&RequestId::from(1))
        .unwrap();
    assert_eq!(line, r#"{"method":"memory/reset","id":1}"#);
    assert_eq!(
        ClientNotification::Initialized.encode().unwrap(),
        r#"{"method":"initialized"}"#
    );
}

#[test]
fn only_the_agents_message_has_a_text_delta() {
    let raw = RawValue::from_string(
        r#"{"threadId":"t","turnId":"u","itemId":"i","delta":"Hi"}"#.to_owned(),
    )
    .unwrap();
    let agent = ServerNotification::decode("item/agentMessage/delta", Some(&raw)).unwrap();
    let plan = ServerNotification::decode("item/plan/delta", Some(&raw)).unwrap();
    assert_eq!((agent.text_delta(), plan.text_delta()), (Some("Hi"), None));
}

#[test]
fn messages_are_cheap_to_move() {
    assert!(
        size_of::<ServerNotification>() <= 256,
        "{}",
        size_of::<ServerNotification>()
    );
    assert!(
        size_of::<ServerRequest>() <= 256,
        "{}",
        size_of::<ServerRequest>()
    );
    assert!(
        size_of::<ClientRequest>() <= 256,
        "{}",
        size_of::<ClientRequest>()
    );
}
