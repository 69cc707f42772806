//! Replies as JSON, in the format that `codex-testkit --help` describes.

use std::time::Duration;

use codex_testkit::{Reply, Usage};
use serde_json::{Value, json};

use super::node::{Node, Object};

/// What the model answers.
#[derive(Debug)]
pub(super) struct Script {
    pub(super) replies: Vec<Reply>,
    /// The reply when none is left.
    pub(super) default: Option<Reply>,
}

/// Why a script can't be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum ScriptError {
    #[error("it is not JSON")]
    Json(#[from] serde_json::Error),
    #[error("{path}: {problem}")]
    Entry { path: String, problem: String },
}

type Result<T> = std::result::Result<T, ScriptError>;

/// Builds a reply from the field that names its kind, and takes the fields next to it.
type Build = fn(Node, &mut Object) -> Result<Reply>;

const KINDS: [(&str, Build); 13] = [
    ("text", |value, beside| {
        message(Reply::text(value.text()?), beside)
    }),
    ("deltas", |value, beside| {
        message(Reply::deltas(value.texts()?), beside)
    }),
    ("reasoning", |value, beside| {
        with_id(Reply::reasoning(value.texts()?), beside)
    }),
    ("call", call),
    ("custom_call", |value, beside| {
        let input = beside.need("input")?.text()?;
        with_id(Reply::custom_tool_call(value.text()?, input), beside)
    }),
    ("item", |value, _| raw(value, Reply::output_item)),
    ("event", |value, _| raw(value, Reply::event)),
    ("failed", failed),
    ("incomplete", |value, _| {
        Ok(Reply::incomplete(value.text()?))
    }),
    ("status", |value, beside| status(&value, beside)),
    ("disconnect", |value, _| {
        value.yes().map(|()| Reply::disconnect())
    }),
    ("stall", |value, _| value.yes().map(|()| Reply::stall())),
    ("all", all),
];

/// The kinds that end a reply: nothing can follow them.
const ENDINGS: [&str; 4] = ["failed", "incomplete", "disconnect", "stall"];
/// The kinds that make a whole reply by themselves.
const ALONE: [&str; 3] = ["status", "all", "default"];

impl Script {
    pub(super) fn parse(text: &str) -> Result<Self> {
        let root = Node::root(serde_json::from_str(text)?);
        let mut replies = root.list("a list of replies")?;
        let default = match replies.pop_if(|last| last.has("default")) {
            None => None,
            Some(last) => {
                let mut object = last.object("an object")?;
                let default = reply(object.need("default")?)?;
                object.finish("default")?;
                Some(default)
            }
        };
        if let Some(early) = replies.iter().find(|entry| entry.has("default")) {
            return Err(early.error("`default` has to be the last entry"));
        }
        let replies = replies.into_iter().map(reply).collect::<Result<_>>()?;
        Ok(Self { replies, default })
    }
}

fn reply(node: Node) -> Result<Reply> {
    if let Value::String(text) = node.value {
        return Ok(Reply::text(text));
    }
    let mut object = node.object("text or an object")?;
    let (kind, build) = kind(&object)?;
    let value = object.need(kind)?;
    let mut reply = build(value, &mut object)?;
    if let Some(usage) = object.take("usage") {
        reply = reply.usage(self::usage(usage)?);
    }
    if let Some(delay) = object.take("delay_ms") {
        reply = reply.delay(Duration::from_millis(delay.number()?));
    }
    object.finish(kind)?;
    Ok(reply)
}

fn kind(object: &Object) -> Result<(&'static str, Build)> {
    let mut found = KINDS.into_iter().filter(|(kind, _)| object.has(kind));
    match (found.next(), found.next()) {
        (Some(kind), None) => Ok(kind),
        (Some((first, _)), Some((second, _))) => Err(object.error(format!(
            "`{first}` and `{second}` are two replies; join them with `all`"
        ))),
        (None, _) => {
            let kinds = KINDS.map(|(kind, _)| kind).join(", ");
            let has = match object.names()[..] {
                [] => "it is empty".to_owned(),
                ref names => format!("it has {}", names.join(", ")),
            };
            Err(object.error(format!("a reply has one of {kinds}; {has}")))
        }
    }
}

fn message(mut reply: Reply, beside: &mut Object) -> Result<Reply> {
    if let Some(phase) = beside.take("phase") {
        reply = reply.phase(phase.text()?);
    }
    with_id(reply, beside)
}

fn with_id(reply: Reply, beside: &mut Object) -> Result<Reply> {
    match beside.take("id") {
        Some(id) => Ok(reply.id(id.text()?)),
        None => Ok(reply),
    }
}

fn call(name: Node, beside: &mut Object) -> Result<Reply> {
    let arguments = match beside.take("arguments") {
        None => "{}".to_owned(),
        Some(node) => match node.value {
            // Sent unchanged, whether it is JSON or not.
            Value::String(text) => text,
            Value::Object(fields) => Value::Object(fields).to_string(),
            _ => return Err(node.unexpected("an object or text")),
        },
    };
    let mut reply = Reply::function_call(name.text()?, arguments);
    if let Some(namespace) = beside.take("namespace") {
        reply = reply.namespace(namespace.text()?);
    }
    with_id(reply, beside)
}

fn raw(value: Node, build: fn(Value) -> Reply) -> Result<Reply> {
    match value.value {
        Value::Object(_) => Ok(build(value.value)),
        _ => Err(value.unexpected("an object")),
    }
}

fn failed(value: Node, _: &mut Object) -> Result<Reply> {
    let mut fields = value.object("an object with `code` and `message`")?;
    let code = fields.need("code")?.text()?;
    let message = fields.need("message")?.text()?;
    fields.finish("failed")?;
    Ok(Reply::failed(code, message))
}

fn status(value: &Node, beside: &mut Object) -> Result<Reply> {
    let code = value.value.as_u64().and_then(|code| code.try_into().ok());
    let code = code.filter(|code| (200..600).contains(code));
    let code: u16 = code.ok_or_else(|| value.error("expected an HTTP status, such as 503"))?;
    let body = beside.take("body").map(|body| body.value);
    let words = || json!({"error": {"message": format!("the script says {code}")}});
    Ok(Reply::status(code, body.unwrap_or_else(words)))
}

/// Combines several items, and optionally an ending, in one reply.
fn all(value: Node, _: &mut Object) -> Result<Reply> {
    let empty = value.error("expected at least one reply");
    let parts = value.list("a list of replies")?;
    let last = parts.len().saturating_sub(1);
    for (index, part) in parts.iter().enumerate() {
        if let Some(kind) = ALONE.into_iter().find(|kind| part.has(kind)) {
            return Err(part.error(format!("`{kind}` can't be part of `all`")));
        }
        let ending = ENDINGS.into_iter().find(|kind| part.has(kind));
        if let Some(kind) = ending.filter(|_| index < last) {
            return Err(part.error(format!("`{kind}` has to be the last of `all`")));
        }
    }
    let mut parts = parts.into_iter().map(reply);
    let first = parts.next().ok_or(empty)??;
    parts.try_fold(first, |whole, part| Ok(whole.then(part?)))
}

fn usage(value: Node) -> Result<Usage> {
    let mut fields = value.object("an object")?;
    let mut tokens = |name| fields.take(name).map_or(Ok(0), Node::number);
    let usage = Usage {
        input: tokens("input")?,
        cached: tokens("cached")?,
        output: tokens("output")?,
        reasoning: tokens("reasoning")?,
    };
    fields.finish("usage")?;
    Ok(usage)
}

#[cfg(test)]
mod tests;
