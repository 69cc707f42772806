//! The wire form of a [`Reply`]: the minimum that the runtime accepts as a response.

use serde_json::{Value, json};

use super::reply::{Ending, Item, ItemKind, Reply, Usage};

/// Every event of `reply`; `serial` makes generated ids unique across replies.
pub(super) fn events(reply: &Reply, serial: usize) -> Vec<Value> {
    let id = format!("resp_{serial}");
    let mut events = vec![json!({
        "type": "response.created",
        "response": {"id": id, "object": "response", "status": "in_progress", "output": []},
    })];
    for (index, item) in reply.items.iter().enumerate() {
        item_events(item, &item_id(item, serial, index), index, &mut events);
    }
    events.extend(ending_event(reply, &id, serial));
    events
}

/// The finished output items, as in `response.completed` and in a compaction.
pub(super) fn output(reply: &Reply, serial: usize) -> Vec<Value> {
    let items = reply.items.iter().enumerate();
    items
        .filter(|(_, item)| !matches!(item.kind, ItemKind::Event(_)))
        .map(|(index, item)| finished(item, &item_id(item, serial, index)))
        .collect()
}

fn item_id(item: &Item, serial: usize, index: usize) -> String {
    let prefix = match item.kind {
        ItemKind::Message { .. } => "msg",
        ItemKind::Reasoning { .. } => "rs",
        ItemKind::FunctionCall { .. } | ItemKind::CustomToolCall { .. } => "call",
        ItemKind::Other(_) | ItemKind::Event(_) => "item",
    };
    let generated = || format!("{prefix}_{serial}_{index}");
    item.id.clone().unwrap_or_else(generated)
}

fn item_events(item: &Item, id: &str, index: usize, events: &mut Vec<Value>) {
    if let ItemKind::Event(event) = &item.kind {
        events.push(event.clone());
        return;
    }
    let envelope =
        |event: &str, item: Value| json!({"type": event, "output_index": index, "item": item});
    events.push(envelope("response.output_item.added", opened(item, id)));
    match &item.kind {
        ItemKind::Message { deltas, .. } => text_events(deltas, id, index, events),
        ItemKind::Reasoning { deltas } => summary_events(deltas, id, index, events),
        _ => {}
    }
    events.push(envelope("response.output_item.done", finished(item, id)));
}

fn text_events(deltas: &[String], id: &str, index: usize, events: &mut Vec<Value>) {
    let event = |name: &str, field: &str, value: Value| {
        json!({
            "type": name, "item_id": id, "output_index": index, "content_index": 0, field: value,
        })
    };
    let part = json!({"type": "output_text", "text": "", "annotations": []});
    events.push(event("response.content_part.added", "part", part));
    for delta in deltas {
        events.push(event("response.output_text.delta", "delta", json!(delta)));
    }
    let text = json!(deltas.concat());
    events.push(event("response.output_text.done", "text", text));
}

fn summary_events(deltas: &[String], id: &str, index: usize, events: &mut Vec<Value>) {
    let event = |name: &str, field: &str, value: Value| {
        json!({
            "type": name, "item_id": id, "output_index": index, "summary_index": 0, field: value,
        })
    };
    let part = json!({"type": "summary_text", "text": ""});
    events.push(event("response.reasoning_summary_part.added", "part", part));
    for delta in deltas {
        let delta = json!(delta);
        events.push(event(
            "response.reasoning_summary_text.delta",
            "delta",
            delta,
        ));
    }
    let text = json!(deltas.concat());
    events.push(event("response.reasoning_summary_text.done", "text", text));
}

/// An item as it is first announced: texts are empty, tool calls are complete.
fn opened(item: &Item, id: &str) -> Value {
    let mut opened = finished(item, id);
    match item.kind {
        ItemKind::Message { .. } => {
            opened["content"] = json!([]);
            opened["status"] = json!("in_progress");
        }
        ItemKind::Reasoning { .. } => opened["summary"] = json!([]),
        _ => {}
    }
    opened
}

fn finished(item: &Item, id: &str) -> Value {
    match &item.kind {
        ItemKind::Message { deltas, phase } => {
            let text = deltas.concat();
            let mut message = json!({
                "type": "message", "role": "assistant", "id": id, "status": "completed",
                "content": [{"type": "output_text", "text": text, "annotations": []}],
            });
            if let Some(phase) = phase {
                message["phase"] = json!(phase);
            }
            message
        }
        ItemKind::Reasoning { deltas } => json!({
            "type": "reasoning", "id": id,
            "summary": [{"type": "summary_text", "text": deltas.concat()}],
        }),
        ItemKind::FunctionCall {
            name,
            arguments,
            namespace,
        } => {
            let mut call = json!({
                "type": "function_call", "id": format!("fc_{id}"), "call_id": id,
                "name": name, "arguments": arguments,
            });
            if let Some(namespace) = namespace {
                call["namespace"] = json!(namespace);
            }
            call
        }
        ItemKind::CustomToolCall { name, input } => json!({
            "type": "custom_tool_call", "id": format!("ctc_{id}"), "call_id": id,
            "name": name, "input": input,
        }),
        ItemKind::Other(value) | ItemKind::Event(value) => value.clone(),
    }
}

/// `None` for endings that leave the response open.
fn ending_event(reply: &Reply, id: &str, serial: usize) -> Option<Value> {
    match &reply.ending {
        Ending::Completed => Some(json!({
            "type": "response.completed",
            "response": {
                "id": id, "object": "response", "status": "completed",
                "output": output(reply, serial),
                "usage": usage(reply.usage.unwrap_or_default()),
            },
        })),
        Ending::Failed { code, message } => Some(json!({
            "type": "response.failed",
            "response": {
                "id": id, "object": "response", "status": "failed",
                "error": {"code": code, "message": message},
            },
        })),
        Ending::Incomplete { reason } => Some(json!({
            "type": "response.incomplete",
            "response": {
                "id": id, "object": "response", "status": "incomplete",
                "incomplete_details": {"reason": reason},
            },
        })),
        Ending::Status { .. } | Ending::Disconnect | Ending::Stall => None,
    }
}

fn usage(usage: Usage) -> Value {
    json!({
        "input_tokens": usage.input,
        "input_tokens_details": {"cached_tokens": usage.cached},
        "output_tokens": usage.output,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning},
        "total_tokens": usage.input + usage.output,
    })
}
