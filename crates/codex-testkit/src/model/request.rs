use std::collections::BTreeMap;
use std::fmt;

use serde_json::Value;

/// One HTTP request that reached a [`ScriptedModel`](super::ScriptedModel), whatever the answer.
#[derive(Clone, PartialEq)]
pub struct RecordedRequest {
    /// The HTTP method, in capitals.
    pub method: String,
    /// The path, without the query.
    pub path: String,
    /// The headers, with lower-case names. `Debug` hides the value of `authorization`.
    pub headers: BTreeMap<String, String>,
    /// The JSON body; `Null` if there was none, a string if it wasn't JSON.
    pub body: Value,
}

impl RecordedRequest {
    /// Returns a header's value; `name` is case-insensitive.
    pub fn header(&self, name: &str) -> Option<&str> {
        let name = name.to_ascii_lowercase();
        self.headers.get(&name).map(String::as_str)
    }

    /// Returns whether this asks for a compaction, either by its path or by an item of type
    /// `compaction_trigger`. Answer it with exactly one item of type `compaction`.
    ///
    /// The runtime does this only if the provider's name is `OpenAI`. For any other provider, a
    /// compaction is an ordinary request, answered with text.
    pub fn is_compact(&self) -> bool {
        let mut items = self.input_items().iter();
        self.path.ends_with("/responses/compact")
            || items.any(|item| item["type"] == "compaction_trigger")
    }

    /// Returns the items of `input`: the conversation so far.
    pub fn input_items(&self) -> &[Value] {
        self.array("input")
    }

    /// Returns the tools offered to the model.
    pub fn tools(&self) -> &[Value] {
        self.array("tools")
    }

    /// Returns the texts of all messages by `user`, including those that the runtime adds, such as
    /// the description of the environment.
    pub fn user_texts(&self) -> Vec<&str> {
        self.texts("user")
    }

    /// Returns the texts of all messages by `role`: `user`, `assistant`, `developer` or `system`.
    pub fn texts(&self, role: &str) -> Vec<&str> {
        let parts = self.message_parts(role);
        parts.filter_map(|part| part["text"].as_str()).collect()
    }

    /// Returns the URLs of all images in messages by `user`.
    pub fn image_urls(&self) -> Vec<&str> {
        let parts = self.message_parts("user");
        parts
            .filter_map(|part| part["image_url"].as_str())
            .collect()
    }

    /// Returns what the tool call with this id returned to the model: text, or content items.
    pub fn tool_output(&self, call_id: &str) -> Option<&Value> {
        let mut items = self.input_items().iter();
        items
            .find(|item| item["call_id"] == call_id && item.get("output").is_some())
            .map(|item| &item["output"])
    }

    fn message_parts(&self, role: &str) -> impl Iterator<Item = &Value> {
        let messages = self.input_items().iter();
        messages
            .filter(move |item| item["type"] == "message" && item["role"] == role)
            .filter_map(|message| message["content"].as_array())
            .flatten()
    }

    fn array(&self, field: &str) -> &[Value] {
        self.body[field].as_array().map_or(&[], Vec::as_slice)
    }
}

impl fmt::Debug for RecordedRequest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut headers = self.headers.clone();
        if let Some(secret) = headers.get_mut("authorization") {
            "[redacted]".clone_into(secret);
        }
        formatter
            .debug_struct("RecordedRequest")
            .field("method", &self.method)
            .field("path", &self.path)
            .field("headers", &headers)
            .field("body", &self.body)
            .finish()
    }
}
