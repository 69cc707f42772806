//! The program that uses the SDK comes to a bad end.

use std::process::Stdio;
use std::time::{Duration, Instant};

use codex_e2e::{Stage, processes_in};
use codex_testkit::Reply;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::json;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::Command;

use crate::{faults, since};

faults! {
    killed: "the program is killed while a command of the model runs" => "the runtime and the command end";
    terminated: "the program is ended by SIGTERM, which it doesn't handle" => "the runtime and the command end";
    hung_up: "its terminal is closed (SIGHUP)" => "the runtime and the command end";
    aborted: "the program aborts" => "the runtime and the command end";
    panicked: "the program panics" => "the runtime and the command end";
    exited: "the program calls `exit` with clients open" => "the runtime and the command end";
    forgotten: "the program leaks its handles and returns from `main`" => "the runtime and the command end";
    closed_its_input: "the program closes its standard streams" => "nothing is written there; the turn goes on";
}

async fn killed() -> String {
    ends("killed", Some(Signal::SIGKILL)).await
}

async fn terminated() -> String {
    ends("terminated", Some(Signal::SIGTERM)).await
}

async fn hung_up() -> String {
    ends("hung_up", Some(Signal::SIGHUP)).await
}

async fn aborted() -> String {
    ends("aborted", None).await
}

async fn panicked() -> String {
    ends("panicked", None).await
}

async fn exited() -> String {
    ends("exited", None).await
}

async fn forgotten() -> String {
    ends("forgotten", None).await
}

/// Runs a program whose model runs a command with a child, and ends it.
async fn ends(ending: &str, signal: Option<Signal>) -> String {
    let stage = Stage::new().await.unwrap();
    let arguments = json!({ "cmd": "(sleep 3003 & wait); echo done" });
    stage
        .model
        .push(Reply::function_call("exec_command", arguments.to_string()));
    // What started the tests may have told them to ignore signals, as shells do in the background.
    let mut program = Command::new("env");
    program.args([
        "--default-signal",
        env!("CARGO_BIN_EXE_ending"),
        ending,
        "1",
    ]);
    let mut program = program
        .current_dir(stage.home.workspace())
        .envs(stage.env())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(program.stdout.take().unwrap()).lines();
    assert_eq!(lines.next_line().await.unwrap().as_deref(), Some("running"));
    let runs = || {
        processes_in(stage.home.path())
            .iter()
            .any(|it| it.contains("sleep 3003"))
    };
    until(runs).await;
    let start = Instant::now();
    if let Some(signal) = signal {
        let id = i32::try_from(program.id().unwrap()).unwrap();
        kill(Pid::from_raw(id), signal).unwrap();
    }
    // The end of its input tells it to end.
    drop(program.stdin.take());
    program.wait().await.unwrap();
    until(|| processes_in(stage.home.path()).is_empty()).await;
    since(start)
}

async fn until(holds: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !holds() {
        assert!(Instant::now() < deadline);
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

async fn closed_its_input() -> String {
    let stage = Stage::new().await.unwrap();
    stage.model.push(Reply::text("a name"));
    let result = stage.home.workspace().join("result");
    let script = format!("exec \"$0\" >\"{}\" 2>&- <&-", result.display());
    let status = Command::new("sh")
        .args(["-c", &script, env!("CARGO_BIN_EXE_starting")])
        .envs(stage.env())
        .current_dir(stage.home.workspace())
        .status();
    assert!(status.await.unwrap().success());
    let said = std::fs::read_to_string(result).unwrap();
    assert!(said.starts_with("started "), "{said}");
    "1 of 1".to_owned()
}
