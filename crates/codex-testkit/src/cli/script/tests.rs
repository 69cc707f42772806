use super::*;

/// `Debug` shows everything that a reply holds.
fn shown<T: std::fmt::Debug>(value: T) -> String {
    format!("{value:?}")
}

#[test]
fn every_kind_of_reply_can_be_written() {
    let cases = [
        (r#""Hello.""#, Reply::text("Hello.")),
        (
            r#"{"text": "Hi", "phase": "commentary", "id": "m"}"#,
            Reply::text("Hi").phase("commentary").id("m"),
        ),
        (r#"{"deltas": ["a", "b"]}"#, Reply::deltas(["a", "b"])),
        (r#"{"reasoning": "hm"}"#, Reply::reasoning(["hm"])),
        (
            r#"{"call": "exec_command", "arguments": {"cmd": "ls"}, "id": "c"}"#,
            Reply::function_call("exec_command", r#"{"cmd":"ls"}"#).id("c"),
        ),
        (
            r#"{"call": "now", "arguments": "not JSON", "namespace": "mcp"}"#,
            Reply::function_call("now", "not JSON").namespace("mcp"),
        ),
        (r#"{"call": "now"}"#, Reply::function_call("now", "{}")),
        (
            r#"{"custom_call": "apply_patch", "input": "***"}"#,
            Reply::custom_tool_call("apply_patch", "***"),
        ),
        (
            r#"{"item": {"type": "compaction"}}"#,
            Reply::output_item(json!({"type": "compaction"})),
        ),
        (
            r#"{"event": {"type": "response.metadata"}}"#,
            Reply::event(json!({"type": "response.metadata"})),
        ),
        (
            r#"{"failed": {"code": "server_error", "message": "no"}}"#,
            Reply::failed("server_error", "no"),
        ),
        (
            r#"{"incomplete": "max_output_tokens"}"#,
            Reply::incomplete("max_output_tokens"),
        ),
        (
            r#"{"status": 401, "body": {"error": 1}}"#,
            Reply::status(401, json!({"error": 1})),
        ),
        (r#"{"disconnect": true}"#, Reply::disconnect()),
        (r#"{"stall": true}"#, Reply::stall()),
        (
            r#"{"all": ["Once", {"call": "now"}, {"stall": true}], "delay_ms": 5}"#,
            Reply::text("Once")
                .then(Reply::function_call("now", "{}"))
                .then(Reply::stall())
                .delay(Duration::from_millis(5)),
        ),
        (
            r#"{"text": "a", "usage": {"input": 20, "output": 3}}"#,
            Reply::text("a").usage(Usage {
                input: 20,
                output: 3,
                ..Usage::default()
            }),
        ),
    ];
    for (json, expected) in cases {
        let script = Script::parse(&format!("[{json}]")).unwrap();
        assert_eq!(shown(script.replies), shown([expected]), "{json}");
        assert_eq!(shown(script.default), "None", "{json}");
    }
}

#[test]
fn the_help_shows_every_kind() {
    for (kind, _) in KINDS {
        assert!(crate::HELP.contains(&format!("{{\"{kind}\": ")), "{kind}");
    }
}

#[test]
fn the_last_entry_can_be_the_default() {
    let script = Script::parse(r#"["one", {"default": {"text": "more"}}]"#).unwrap();
    assert_eq!(shown(script.replies), shown([Reply::text("one")]));
    assert_eq!(shown(script.default), shown(Some(Reply::text("more"))));
}

#[test]
fn an_error_says_where_and_what() {
    let kinds = "text, deltas, reasoning, call, custom_call, item, event, failed, incomplete, \
                 status, disconnect, stall, all";
    let cases = [
        (
            r#"{"text": "a"}"#,
            ".: expected a list of replies, found an object",
        ),
        ("[3]", ".[0]: expected text or an object, found a number"),
        (
            r#"["a", {"failed": {"code": 5, "message": ""}}]"#,
            ".[1].failed.code: expected text, found a number",
        ),
        (
            r#"[{"failed": {"code": "x"}}]"#,
            ".[0].failed: `message` is missing",
        ),
        (
            r#"[{"deltas": ["a", null]}]"#,
            ".[0].deltas[1]: expected text, found null",
        ),
        (
            r#"[{"call": "x", "arguments": []}]"#,
            ".[0].arguments: expected an object or text, found a list",
        ),
        (
            r#"[{"call": "x", "argument": {}}]"#,
            ".[0]: `argument` has no meaning in `call`",
        ),
        (
            r#"[{"text": "x", "call": "y"}]"#,
            ".[0]: `text` and `call` are two replies; join them with `all`",
        ),
        (r#"[{"custom_call": "x"}]"#, ".[0]: `input` is missing"),
        (
            r#"[{"stall": false}]"#,
            ".[0].stall: expected true, found false",
        ),
        (
            r#"[{"status": 42}]"#,
            ".[0].status: expected an HTTP status, such as 503",
        ),
        (
            r#"[{"text": "a", "usage": {"inputs": 1}}]"#,
            ".[0].usage: `inputs` has no meaning in `usage`",
        ),
        (r#"[{"all": []}]"#, ".[0].all: expected at least one reply"),
        (
            r#"[{"all": ["a", {"status": 500}]}]"#,
            ".[0].all[1]: `status` can't be part of `all`",
        ),
        (
            r#"[{"all": [{"stall": true}, "a"]}]"#,
            ".[0].all[0]: `stall` has to be the last of `all`",
        ),
        (
            r#"[{"default": "a"}, "b"]"#,
            ".[0]: `default` has to be the last entry",
        ),
        (
            r#"[{"default": {"default": "a"}}]"#,
            &format!(".[0].default: a reply has one of {kinds}; it has default"),
        ),
        (
            "[{}]",
            &format!(".[0]: a reply has one of {kinds}; it is empty"),
        ),
    ];
    for (json, expected) in cases {
        assert_eq!(Script::parse(json).unwrap_err().to_string(), expected);
    }
    let error = Script::parse("[\"a\"\n\"b\"]").unwrap_err();
    let cause = std::error::Error::source(&error).unwrap().to_string();
    assert!(cause.ends_with("at line 2 column 1"), "{cause}");
}
