//! Routing keys of messages that this version doesn't know.

use serde_json::Value;

pub(crate) fn thread_id(params: &Value) -> Option<&str> {
    key(params, "threadId", "thread")
}

pub(crate) fn turn_id(params: &Value) -> Option<&str> {
    key(params, "turnId", "turn")
}

pub(crate) fn turn_id_mut(params: &mut Value) -> Option<&mut String> {
    let id = if params.get("turnId").is_some() {
        params.get_mut("turnId")
    } else {
        params.get_mut("turn")?.get_mut("id")
    };
    match id? {
        Value::String(id) => Some(id),
        _ => None,
    }
}

pub(crate) fn item_id(params: &Value) -> Option<&str> {
    key(params, "itemId", "item")
}

fn key<'a>(params: &'a Value, direct: &str, nested: &str) -> Option<&'a str> {
    params
        .get(direct)
        .or_else(|| params.get(nested)?.get("id"))?
        .as_str()
}
