//! Reading as much as can be read: the smallest part is given up, and nothing silently.

use codex_types::{
    DecodeError, Message, RequestId, ServerNotification, ThreadItem, ThreadListParams,
    ThreadReadParams, UserInput, lenient,
};
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Value, json};

use crate::generate::systematic;
use crate::picks::Style;
use crate::schema::Schema;

fn raw(json: &str) -> Box<RawValue> {
    RawValue::from_string(json.to_owned()).unwrap()
}

/// The item of an `item/completed`, and the path of the first problem.
fn item(item: &str) -> (ThreadItem, String) {
    let params = format!(r#"{{"item":{item},"threadId":"t","turnId":"u","completedAtMs":1}}"#);
    let read = lenient::notification("item/completed", Some(&raw(&params)));
    let ServerNotification::ItemCompleted(completed) = read.value else {
        panic!("{:?}", read.value)
    };
    (completed.item, read.problems[0].path().to_owned())
}

#[test]
fn what_can_be_read_strictly_is_read_as_it_is() {
    let schema = Schema::get();
    for (method, params) in schema.messages("ServerNotification") {
        for instance in systematic(schema, params, Style::Maximal) {
            let params = to_raw_value(&instance.value).unwrap();
            let read = lenient::notification(&method, Some(&params));
            assert_eq!(read.problems, []);
            assert_eq!(
                ServerNotification::decode(&method, Some(&params)).unwrap(),
                read.value
            );
        }
    }
}

#[test]
fn an_item_with_a_wrong_body_is_kept_as_it_came() {
    for (json, path) in [
        (r#"{"type":"plan","id":"i"}"#, "item"),
        (r#"{"type":"plan","id":"i","text":5}"#, "item.text"),
        (r#"{"id":"i","text":5,"type":"plan"}"#, "item"),
        (
            r#"{"type":"sleep","id":"i","durationMs":-1}"#,
            "item.durationMs",
        ),
    ] {
        let expected: Value = serde_json::from_str(json).unwrap();
        let (item, found) = item(json);
        assert_eq!(item, ThreadItem::Unrecognized(expected.clone()));
        assert_eq!((item.id(), found.as_str()), (Some("i"), path), "{json}");
        assert_eq!(serde_json::to_value(&item).unwrap(), expected);
    }
}

#[test]
fn the_innermost_union_is_given_up() {
    let json = r#"{"type":"userMessage","id":"i","content":[{"type":"text","text":"fine","text_elements":[]},{"type":"text","text":5}]}"#;
    let (ThreadItem::UserMessage(message), path) = item(json) else {
        panic!()
    };
    assert!(matches!(&message.content[0], UserInput::Text(text) if text.text == "fine"));
    assert_eq!(
        message.content[1],
        UserInput::Unrecognized(json!({"type": "text", "text": 5}))
    );
    assert_eq!(path, "item.content[1].text");
}

#[test]
fn what_no_value_can_hold_is_a_string_in_it() {
    let deep = "[".repeat(100_000) + &"]".repeat(100_000);
    let json = format!(r#"{{"type":"sleep","id":"i","durationMs":1e999,"more":{deep}}}"#);
    let (item, _) = item(&json);
    let ThreadItem::Unrecognized(value) = item else {
        panic!("{item:?}")
    };
    assert_eq!(value["durationMs"], "1e999");
    for (method, deep_too) in [("new/kind", true), ("item/agentMessage/delta", false)] {
        let nested = if deep_too { &*deep } else { "1e999" };
        let params = raw(&format!(
            r#"{{"threadId":"t","turnId":"u","delta":{nested}}}"#
        ));
        let read = lenient::notification(method, Some(&params));
        assert!(
            matches!(read.value, ServerNotification::Unrecognized { .. }),
            "{method}"
        );
        assert_eq!(
            (read.value.thread_id(), read.value.turn_id()),
            (Some("t"), Some("u"))
        );
        assert_eq!(read.problems.len(), 1);
    }
}

#[test]
fn half_of_a_surrogate_pair_costs_a_character() {
    let params = raw(r#"{"threadId":"t","turnId":"u","itemId":"i","delta":"a\ud800b"}"#);
    let read = lenient::notification("item/agentMessage/delta", Some(&params));
    assert_eq!(read.value.text_delta(), Some("a\u{fffd}b"));
}

fn thread(id: &str) -> Value {
    let schema = Schema::get();
    let definition = schema.definition("Thread").unwrap();
    let mut thread = systematic(schema, definition, Style::Minimal)
        .remove(0)
        .value;
    thread["id"] = json!(id);
    thread["turns"] = json!([]);
    thread
}

#[test]
fn a_page_goes_on_without_the_elements_that_cant_be_read() {
    let (mut bad, mut worse) = (thread("b"), json!(5));
    bad["createdAt"] = json!("yesterday");
    let page = json!({"data": [worse.take(), thread("a"), bad, thread("c")], "nextCursor": "next"});
    let read = lenient::response::<ThreadListParams>(&to_raw_value(&page).unwrap()).unwrap();
    let ids: Vec<_> = read.value.data.iter().map(|it| &*it.id).collect();
    assert_eq!(ids, ["a", "c"]);
    assert_eq!(read.value.next_cursor.as_deref(), Some("next"));
    let paths: Vec<_> = read.problems.iter().map(DecodeError::path).collect();
    assert_eq!(paths, ["data[0]", "data[2].createdAt"]);
}

#[test]
fn what_is_no_element_of_a_page_is_still_an_error() {
    let page = json!({"data": [thread("a")], "nextCursor": 5});
    let error = lenient::response::<ThreadListParams>(&to_raw_value(&page).unwrap()).unwrap_err();
    assert_eq!(error.path(), "nextCursor");
    let mut bad = thread("a");
    bad["createdAt"] = Value::Null;
    let read = json!({"thread": bad});
    let error = lenient::response::<ThreadReadParams>(&to_raw_value(&read).unwrap()).unwrap_err();
    assert_eq!(error.path(), "thread.createdAt");
}

fn error_of(line: &str) -> (Option<RequestId>, i64, String, Option<Value>) {
    let line = lenient::line(line.as_bytes()).unwrap();
    let Message::Error { id, error } = Message::parse(&line).unwrap() else {
        panic!("{line}")
    };
    (id, error.code, error.message, error.data)
}

#[test]
fn an_error_reply_keeps_what_can_be_read_of_it() {
    let id = Some(RequestId::from(7));
    let unreadable = "an error without a readable message".to_owned();
    for (line, expected) in [
        (
            r#"{"error":{"code":"busy","message":"m"},"id":7}"#,
            (
                id.clone(),
                0,
                "m".to_owned(),
                Some(json!({"code": "busy", "message": "m"})),
            ),
        ),
        (
            r#"{"error":"no","id":7}"#,
            (id.clone(), 0, "no".to_owned(), Some(json!("no"))),
        ),
        (
            r#"{"error":{"code":-32001,"message":null},"id":7}"#,
            (
                id.clone(),
                -32001,
                unreadable.clone(),
                Some(json!({"code": -32001, "message": null})),
            ),
        ),
        (
            r#"{"error":{"code":1e999,"message":"m","data":1},"id":7}"#,
            (
                id.clone(),
                0,
                "m".to_owned(),
                Some(json!({"code": "1e999", "message": "m", "data": 1})),
            ),
        ),
    ] {
        assert_eq!(error_of(line), expected, "{line}");
    }
    let deep = "[".repeat(100_000) + &"]".repeat(100_000);
    let line = format!(r#"{{"error":{{"code":-32001,"message":"m","data":{deep}}},"id":7}}"#);
    let (found, code, message, data) = error_of(&line);
    assert_eq!((found, code, message.as_str()), (id, -32001, "m"));
    assert!(data.is_some());
}

#[test]
fn a_line_is_read_as_far_as_it_can_be() {
    let of = |line: &[u8]| lenient::line(line);
    let float = br#"{"method":"m","params":{"a":1},"emittedAtMs":1.5}"#;
    assert_eq!(
        of(float).as_deref(),
        Some(r#"{"method":"m","params":{"a":1}}"#)
    );
    let bytes = of(b"{\"method\":\"m\",\"params\":[\"a\xffb\"]}").unwrap();
    assert_eq!(bytes, "{\"method\":\"m\",\"params\":[\"a\u{fffd}b\"]}");
    for line in [
        &b""[..],
        b"[]",
        b"{}",
        b"{\"id\":1}",
        b"no message",
        b"{\"id\":1,\"result\":1,\"error\":1}",
    ] {
        assert_eq!(of(line), None);
    }
}
