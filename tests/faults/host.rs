//! The program that uses the SDK comes to a bad end.

use std::time::Instant;

use codex_e2e::Stage;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::Command;

use crate::scenes::{command, nothing_runs, runs};
use crate::{faults, since};

faults! {
    killed: "the program is killed while a command of the model runs" => "the runtime and the command end";
    terminated: "the program is ended by SIGTERM, which it doesn't handle" => "the runtime and the command end";
    hung_up: "its terminal is closed (SIGHUP)" => "the runtime and the command end";
    aborted: "the program aborts" => "the runtime and the command end";
    panicked: "the program panics" => "the runtime and the command end";
    exited: "the program calls `exit` with clients open" => "the runtime and the command end";
    forgotten: "the program leaks its handles and returns from `main`" => "the runtime and the command end";
    without_streams: "the program has no standard input and no standard error" => "it starts";
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
    stage.model.push(command("(sleep 3003 & wait); echo done"));
    let mut program = stage.program(env!("CARGO_BIN_EXE_ending"));
    let mut program = program.args([ending, "1"]).spawn().unwrap();
    let mut lines = BufReader::new(program.stdout.take().unwrap()).lines();
    assert_eq!(lines.next_line().await.unwrap().as_deref(), Some("running"));
    runs(stage.home.path(), "sleep 3003").await;
    let start = Instant::now();
    if let Some(signal) = signal {
        let id = i32::try_from(program.id().unwrap()).unwrap();
        kill(Pid::from_raw(id), signal).unwrap();
    }
    // The end of its input tells it to end.
    drop(program.stdin.take());
    program.wait().await.unwrap();
    nothing_runs(stage.home.path()).await;
    since(start)
}

async fn without_streams() -> String {
    let stage = Stage::new().await.unwrap();
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
