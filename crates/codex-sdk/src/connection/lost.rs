//! What is known about a line that could not be read.

/// How long an id or the name of a method may be.
const LONGEST: usize = 128;
const ID: &str = "\"id\":";

/// Whom a line was for, as far as its ends show.
#[derive(Debug)]
pub(crate) struct Lost<'a> {
    pub(crate) method: Option<&'a str>,
    pub(crate) id: Option<i64>,
    pub(crate) thread_id: Option<&'a str>,
    pub(crate) turn_id: Option<&'a str>,
    /// How many bytes an error about it counts for in a subscription's budget.
    pub(crate) bytes: usize,
}

impl<'a> Lost<'a> {
    /// Looks at the beginning of a line, and at its end if the middle is gone.
    pub(crate) fn between(head: &'a str, tail: &'a str) -> Self {
        let is_body = |key: &&str| head.contains(*key);
        let body = ["\"params\":", "\"result\":", "\"error\":"]
            .into_iter()
            .find(is_body);
        let envelope = body
            .and_then(|body| head.split(body).next())
            .unwrap_or(head);
        // The runtime writes an error before the id of its request.
        let ends_with = if tail.is_empty() { head } else { tail };
        let find = |key| string_after(head, key).or_else(|| string_after(tail, key));
        Self {
            method: string_after(envelope, "\"method\":\""),
            id: integer_after(envelope, ID).or_else(|| integer_at_end(ends_with)),
            thread_id: find("\"threadId\":\""),
            turn_id: find("\"turnId\":\"").or_else(|| find("\"turn\":{\"id\":\"")),
            bytes: head.len(),
        }
    }
}

/// The string that follows `key`. Within a JSON string the quotes of `key` would be escaped, so it is
/// only found where it is a key.
fn string_after<'a>(text: &'a str, key: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(key)?;
    // Of a text without an end nobody knows what it is, and an id or a name is short.
    let (text, _) = rest.split_once('"')?;
    (text.len() <= LONGEST).then_some(text)
}

fn integer_after(text: &str, key: &str) -> Option<i64> {
    let (_, rest) = text.split_once(key)?;
    let rest = rest.trim_start();
    let is_digit = |it: char| it.is_ascii_digit() || it == '-';
    let (digits, rest) = rest.split_at(rest.find(|it| !is_digit(it))?);
    // `1.5` is another id than 1, and of half a line nobody knows what follows.
    let ends = rest.starts_with([',', '}']) || rest.starts_with(char::is_whitespace);
    ends.then(|| digits.parse().ok())?
}

/// The id that a line ends with.
fn integer_at_end(text: &str) -> Option<i64> {
    let rest = text.trim_end().strip_suffix('}')?;
    rest.rsplit_once(ID)?.1.trim().parse().ok()
}
