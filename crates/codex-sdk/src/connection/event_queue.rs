//! The queue between the reader and one subscription, bounded by bytes.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use tokio::sync::mpsc;

use codex_types::ServerNotification;
use serde_json::Value;

use crate::error::{Error, Result};

/// A notification of the runtime.
pub type Notification = ServerNotification;

/// What a value takes in memory beside its text, and an entry of an object beside its key and value:
/// about what `serde_json` and the allocator take.
const OF_VALUE: usize = size_of::<Value>();
const OF_ENTRY: usize = 3 * size_of::<Value>();

/// About how many bytes a notification takes while it lies unread. A text of two bytes can be a value
/// of 32.
pub(crate) fn held(notification: &Notification, line: &[u8]) -> usize {
    let content = match notification {
        Notification::Unrecognized { method, params } => method.len() + held_by(params),
        _ => line.len() + OF_VALUE * values(line),
    };
    size_of::<Entry>() + content
}

/// How many values a text of JSON has, at most.
fn values(mut json: &[u8]) -> usize {
    let mut values = 1;
    loop {
        let quote = memchr::memchr(b'"', json);
        let (between, string) = json.split_at(quote.unwrap_or(json.len()));
        values += memchr::memchr3_iter(b',', b'[', b'{', between).count();
        let Some(string) = string.get(1..) else {
            return values;
        };
        json = after_string(string);
    }
}

/// What follows the closing quote of a string.
fn after_string(mut string: &[u8]) -> &[u8] {
    while let Some(at) = memchr::memchr2(b'"', b'\\', string) {
        if string[at] == b'"' {
            return &string[at + 1..];
        }
        string = string.get(at + 2..).unwrap_or_default();
    }
    &[]
}

fn held_by(value: &Value) -> usize {
    OF_VALUE
        + match value {
            Value::String(text) => text.len(),
            Value::Array(values) => values.iter().map(held_by).sum(),
            Value::Object(entries) => {
                let each = |(key, value): (&String, &Value)| OF_ENTRY + key.len() + held_by(value);
                entries.iter().map(each).sum()
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => 0,
        }
}

/// Makes the two ends of a subscription that holds at most `budget` bytes of unread notifications, as
/// [`held`] counts them.
/// What lies in it counts in `queued` too.
pub(crate) fn event_queue(
    budget: usize,
    queued: &Arc<AtomicUsize>,
) -> (EventSender, EventReceiver) {
    let (sender, receiver) = mpsc::unbounded_channel();
    let unread = Unread {
        own: Arc::default(),
        queued: Arc::clone(queued),
    };
    let queue = EventSender {
        sender,
        unread: unread.clone(),
        budget,
    };
    (queue, EventReceiver { receiver, unread })
}

/// How many bytes lie unread: in one subscription, and in all of a connection.
#[derive(Debug, Clone)]
struct Unread {
    own: Arc<AtomicUsize>,
    queued: Arc<AtomicUsize>,
}

impl Unread {
    fn add(&self, bytes: usize) {
        self.own.fetch_add(bytes, Ordering::Relaxed);
        self.queued.fetch_add(bytes, Ordering::Relaxed);
    }

    fn remove(&self, bytes: usize) {
        self.own.fetch_sub(bytes, Ordering::Relaxed);
        self.queued.fetch_sub(bytes, Ordering::Relaxed);
    }
}

/// The router's end. Dropping it ends the subscription once everything in it was read.
#[derive(Debug)]
pub(crate) struct EventSender {
    sender: mpsc::UnboundedSender<Entry>,
    unread: Unread,
    budget: usize,
}

/// The subscriber's end. Dropping it frees what is unread.
#[derive(Debug)]
pub(crate) struct EventReceiver {
    receiver: mpsc::UnboundedReceiver<Entry>,
    unread: Unread,
}

#[derive(Debug)]
struct Entry {
    item: Result<Notification>,
    bytes: usize,
}

impl EventSender {
    /// Queues a notification, or an error about one; `false` when this subscription is over, because
    /// nobody reads it any more or because it would exceed its budget.
    ///
    /// A single notification larger than the whole budget is let through to a reader that keeps up.
    pub(crate) fn push(&self, item: Result<Notification>, bytes: usize) -> bool {
        let unread = self.unread.own.load(Ordering::Relaxed);
        if unread > 0 && unread + bytes > self.budget {
            self.lag();
            return false;
        }
        self.unread.add(bytes);
        let sent = self.sender.send(Entry { item, bytes }).is_ok();
        if !sent {
            self.unread.remove(bytes);
        }
        sent
    }

    /// The most bytes that may lie unread.
    pub(crate) fn budget(&self) -> usize {
        self.budget
    }

    /// Tells the subscriber that it was read too slowly. Nothing is queued behind this.
    pub(crate) fn lag(&self) {
        let budget = self.budget;
        let item = Err(Error::Lagged { budget });
        // A subscriber that is gone needs no error.
        let _ = self.sender.send(Entry { item, bytes: 0 });
    }

    /// Whether the subscriber is gone.
    pub(crate) fn is_abandoned(&self) -> bool {
        self.sender.is_closed()
    }
}

impl EventReceiver {
    pub(crate) async fn next(&mut self) -> Option<Result<Notification>> {
        let entry = self.receiver.recv().await;
        self.take(entry)
    }

    pub(crate) fn poll_next(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Notification>>> {
        self.receiver
            .poll_recv(context)
            .map(|entry| self.take(entry))
    }

    fn take(&self, entry: Option<Entry>) -> Option<Result<Notification>> {
        let entry = entry?;
        self.unread.remove(entry.bytes);
        Some(entry.item)
    }
}

impl Drop for EventReceiver {
    fn drop(&mut self) {
        // From here on nothing is queued, so that what is counted is taken off again.
        self.receiver.close();
        while let Ok(entry) = self.receiver.try_recv() {
            self.unread.remove(entry.bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use codex_types::lenient;
    use serde_json::value::RawValue;

    use super::{Entry, OF_VALUE, held, values};

    #[test]
    fn values_are_counted_outside_of_texts() {
        for (json, expected) in [
            ("1", 1),
            (r#""a,[{\\",[1,2]"#, 4),
            (r#"{"a\"{":[1,2],"b":","}"#, 5),
            (r#""never ends,,"#, 1),
            ("\"\\", 1),
        ] {
            assert_eq!(values(json.as_bytes()), expected, "{json}");
        }
    }

    #[test]
    fn what_is_counted_is_what_is_held_and_not_what_came() {
        let zeros = format!("[{}0]", "0,".repeat(999));
        for (method, params) in [
            ("new/kind", zeros.clone()),
            (
                "app/list/updated",
                format!(r#"{{"data":[],"more":{zeros}}}"#),
            ),
        ] {
            let params = RawValue::from_string(params).unwrap();
            let line = format!(r#"{{"method":"{method}","params":{params}}}"#);
            let read = lenient::notification(method, Some(&params));
            let held = held(&read.value, line.as_bytes());
            assert!(held >= size_of::<Entry>() + 1000 * OF_VALUE, "{held}");
        }
    }
}
