//! What stands in the way of a start: each a typed error in time, and no process is left.
#![cfg(unix)]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use codex_e2e::{Stage, left_in};
use codex_sdk::{CloseReason, CodexBuilder, Error, RUNTIME_VERSION, runtime};
use codex_testkit::Reply;

/// Starts a client that can't be started, and checks what must hold of any failure.
async fn failure(stage: &Stage, builder: CodexBuilder) -> Error {
    let begun = Instant::now();
    let error = builder.start().await.unwrap_err();
    assert!(
        begun.elapsed() < Duration::from_secs(10),
        "{:?}",
        begun.elapsed()
    );
    assert_eq!(left_in(stage.home.path()), Vec::<String>::new());
    error
}

/// An executable script in the stage's workspace.
pub(crate) fn script(stage: &Stage, text: &str) -> PathBuf {
    let path = stage.home.workspace().join("codex");
    fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path
}

/// The real runtime, with another version in its answer to the handshake.
pub(crate) fn disguised(stage: &Stage, version: &str) -> PathBuf {
    let codex = runtime::locate().unwrap().codex;
    let pinned = RUNTIME_VERSION.replace('.', "\\.");
    let disguise = format!("sed -u 's|/{pinned} |/{version} |'");
    script(stage, &format!("'{}' \"$@\" | {disguise}", codex.display()))
}

#[codex_e2e_macros::test]
async fn parity_103_a_missing_codex_bin() {
    let stage = Stage::new().await.unwrap();
    let error = failure(&stage, stage.builder().codex_bin("/no/such/codex")).await;
    assert!(matches!(error, Error::Runtime(_)), "{error:?}");
    assert!(error.to_string().contains("/no/such/codex"), "{error}");
    assert!(error.to_string().contains("codex_bin"), "{error}");
}

#[codex_e2e_macros::test]
async fn a_codex_bin_that_says_nothing() {
    let stage = Stage::new().await.unwrap();
    let silent = script(&stage, "exec sleep 300");
    // The default, 8 s, is for machines that are busier than a test should have to wait for.
    let builder = stage.builder().startup_timeout(Duration::from_secs(1));
    let error = failure(&stage, builder.codex_bin(silent)).await;
    assert!(matches!(error, Error::Handshake { .. }), "{error:?}");
    assert!(error.is_timeout());
    assert!(
        error
            .to_string()
            .contains("check that it is a Codex runtime"),
        "{error}"
    );
}

#[codex_e2e_macros::test]
async fn a_codex_bin_that_repeats_what_it_hears() {
    let stage = Stage::new().await.unwrap();
    let error = failure(
        &stage,
        stage.builder().codex_bin("/bin/cat").launch_args([""; 0]),
    )
    .await;
    assert!(matches!(error, Error::Handshake { .. }), "{error:?}");
}

#[codex_e2e_macros::test]
async fn a_runtime_that_dies_during_the_handshake() {
    let stage = Stage::new().await.unwrap();
    let dying = script(&stage, "read line; echo 'out of luck' >&2; exit 3");
    let error = failure(&stage, stage.builder().codex_bin(dying)).await;
    assert!(matches!(error, Error::Handshake { .. }), "{error:?}");
    assert!(error.to_string().contains("out of luck"), "{error}");
    let closed = error.closed().unwrap();
    assert_eq!(closed.reason, CloseReason::Ended);
    assert_eq!(closed.exit_status.unwrap().code(), Some(3));
}

#[codex_e2e_macros::test]
async fn a_home_that_does_not_exist() {
    let stage = Stage::new().await.unwrap();
    let missing = stage.home.workspace().join("nowhere");
    let error = failure(&stage, stage.builder().codex_home(&missing)).await;
    assert!(
        matches!(&error, Error::HomeMissing { path, .. } if *path == missing),
        "{error:?}"
    );
}

#[codex_e2e_macros::test]
async fn a_runtime_that_refuses_its_arguments_is_quoted() {
    let stage = Stage::new().await.unwrap();
    let error = failure(&stage, stage.builder().launch_args(["--no-such-flag"])).await;
    assert!(error.to_string().contains("--no-such-flag"), "{error}");
}

#[codex_e2e_macros::test]
async fn a_flood_on_stderr_without_a_line_end_stops_nothing() {
    let stage = Stage::new().await.unwrap();
    let codex = runtime::locate().unwrap().codex;
    let flood = "head -c 10000000 /dev/zero | tr '\\0' x >&2";
    let noisy = script(
        &stage,
        &format!("{flood}\nexec '{}' \"$@\"", codex.display()),
    );
    stage.model.push(Reply::text("heard"));
    let codex = stage.builder().codex_bin(noisy).start().await.unwrap();
    let thread = codex.thread_start().await.unwrap();
    let result = thread.run("hello").await.unwrap();
    assert_eq!(result.final_response.as_deref(), Some("heard"));
}

#[codex_e2e_macros::test]
async fn parity_104_without_a_runtime_the_error_names_the_call_and_the_command() {
    let stage = Stage::new().await.unwrap();
    // Located in this process, whose environment a test can't change: a child does it.
    let empty = tempfile::tempdir_in(stage.home.workspace()).unwrap();
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_ending"))
        .env("CODEX_SDK_RUNTIME_DIR", empty.path())
        .env_remove("CODEX_SDK_BIN")
        .env_remove("VIRTUAL_ENV")
        .env_remove("CONDA_PREFIX")
        .output()
        .unwrap();
    assert!(!output.status.success());
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(error.contains("install_runtime(true)"), "{error}");
    assert!(error.contains("codex-cli-bin install"), "{error}");
}
