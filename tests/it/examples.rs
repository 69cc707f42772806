//! The examples, run as programs with a scripted model, and what they print.

use std::borrow::BorrowMut;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::{Output, Stdio};
use std::time::Duration;

use codex_e2e::{Stage, demo, left_in};
use serde_json::Value;
use tokio::process::Command;
use tokio::sync::OnceCell;

#[cfg(unix)]
mod bars;
#[cfg(unix)]
mod chat;
mod index;
mod output;
mod programs;

/// The executable of an example. `cargo test --workspace` has built it; what runs alone builds it now.
pub(crate) async fn executable(name: &str) -> PathBuf {
    static BUILT: OnceCell<BTreeMap<String, PathBuf>> = OnceCell::const_new();
    BUILT.get_or_init(build).await[name].clone()
}

/// Asks cargo for all examples of the workspace. With its programs they are those that the tests built.
async fn build() -> BTreeMap<String, PathBuf> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| env!("CARGO").into());
    let output = Command::new(cargo)
        .args(["build", "--workspace", "--examples", "--bins", "--locked"])
        .arg("--message-format=json-render-diagnostics")
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
        .stderr(Stdio::inherit())
        .output();
    let output = output.await.unwrap();
    assert!(output.status.success(), "the examples don't build");
    let messages = std::str::from_utf8(&output.stdout).unwrap().lines();
    let messages = messages.map(|line| serde_json::from_str(line).unwrap());
    let executables = messages.filter_map(|message: Value| {
        let name = message["target"]["name"].as_str()?.to_owned();
        Some((name, message["executable"].as_str()?.into()))
    });
    executables.collect()
}

pub(crate) async fn command(stage: &Stage, name: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(executable(name).await);
    command
        .args(arguments)
        .envs(stage.env())
        .current_dir(stage.home.workspace())
        .stdin(Stdio::null())
        .kill_on_drop(true);
    command
}

/// The lines that an example prints, with a placeholder for what differs from run to run.
fn lines(output: &Output, stage: &Stage) -> Vec<String> {
    let text = std::str::from_utf8(&output.stdout).unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "{}\n{text}\n{errors}",
        output.status
    );
    assert_eq!(errors, "");
    assert_eq!(left_in(stage.home.path()), Vec::<String>::new());
    text.lines().map(masked).collect()
}

/// A line with `ID` for each id, `VERSION` for the runtime's, and `N` for numbers that say how long or how much.
fn masked(line: &str) -> String {
    let varies = ["duration ", "The goal is ", "The other one was "];
    let varies = varies.iter().any(|start| line.starts_with(start));
    let words = line.split(' ').map(|word| {
        let is_id = word.len() == 36 && word.matches('-').count() == 4;
        let is_number = varies && word.parse::<u64>().is_ok();
        match (is_id, is_number) {
            (true, _) => "ID",
            (_, true) => "N",
            _ if word == codex_sdk::RUNTIME_VERSION => "VERSION",
            _ => word,
        }
    });
    words.collect::<Vec<_>>().join(" ")
}

/// Runs an example and returns what it prints.
async fn run(name: &str) -> Vec<String> {
    let stage = demo::stage(name, None).await.unwrap();
    let output = finished(command(&stage, name, &[]).await).await;
    lines(&output, &stage)
}

/// The end of a program, and what it wrote.
async fn finished(mut command: impl BorrowMut<Command>) -> Output {
    within(command.borrow_mut().output()).await.unwrap()
}

/// Waits for something that an example does.
pub(crate) async fn within<T>(event: impl Future<Output = T>) -> T {
    let limit = Duration::from_secs(60);
    tokio::time::timeout(limit, event).await.unwrap()
}
