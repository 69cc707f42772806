//! Routing keys of messages that this version does not know.

use serde_json::Value;

pub(crate) fn thread_id(params: &Value) -> Option<&str> {
    key(params, "threadId", "thread")
}

pub(crate) fn turn_id(params: &Value) -> Option<&str> {
    key(params, "turnId", "turn")
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
