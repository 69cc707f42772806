//! The threads at once, in a terminal.

use std::process::Command;

use codex_e2e::demo;
use rexpect::session::spawn_command;

use crate::examples::executable;

#[codex_e2e_macros::test(flavor = "multi_thread")]
async fn concurrency_leaves_each_answer_in_a_terminal_that_is_too_low_for_its_bars() {
    let stage = demo::stage("concurrency", None).await.unwrap();
    let mut command = Command::new("sh");
    command
        .args(["-c", r#"stty cols 70 rows 5; exec "$0" 8"#])
        .arg(executable("concurrency").await)
        .envs(stage.env())
        .env("TERM", "xterm")
        .current_dir(stage.home.workspace());
    let printed = tokio::task::block_in_place(|| {
        let mut program = spawn_command(command, Some(60_000)).unwrap();
        program.exp_eof().unwrap()
    });
    // The session reads each byte as a character.
    let printed = printed.chars().map(|c| u8::try_from(c).unwrap()).collect();
    let printed = String::from_utf8(printed).unwrap();
    for number in 1..=8 {
        let line = format!("✓ thread {number}   It is known to every child.");
        assert!(printed.contains(&line), "{line}\n{printed}");
    }
    assert!(printed.contains("/8 answered"), "{printed}");
    let end = "All 8 threads ran at once, on one client.\r\n";
    assert!(printed.ends_with(end), "{printed}");
    // What is there already isn't printed again.
    assert!(!printed.contains("thread 1: "), "{printed}");
}
