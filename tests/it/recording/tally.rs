use std::collections::BTreeSet;
use std::fmt::Debug;

use codex_types::{
    ClientMethod, Message, NotificationEnvelope, RequestId, ServerRequest, decode_response,
    encode_error, encode_response,
};
use serde_json::Value;
use serde_json::value::RawValue;

/// What was recorded, by method, and whatever was not decoded whole.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// The notifications that came.
    pub(crate) notifications: BTreeSet<String>,
    /// The client methods that were answered with a result.
    pub(crate) replies: BTreeSet<&'static str>,
    /// The client methods that were answered with an error.
    pub(crate) refusals: BTreeSet<&'static str>,
    /// The requests of the runtime.
    pub(crate) server_requests: BTreeSet<String>,
    /// One text for each line that lost something.
    pub(crate) faults: Vec<String>,
}

/// Decodes the result in a line, and encodes it again, if it is what its method says.
pub(crate) type CheckReply = fn(&RequestId, &RawValue) -> Result<Checked, String>;

/// A line that was decoded: as `Debug` shows it, and as it is written again.
pub(crate) struct Checked {
    shown: String,
    encoded: String,
}

/// The [`CheckReply`] of a method.
pub(crate) fn check_reply<M: ClientMethod<Response: Debug>>(
    id: &RequestId,
    result: &RawValue,
) -> Result<Checked, String> {
    let response = decode_response::<M>(result).map_err(|error| format!("{error:?}"))?;
    checked(&response, encode_response(id, &response))
}

impl Tally {
    /// Counts one line of the runtime and checks that decoding it loses nothing. `asked` is the
    /// method of the request that it answers.
    pub(crate) fn record(&mut self, line: &str, asked: Option<(&'static str, CheckReply)>) {
        let message = match Message::parse(line) {
            Ok(message) => message,
            Err(error) => return self.faults.push(format!("{error:?} in {line}")),
        };
        let checked = match &message {
            Message::Notification {
                method,
                params,
                emitted_at_ms,
            } => {
                self.notifications.insert(method.clone().into_owned());
                NotificationEnvelope::decode(method, *params, *emitted_at_ms)
                    .map_err(|error| format!("{error:?}"))
                    .and_then(|envelope| checked(&envelope, envelope.encode()))
            }
            Message::Request { id, method, params } => {
                self.server_requests.insert(method.clone().into_owned());
                ServerRequest::decode(method, *params)
                    .map_err(|error| format!("{error:?}"))
                    .and_then(|request| checked(&request, request.encode(id)))
            }
            Message::Response { id, result } => match asked {
                Some((method, check)) => {
                    self.replies.insert(method);
                    check(id, result)
                }
                None => Err("an answer to nothing".to_owned()),
            },
            Message::Error { id, error } => match asked {
                Some((method, _)) => {
                    self.refusals.insert(method);
                    checked(error, encode_error(id.as_ref(), error))
                }
                None => Err("an error that answers nothing".to_owned()),
            },
        };
        if let Err(fault) = checked.and_then(|checked| checked.compare(line)) {
            self.faults.push(format!("{fault}\n  in {line}"));
        }
    }

    /// Adds what another session recorded.
    pub(crate) fn merge(&mut self, other: Self) {
        self.notifications.extend(other.notifications);
        self.replies.extend(other.replies);
        self.refusals.extend(other.refusals);
        self.server_requests.extend(other.server_requests);
        self.faults.extend(other.faults);
    }
}

fn checked(
    value: &impl Debug,
    encoded: Result<String, serde_json::Error>,
) -> Result<Checked, String> {
    Ok(Checked {
        shown: format!("{value:?}"),
        encoded: encoded.map_err(|error| error.to_string())?,
    })
}

impl Checked {
    fn compare(&self, line: &str) -> Result<(), String> {
        if self.shown.contains("Unrecognized") {
            return Err(format!("something unrecognized: {}", self.shown));
        }
        let [came, went] = [line, &self.encoded].map(without_nulls);
        if came == went {
            return Ok(());
        }
        Err(format!("written again it is {went}"))
    }
}

/// The JSON of a text without the fields that are null: they mean the same as absent ones in
/// whatever the runtime says.
fn without_nulls(text: &str) -> Value {
    let mut value = serde_json::from_str(text).unwrap();
    drop_nulls(&mut value);
    value
}

/// Removes every field that is null.
pub(crate) fn drop_nulls(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|_, value| !value.is_null());
            fields.values_mut().for_each(drop_nulls);
        }
        Value::Array(values) => values.iter_mut().for_each(drop_nulls),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::Tally;

    fn faults(line: &str) -> usize {
        let mut tally = Tally::default();
        tally.record(line, None);
        tally.faults.len()
    }

    #[test]
    fn a_line_that_is_not_decoded_whole_is_a_fault() {
        let closed = |params: &str| format!(r#"{{"method":"thread/closed","params":{params}}}"#);
        assert_eq!(faults(&closed(r#"{"threadId":"t"}"#)), 0);
        assert_eq!(faults(&closed(r#"{"threadId":"t","reason":null}"#)), 0);
        assert_eq!(faults(&closed(r#"{"threadId":"t","reason":"new"}"#)), 1);
        assert_eq!(faults(&closed(r#"{"threadId":7}"#)), 1);
        assert_eq!(faults(r#"{"method":"thread/danced","params":{}}"#), 1);
        assert_eq!(faults(r#"{"id":1,"result":{}}"#), 1);
        assert_eq!(faults("nothing"), 1);
    }
}
