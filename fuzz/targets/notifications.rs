//! Any parameters for any notification: the first byte chooses the method. What is read is the same after it was
//! written and read again, and what isn't read is kept as it is.
#![no_main]

use codex_types::{ServerNotification, lenient};
use libfuzzer_sys::fuzz_target;
use serde_json::value::RawValue;

fuzz_target!(|bytes: &[u8]| {
    let Some((choice, params)) = bytes.split_first() else {
        return;
    };
    let methods = ServerNotification::METHODS;
    let method = methods[usize::from(*choice) % methods.len()];
    let Ok(params) = serde_json::from_slice::<&RawValue>(params) else {
        return;
    };
    let lenient = lenient::notification(method, Some(params)).value;
    assert_eq!(lenient.method(), method);
    if let Ok(strict) = ServerNotification::decode(method, Some(params)) {
        assert_eq!(strict, lenient);
        let line = strict.encode().expect("what was read can be written");
        let message = codex_types::Message::parse(line.as_bytes()).expect("a message");
        let codex_types::Message::Notification { method, params, .. } = message else {
            panic!("{line}");
        };
        assert_eq!(
            ServerNotification::decode(&method, params).expect("the same"),
            strict
        );
    }
});
