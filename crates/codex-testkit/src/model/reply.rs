use std::time::Duration;

use serde_json::Value;

use super::gate::Gate;

/// One scripted answer of the model: output items in order, then an ending.
///
/// [`Reply::then`] joins replies, for example a text followed by a tool call, or a text that breaks
/// off:
///
/// ```
/// use codex_testkit::Reply;
///
/// let reply = Reply::text("Let me look.")
///     .phase("commentary")
///     .then(Reply::function_call("exec_command", r#"{"cmd":"ls"}"#));
/// let broken = Reply::text("Once upon a").then(Reply::disconnect());
/// ```
#[derive(Clone, Debug)]
#[must_use = "a reply does nothing until it is pushed to a `ScriptedModel`"]
pub struct Reply {
    pub(super) items: Vec<Item>,
    pub(super) ending: Ending,
    pub(super) usage: Option<Usage>,
    pub(super) delay: Option<Duration>,
    pub(super) gates: Vec<(usize, Gate)>,
}

/// The token usage that a reply reports; all zero by default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Input tokens, including the cached ones.
    pub input: u64,
    /// The part of the input that came from the cache.
    pub cached: u64,
    /// Output tokens, including the reasoning ones.
    pub output: u64,
    /// The part of the output spent on reasoning.
    pub reasoning: u64,
}

#[derive(Clone, Debug)]
pub(super) struct Item {
    pub(super) kind: ItemKind,
    pub(super) id: Option<String>,
}

#[derive(Clone, Debug)]
pub(super) enum ItemKind {
    Message {
        deltas: Vec<String>,
        phase: Option<String>,
    },
    Reasoning {
        deltas: Vec<String>,
    },
    FunctionCall {
        name: String,
        arguments: String,
        namespace: Option<String>,
    },
    CustomToolCall {
        name: String,
        input: String,
    },
    Other(Value),
    /// Not an item, but an event between items.
    Event(Value),
}

#[derive(Clone, Debug)]
pub(super) enum Ending {
    Completed,
    Failed { code: String, message: String },
    Incomplete { reason: String },
    Status { code: u16, body: Value },
    Disconnect,
    Stall,
}

impl Reply {
    /// Creates an assistant message in one delta.
    pub fn text(text: impl Into<String>) -> Self {
        Self::deltas([text])
    }

    /// Creates an assistant message, delta by delta.
    pub fn deltas(deltas: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self::item(ItemKind::Message {
            deltas: deltas.into_iter().map(Into::into).collect(),
            phase: None,
        })
    }

    /// Creates a reasoning item with its summary delta by delta.
    pub fn reasoning(deltas: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self::item(ItemKind::Reasoning {
            deltas: deltas.into_iter().map(Into::into).collect(),
        })
    }

    /// Creates a function tool call; `arguments` is JSON text, sent unchanged.
    pub fn function_call(name: impl Into<String>, arguments: impl Into<String>) -> Self {
        Self::item(ItemKind::FunctionCall {
            name: name.into(),
            arguments: arguments.into(),
            namespace: None,
        })
    }

    /// Creates a custom tool call, such as `apply_patch`, with free-form input.
    pub fn custom_tool_call(name: impl Into<String>, input: impl Into<String>) -> Self {
        Self::item(ItemKind::CustomToolCall {
            name: name.into(),
            input: input.into(),
        })
    }

    /// Sends any other output item unchanged, such as a `compaction` or a `web_search_call`.
    pub fn output_item(item: impl Into<Value>) -> Self {
        Self::item(ItemKind::Other(item.into()))
    }

    /// Sends any other event unchanged between the items, such as a `response.metadata`.
    pub fn event(event: impl Into<Value>) -> Self {
        Self::item(ItemKind::Event(event.into()))
    }

    /// Ends with `response.failed`, for example with the code `server_error`.
    pub fn failed(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self::ending(Ending::Failed {
            code: code.into(),
            message: message.into(),
        })
    }

    /// Ends with `response.incomplete`, for example for the reason `max_output_tokens`.
    pub fn incomplete(reason: impl Into<String>) -> Self {
        Self::ending(Ending::Incomplete {
            reason: reason.into(),
        })
    }

    /// Answers with an HTTP status and a JSON body instead of events; items are ignored.
    pub fn status(code: u16, body: impl Into<Value>) -> Self {
        Self::ending(Ending::Status {
            code,
            body: body.into(),
        })
    }

    /// Closes the socket in the middle of the stream.
    pub fn disconnect() -> Self {
        Self::ending(Ending::Disconnect)
    }

    /// Never finishes: the stream stays open until the client leaves or the model is dropped.
    pub fn stall() -> Self {
        Self::ending(Ending::Stall)
    }

    /// Appends the items and gates of `next`, and takes its ending, plus its usage and delay if
    /// set.
    pub fn then(mut self, next: Self) -> Self {
        self.items.extend(next.items);
        self.gates.extend(next.gates);
        self.ending = next.ending;
        self.usage = next.usage.or(self.usage);
        self.delay = next.delay.or(self.delay);
        self
    }

    /// Sets the phase of the last item, if that is a message: `commentary` or `final_answer`.
    pub fn phase(mut self, value: impl Into<String>) -> Self {
        if let Some(ItemKind::Message { phase, .. }) = self.last_kind() {
            *phase = Some(value.into());
        }
        self
    }

    /// Sets the namespace of the last item, if that is a function call.
    pub fn namespace(mut self, value: impl Into<String>) -> Self {
        if let Some(ItemKind::FunctionCall { namespace, .. }) = self.last_kind() {
            *namespace = Some(value.into());
        }
        self
    }

    /// Sets the id of the last item, or the `call_id` for a tool call. By default ids are generated
    /// and unique. An [`output_item`](Self::output_item) keeps its own.
    pub fn id(mut self, id: impl Into<String>) -> Self {
        if let Some(item) = self.items.last_mut() {
            item.id = Some(id.into());
        }
        self
    }

    /// Sets the usage that `response.completed` reports.
    pub fn usage(mut self, usage: Usage) -> Self {
        self.usage = Some(usage);
        self
    }

    /// Waits this long before each event.
    pub fn delay(mut self, delay: Duration) -> Self {
        self.delay = Some(delay);
        self
    }

    /// Holds the reply after its first event, when the turn is known to be running.
    pub fn gate(self, gate: &Gate) -> Self {
        self.gate_at(1, gate)
    }

    /// Holds the reply before the event with this index, counted from 0 across the whole reply.
    ///
    /// In [`Reply::deltas`] the first piece is event 3, after the start of the reply, of the
    /// message and of its text. So `gate_at(4, …)` holds the reply between its first and second
    /// pieces. A test hangs if it waits for text before it releases an earlier gate.
    ///
    /// An index past the last event holds the reply before the stream ends. A [`Reply::status`] has
    /// no events: every gate holds it before the answer.
    pub fn gate_at(mut self, event: usize, gate: &Gate) -> Self {
        self.gates.push((event, gate.clone()));
        self
    }

    fn item(kind: ItemKind) -> Self {
        let mut reply = Self::ending(Ending::Completed);
        reply.items.push(Item { kind, id: None });
        reply
    }

    fn ending(ending: Ending) -> Self {
        Self {
            items: Vec::new(),
            ending,
            usage: None,
            delay: None,
            gates: Vec::new(),
        }
    }

    fn last_kind(&mut self) -> Option<&mut ItemKind> {
        self.items.last_mut().map(|item| &mut item.kind)
    }
}
