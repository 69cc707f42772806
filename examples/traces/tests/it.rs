//! The example as a program, and what it prints.

use std::process::Command;

use codex_testkit::ProxyRecorder;

#[test]
fn the_turn_of_the_runtime_is_in_the_trace_of_the_program() {
    // Not by way of the recorder, if it has to be installed.
    codex_testkit::runtime().unwrap();
    let recorder = ProxyRecorder::start().unwrap();
    let mut program = Command::new(env!("CARGO_BIN_EXE_traces"));
    let output = program.envs(recorder.env()).output().unwrap();
    let printed = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{printed}\n{errors}");
    assert_eq!(errors, "");
    assert_eq!(recorder.connections(), Vec::<String>::new());

    let words = printed
        .lines()
        .map(|line| line.split_whitespace().collect());
    let lines: Vec<Vec<&str>> = words.collect();
    // In this order, with others between them.
    let expected = [
        ["handle_request", "program"],
        ["thread/start", "codex-app-server"],
        ["ask", "program"],
        ["codex.turn", "program"],
        ["turn/start", "codex-app-server"],
    ];
    let mut rest = lines.iter();
    for span in expected {
        assert!(rest.any(|line| *line == span), "no {span:?} in\n{printed}");
    }
    let summary = lines.iter().find(|line| line[..].first() == Some(&"Trace"));
    let [
        _,
        _,
        own,
        "spans",
        "of",
        "the",
        "program,",
        runtime,
        "of",
        "the",
        "runtime",
    ] = summary.unwrap()[..]
    else {
        panic!("{printed}");
    };
    assert_eq!(own, "3");
    assert!(runtime.parse::<usize>().unwrap() > 10, "{printed}");
}
