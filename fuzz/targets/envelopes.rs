//! Any bytes as a message. One that is read is the same after it was written and read again.
#![no_main]

use codex_types::{Message, encode_error, encode_notification, encode_request, encode_response};
use libfuzzer_sys::fuzz_target;

fn written(message: &Message<'_>) -> String {
    let line = match message {
        Message::Request { id, method, params } => encode_request(method, id, params),
        Message::Notification {
            method,
            params,
            emitted_at_ms,
        } => encode_notification(method, params.as_ref(), *emitted_at_ms),
        Message::Response { id, result } => encode_response(id, *result),
        Message::Error { id, error } => encode_error(id.as_ref(), error),
    };
    line.expect("what was read can be written")
}

fuzz_target!(|bytes: &[u8]| {
    if let Ok(message) = Message::parse(bytes) {
        let once = written(&message);
        let again = Message::parse(once.as_bytes()).expect("what was written can be read");
        assert_eq!(written(&again), once);
    }
});
