//! With which arguments and in which environment the runtime runs, and that it can be ended.

use std::fs;
use std::process::Command;
use std::time::Duration;

use codex_e2e::{Stage, is_usable, processes_in};
use codex_sdk::{CloseReason, CodexBuilder, runtime};
use codex_testkit::peer::shapes;
use serde_json::json;

use crate::startup::script;

/// The arguments that the program gets.
async fn arguments(configure: impl FnOnce(CodexBuilder) -> CodexBuilder) -> Vec<String> {
    let stage = Stage::new().await.unwrap();
    let codex = runtime::locate().unwrap().codex;
    let record = r#"printf '%s\n' "$@" > arguments"#;
    let recorded = script(
        &stage,
        &format!("{record}\nexec '{}' \"$@\"", codex.display()),
    );
    let builder = configure(stage.builder().codex_bin(recorded));
    builder.start().await.unwrap().close().await.unwrap();
    let arguments = fs::read_to_string(stage.home.workspace().join("arguments"));
    arguments.unwrap().lines().map(str::to_owned).collect()
}

/// As the FAQ says of how to ship it.
#[codex_e2e_macros::test]
async fn a_package_that_was_copied_beside_a_program_is_used_by_its_executable() {
    let stage = Stage::new().await.unwrap();
    let codex = runtime::locate().unwrap().codex;
    let package = codex.ancestors().nth(2).unwrap();
    let beside = stage.home.workspace().join("codex_cli_bin");
    let mut copy = Command::new("cp");
    copy.arg("-R").args([package, &*beside]);
    assert!(copy.status().unwrap().success());
    let builder = stage.builder().codex_bin(beside.join("bin/codex"));
    let codex = builder.start().await.unwrap();
    let thread = codex.thread_start().await.unwrap();
    is_usable(&stage, &codex, &thread).await;
}

#[codex_e2e_macros::test]
async fn parity_100_launch_arguments_are_taken_as_they_are() {
    let given = [
        "app-server",
        "--config",
        "model=\"a b\"",
        "--listen",
        "stdio://",
    ];
    let got = arguments(|builder| builder.config("model", "unused").launch_args(given));
    assert_eq!(got.await, given);
}

#[codex_e2e_macros::test]
async fn parity_101_the_arguments_are_the_configuration_and_the_app_server_on_stdio() {
    let got = arguments(|builder| {
        let builder = builder.config("model", "gpt-5.5");
        builder.config("features.goals", false)
    });
    let expected = [
        "--config",
        "model=\"gpt-5.5\"",
        "--config",
        "features.goals=false",
        // So that `Thread::close` unloads.
        "--config",
        "thread_unload_delay_secs=0",
        "app-server",
        "--listen",
        "stdio://",
    ];
    assert_eq!(got.await, expected);
}

#[cfg(target_os = "linux")]
mod environment {
    use std::collections::BTreeMap;
    use std::path::PathBuf;
    use std::{env, fs};

    use codex_e2e::{Stage, only_process_in};
    use codex_sdk::{CodexBuilder, runtime};

    /// The program that runs, and its environment.
    async fn running(stage: &Stage, builder: CodexBuilder) -> (PathBuf, BTreeMap<String, String>) {
        let codex = builder.start().await.unwrap();
        let process = PathBuf::from("/proc").join(only_process_in(stage.home.path()));
        let program = fs::read_link(process.join("exe")).unwrap();
        let environment = fs::read(process.join("environ")).unwrap();
        let environment = String::from_utf8(environment).unwrap();
        let variables = environment.split_terminator('\0');
        let variables = variables.filter_map(|variable| variable.split_once('='));
        let variables = variables.map(|(key, value)| (key.to_owned(), value.to_owned()));
        codex.close().await.unwrap();
        (program, variables.collect())
    }

    #[codex_e2e_macros::test]
    async fn parity_102_105_the_pinned_runtime_runs_and_its_own_tools_come_first_once() {
        let stage = Stage::new().await.unwrap();
        let pinned = runtime::locate().unwrap();
        let own: Vec<_> = pinned.path_dir.iter().cloned().collect();
        let usual = ["/usr/bin", "/bin"].map(PathBuf::from);
        // It is there already, but not first.
        let path = env::join_paths(usual.iter().chain(&own)).unwrap();
        let builder = stage.builder().env("PATH", path);
        let (program, environment) = running(&stage, builder.clone()).await;
        assert_eq!(program, pinned.codex.canonicalize().unwrap());
        let folders: Vec<_> = env::split_paths(&environment["PATH"]).collect();
        assert_eq!(folders, [&own[..], &usual].concat());

        // What was chosen by its path has none, and the pinned one's don't go with it.
        let builder = builder.env("PATH", "/usr/bin:/bin").codex_bin(pinned.codex);
        let (_, environment) = running(&stage, builder).await;
        assert_eq!(environment["PATH"], "/usr/bin:/bin");
    }

    #[codex_e2e_macros::test]
    async fn parity_107_the_environment_is_inherited_unless_it_is_cleared_and_then_added_to() {
        let stage = Stage::new().await.unwrap();
        let builder = stage.builder().env("ADDED", "by the builder");
        let set: BTreeMap<_, _> = stage.env().into_iter().collect();
        let (_, inherited) = running(&stage, builder.clone()).await;
        for (key, value) in env::vars().filter(|(key, _)| key != "PATH") {
            let expected = set.get(&key).unwrap_or(&value);
            // A failure names the variable; its value may be nobody's business.
            assert!(inherited.get(&key) == Some(expected), "{key}");
        }
        assert_eq!(inherited["ADDED"], "by the builder");

        let (_, mut cleared) = running(&stage, builder.env_clear().env_allow(["PATH"])).await;
        assert!(cleared.remove("PATH").is_some());
        assert!(cleared.remove("CODEX_SDK_RUNTIME_MARK").is_some());
        assert_eq!(cleared.remove("ADDED").as_deref(), Some("by the builder"));
        assert!(cleared.keys().eq(set.keys()), "{:?}", cleared.keys());
        assert!(cleared == set);
    }
}

#[codex_e2e_macros::test]
async fn parity_107_s1_close_ends_a_runtime_that_reads_nothing_and_heeds_nothing() {
    let stage = Stage::new().await.unwrap();
    let reply = json!({"id": 0, "result": shapes::initialize_response()});
    let text = format!("trap '' TERM\nread line\nprintf '%s\\n' '{reply}'\nexec sleep 300");
    let deaf = stage.builder().codex_bin(script(&stage, &text));
    let codex = deaf.start().await.unwrap();
    // Far more than its pipe holds.
    let long = json!({ "text": "x".repeat(8 << 20) });
    let blocked = tokio::spawn(codex.request_raw("never/read", long).into_future());
    while codex.stats().requests_in_flight == 0 {
        tokio::task::yield_now().await;
    }
    let closed = tokio::time::timeout(Duration::from_secs(10), codex.close());
    closed.await.unwrap().unwrap();
    let error = blocked.await.unwrap().unwrap_err();
    let later = codex.models().await.unwrap_err();
    for error in [error, later] {
        let closed = error.closed().unwrap();
        assert_eq!(closed.reason, CloseReason::Requested);
        assert!(!closed.exit_status.unwrap().success());
    }
    assert_eq!(processes_in(stage.home.path()), Vec::<String>::new());
}
