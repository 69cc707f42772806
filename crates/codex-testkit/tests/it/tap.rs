//! The command `tap`.

#[path = "../../src/cli/summary.rs"]
mod summary;

use summary::Tap;

fn tap(lines: &[&str]) -> Vec<String> {
    let mut tap = Tap::default();
    lines.iter().map(|it| tap.line(it.as_bytes())).collect()
}

#[test]
fn a_turn_reads_like_one() {
    let thread = r#""threadId":"0199-aaaa""#;
    let turn = r#"{"id":"0199-bbbb","items":[],"status":"completed","durationMs":12}"#;
    let lines = tap(&[
        r#"{"method":"initialize","id":0,"params":{"clientInfo":{"name":"me","version":"1"}}}"#,
        r#"{"id":0,"result":{"userAgent":"x"}}"#,
        r#"{"method":"initialized"}"#,
        &format!(
            r#"{{"method":"turn/start","id":1,"params":{{{thread},"input":[{{"type":"text","text":"say\nhi"}}]}}}}"#
        ),
        &format!(r#"{{"id":1,"result":{{"turn":{turn}}}}}"#),
        &format!(
            r#"{{"method":"item/agentMessage/delta","params":{{{thread},"turnId":"0199-bbbb","itemId":"i","delta":"Hi"}}}}"#
        ),
        &format!(r#"{{"method":"turn/completed","params":{{{thread},"turn":{turn}}}}}"#),
    ]);
    let lines: Vec<Vec<&str>> = lines
        .iter()
        .map(|it| it.split_whitespace().collect())
        .collect();
    assert_eq!(lines[0], [">", "initialize", "#0", "me", "1"]);
    assert_eq!(lines[1], ["<", "initialize", "#0"]);
    assert_eq!(lines[2], [">", "initialized"]);
    assert_eq!(lines[3], [">", "turn/start", "#1", "aaaa", "say", "hi"]);
    assert_eq!(lines[4], ["<", "turn/start", "#1", "/bbbb"]);
    assert_eq!(
        lines[5],
        ["<", "item/agentMessage/delta", "aaaa/bbbb", "Hi"]
    );
    assert_eq!(
        lines[6],
        [
            "<",
            "turn/completed",
            "aaaa/bbbb",
            "completed",
            "after",
            "12",
            "ms"
        ]
    );
}

#[test]
fn nothing_stops_it() {
    let mut tap = Tap::default();
    for (line, shown) in [
        (
            &b"garbage"[..],
            "? the line is not a JSON-RPC message: garbage",
        ),
        (b"", "? the line is not a JSON-RPC message:"),
        (b"{\"method\":\"\xff\"}", "? the line is not"),
        (b"{\"id\":9,\"result\":null}", "? (an answer)"),
        (b"{\"method\":\"a/b\",\"params\":[]}", "< a/b"),
        (b"{\"method\":\"a/b\",\"id\":\"x\"}", "? a/b"),
        (b"{\"id\":\"x\",\"result\":1}", "? a/b"),
        (
            b"{\"error\":{\"code\":-1,\"message\":\"\\u001b[31mno\"},\"id\":null}",
            "? (an answer)",
        ),
    ] {
        let line = tap.line(line);
        assert!(line.starts_with(shown), "{line}");
        assert!(!line.contains(char::is_control), "{line:?}");
    }
    let wrong = tap.line(br#"{"method":"turn/completed","params":{"threadId":5}}"#);
    assert!(
        wrong.ends_with("unreadable: cannot decode `turn/completed`: at `threadId`: invalid type: integer `…`, expected a string"),
        "{wrong}"
    );
}
