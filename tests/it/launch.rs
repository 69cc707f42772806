//! What the program is started with.
#![cfg(unix)]

use std::{fs, os::unix::fs::PermissionsExt};

use codex_e2e::Stage;

/// Starts a program that only notes how it was started; returns its lines.
async fn noted(
    stage: &Stage,
    configure: impl FnOnce(codex_sdk::CodexBuilder) -> codex_sdk::CodexBuilder,
) -> Vec<String> {
    let workspace = stage.home.workspace();
    let program = workspace.join("codex");
    let script = r#"#!/bin/sh
pwd >"$NOTE"
echo "$GREETING" >>"$NOTE"
for arg in "$@"; do echo "$arg" >>"$NOTE"; done
"#;
    fs::write(&program, script).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    let note = workspace.join("note");
    let builder = stage.builder().codex_bin(program).env("NOTE", &note);
    configure(builder).start().await.unwrap_err();
    let note = fs::read_to_string(note).unwrap();
    note.lines().map(str::to_owned).collect()
}

#[tokio::test]
async fn parity_101_107_the_program_gets_its_configuration_folder_and_environment() {
    let stage = Stage::new().await.unwrap();
    let folder = stage.home.workspace().join("folder");
    fs::create_dir(&folder).unwrap();
    let lines = noted(&stage, |builder| {
        builder
            .cwd(&folder)
            .env("GREETING", "hello there")
            .config("features.goals", false)
            .config("model", "a model")
    });
    let expected = [
        folder.to_str().unwrap(),
        "hello there",
        "--config",
        "features.goals=false",
        "--config",
        "model=\"a model\"",
        "app-server",
        "--listen",
        "stdio://",
    ];
    assert_eq!(lines.await, expected);
}

#[tokio::test]
async fn parity_100_arguments_that_are_given_replace_all_others() {
    let stage = Stage::new().await.unwrap();
    let lines = noted(&stage, |builder| {
        builder
            .config("model", "a model")
            .launch_args(["-a", "b c"])
    });
    assert_eq!(lines.await[2..], ["-a", "b c"]);
}
