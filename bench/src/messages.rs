//! Lines as the runtime writes them, with an item's type first.

/// A piece of text.
pub fn delta(thread: &str, turn: &str) -> String {
    of_turn(
        "item/agentMessage/delta",
        thread,
        turn,
        r#""itemId":"m","delta":"All tests ""#,
    )
}

/// The kinds of [`of_kind`].
pub const KINDS: [&str; 4] = ["delta", "message", "command", "completed"];

/// A line of this kind: a piece of text, an item of one of two kinds, the end of a turn.
pub fn of_kind(kind: &str) -> String {
    match kind {
        "message" => item(MESSAGE),
        "command" => item(COMMAND),
        "completed" => turn("turn/completed", "completed"),
        _ => delta(THREAD, TURN),
    }
}

/// The lines of a small turn.
pub fn small_turn() -> Vec<String> {
    let mut lines = vec![turn("turn/started", "inProgress"), item(MESSAGE)];
    lines.extend(std::iter::repeat_n(delta(THREAD, TURN), 8));
    lines.extend(["message", "command", "completed"].map(of_kind));
    lines
}

const THREAD: &str = "019aa1f0-7d5e-7f83-b1c6-6e2a4d9c0b17";
const TURN: &str = "019aa1f0-8112-7c40-9d3e-0f5b7a6c2e48";
const MESSAGE: &str =
    r#"{"type":"agentMessage","id":"m","text":"All tests pass now.","phase":null}"#;
const COMMAND: &str = r#"{"type":"commandExecution","id":"c","command":"cargo test","cwd":"/workspace","processId":null,"status":"completed","commandActions":[{"type":"unknown","command":"cargo test"}],"aggregatedOutput":"running 3 tests\n...\n\ntest result: ok","exitCode":0,"durationMs":1234}"#;

fn item(item: &str) -> String {
    let more = format!(r#""item":{item},"completedAtMs":1767225600000"#);
    of_turn("item/completed", THREAD, TURN, &more)
}

fn turn(method: &str, status: &str) -> String {
    let turn = format!(
        r#""turn":{{"id":"{TURN}","items":[],"itemsView":"notLoaded","status":"{status}","error":null,"startedAt":1767225600,"completedAt":null,"durationMs":null}}"#
    );
    line(method, &format!(r#"{{"threadId":"{THREAD}",{turn}}}"#))
}

fn of_turn(method: &str, thread: &str, turn: &str, more: &str) -> String {
    let params = format!(r#"{{"threadId":"{thread}","turnId":"{turn}",{more}}}"#);
    line(method, &params)
}

fn line(method: &str, params: &str) -> String {
    format!(r#"{{"method":"{method}","params":{params},"emittedAtMs":1767225600000}}"#)
}
