//! Whatever ends the program, no process of ours is left: neither the runtime nor its tools.
#![cfg(target_os = "linux")]

use std::{
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use codex_e2e::{Stage, processes_in};
use codex_testkit::Reply;
use tokio::io::{AsyncBufReadExt, BufReader};

/// Runs a program that starts a turn with a tool command, ends it as `ending` says, and looks for
/// what is left.
async fn nothing_is_left_after(ending: &str) {
    let stage = Stage::new().await.unwrap();
    let call = Reply::function_call("exec_command", r#"{"cmd":"sleep 300"}"#);
    stage.model.push(call);
    // What started the tests may have told them to ignore interrupts, as shells do in the background.
    let mut program = tokio::process::Command::new("env");
    let mut program = program
        .args(["--default-signal=INT", env!("CARGO_BIN_EXE_ending"), ending])
        .current_dir(stage.home.workspace())
        .envs(stage.env())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(program.stdout.take().unwrap()).lines();
    let line = tokio::time::timeout(Duration::from_secs(30), lines.next_line());
    assert_eq!(line.await.unwrap().unwrap().as_deref(), Some("running"));
    // The program, the runtime, the command.
    let running = processes_in(stage.home.path());
    assert!(
        running.iter().any(|line| line.contains("sleep 300")),
        "{running:?}"
    );
    // The end of its input tells it to end.
    let input = program.stdin.take();
    let signal = match ending {
        "interrupted" => Some("-INT"),
        "killed" => Some("-KILL"),
        _ => None,
    };
    if let Some(signal) = signal {
        let id = program.id().unwrap().to_string();
        let sent = Command::new("kill").args([signal, &id]).status();
        assert!(sent.unwrap().success());
    }
    drop(input);
    let exited = tokio::time::timeout(Duration::from_secs(20), program.wait());
    exited.await.unwrap().unwrap();
    assert_gone(stage.home.path()).await;
}

async fn assert_gone(home: &Path) {
    let deadline = Instant::now() + Duration::from_secs(5);
    loop {
        let left = processes_in(home);
        if left.is_empty() {
            return;
        }
        assert!(Instant::now() < deadline, "left behind: {left:?}");
        tokio::task::yield_now().await;
    }
}

/// One test for each way a program can end.
macro_rules! endings {
    ($($(#[$doc:meta])* $name:ident)*) => {$(
        $(#[$doc])*
        #[tokio::test]
        async fn $name() {
            nothing_is_left_after(stringify!($name)).await;
        }
    )*};
}

endings! {
    closed
    dropped
    dropped_outside_the_runtime
    forgotten
    failed
    panicked
    aborted
    exited
    interrupted
    killed
}
