//! Starts in homes and on machines that aren't ideal.
#![cfg(target_os = "linux")]

use std::fs;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Duration;

use codex_e2e::{Stage, left_in};
use codex_sdk::{Condition, Error};
use codex_testkit::Reply;
use tokio::process::Command;
use tokio::task::JoinSet;

use crate::startup::script;

/// Threads that a runtime takes seconds to index.
const MANY: usize = 1000;

#[codex_e2e_macros::test]
async fn twelve_first_starts_on_one_home_all_succeed() {
    let stage = Stage::new().await.unwrap();
    let mut starts: JoinSet<_> = (0..12)
        .map(|_| stage.builder().start().into_future())
        .collect();
    while let Some(start) = starts.join_next().await {
        start.unwrap().unwrap();
    }
}

#[codex_e2e_macros::test]
async fn a_start_that_indexes_its_home_is_waited_for_and_a_deadline_says_what_it_cut_off() {
    let stage = Stage::new().await.unwrap();
    stage.model.default_reply(Reply::text("yes"));
    let codex = stage.child().await.unwrap();
    let thread = codex.thread_start().await.unwrap();
    thread.run("Yes?").await.unwrap();
    let id = thread.id().to_owned();
    codex.close().await.unwrap();
    let rollout = rollout_in(stage.home.path());
    let text = fs::read_to_string(&rollout).unwrap();
    let name = rollout.to_str().unwrap();
    for number in 0..MANY {
        let copy = format!("{}{number:012x}", &id[..24]);
        fs::write(name.replace(&id, &copy), text.replace(&id, &copy)).unwrap();
    }
    forget_index(stage.home.path());
    let start = stage
        .builder()
        .startup_timeout(Duration::from_millis(500))
        .start();
    let error = start.await.unwrap_err();
    assert_eq!(
        error.condition(),
        Some(Condition::StillStarting),
        "{error:?}"
    );
    assert!(
        error.to_string().contains("locked for up to 15 min"),
        "{error}"
    );
    assert_eq!(left_in(stage.home.path()), Vec::<String>::new());

    // Without what the one above has locked.
    forget_index(stage.home.path());
    let codex = stage.start().await.unwrap();
    let mut threads = codex.thread_list().limit(100).stream();
    let mut count = 0;
    while let Some(thread) = threads.next().await {
        thread.unwrap();
        count += 1;
    }
    assert_eq!(count, MANY + 1);
}

#[codex_e2e_macros::test]
async fn a_runtime_that_works_for_longer_than_an_idle_one_may_take_is_waited_for() {
    let stage = Stage::new().await.unwrap();
    let runtime = codex_testkit::runtime().unwrap();
    let busy = format!(
        "end=$(($(date +%s) + 10)); while [ $(date +%s) -lt $end ]; do :; done; exec '{}' \"$@\"",
        runtime.codex.display()
    );
    let codex = stage
        .builder()
        .codex_bin(script(&stage, &busy))
        .start()
        .await
        .unwrap();
    codex.close().await.unwrap();
}

#[codex_e2e_macros::test]
async fn a_program_that_does_nothing_is_given_up_without_a_deadline() {
    let stage = Stage::new().await.unwrap();
    let error = stage
        .builder()
        .codex_bin(script(&stage, "exec sleep 300"))
        .start()
        .await;
    let error = error.unwrap_err();
    assert!(
        error.is_timeout() && error.condition().is_none(),
        "{error:?}"
    );
    assert_eq!(left_in(stage.home.path()), Vec::<String>::new());
}

/// The one rollout of a home.
fn rollout_in(home: &Path) -> PathBuf {
    let mut folders = vec![home.join("sessions")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if !path.is_dir() {
                return path;
            }
            folders.push(path);
        }
    }
    panic!("no rollout");
}

/// Makes a home one that a newer runtime is started on for the first time.
fn forget_index(home: &Path) {
    for entry in fs::read_dir(home).unwrap() {
        let path = entry.unwrap().path();
        if path.to_str().unwrap().contains(".sqlite") {
            fs::remove_file(path).unwrap();
        }
    }
}

#[codex_e2e_macros::test]
async fn a_home_whose_database_is_damaged_says_so() {
    let stage = Stage::new().await.unwrap();
    stage.start().await.unwrap().close().await.unwrap();
    // One that is merely garbled it makes anew by itself.
    for entry in fs::read_dir(stage.home.path()).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|it| it == "sqlite") {
            fs::remove_file(&path).unwrap();
            fs::create_dir(&path).unwrap();
        }
    }
    let start = stage
        .builder()
        .startup_timeout(Duration::from_secs(1))
        .start();
    let error = start.await.unwrap_err();
    assert_eq!(
        error.condition(),
        Some(Condition::HomeDatabase),
        "{error:?}"
    );
    assert!(error.to_string().contains("`*.sqlite*`"), "{error}");
    assert!(!error.to_string().contains("check that it is"), "{error}");

    // The way out that the message names.
    for entry in fs::read_dir(stage.home.path()).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if name.contains(".sqlite") {
            fs::rename(&path, stage.home.workspace().join(name)).unwrap();
        }
    }
    stage.start().await.unwrap();
}

#[codex_e2e_macros::test]
async fn a_value_of_the_wrong_type_is_named() {
    let stage = Stage::new().await.unwrap();
    let error = stage
        .builder()
        .config("features", 3)
        .start()
        .await
        .unwrap_err();
    assert_eq!(
        error.condition(),
        Some(Condition::ConfigInvalid),
        "{error:?}"
    );
    let text = error.to_string();
    assert!(
        text.contains("in `features`") && !text.contains("backtrace"),
        "{text}"
    );
}

#[codex_e2e_macros::test]
async fn a_machine_that_lets_a_process_open_too_few_files_says_so() {
    let stage = Stage::new().await.unwrap();
    let said = starting(&stage, "ulimit -n 22; exec \"$0\"").await;
    assert!(said.starts_with("Some(TooManyOpenFiles)"), "{said}");
    assert!(said.contains("ulimit -n"), "{said}");
}

#[codex_e2e_macros::test]
async fn arguments_that_the_system_refuses_have_their_own_words() {
    let stage = Stage::new().await.unwrap();
    let long = "x".repeat(4 * 1024 * 1024);
    let start = stage
        .builder()
        .config("developer_instructions", long)
        .start();
    let error = start.await.unwrap_err();
    assert!(matches!(error, Error::Spawn { .. }), "{error:?}");
    let text = error.to_string();
    assert!(
        text.contains("too long") && !text.contains("executable"),
        "{text}"
    );
}

#[codex_e2e_macros::test]
async fn a_start_that_is_given_up_while_it_installs_holds_no_program() {
    let stage = Stage::new().await.unwrap();
    let folder = stage.home.path().join("runtimes");
    fs::create_dir_all(folder.join("runtime")).unwrap();
    // Somebody else is installing.
    let locks = [
        folder.join("install.lock"),
        folder.join("runtime/install.lock"),
    ];
    let locks = locks.map(|path| File::create(path).unwrap());
    for lock in &locks {
        lock.lock().unwrap();
    }
    let program = Command::new(env!("CARGO_BIN_EXE_starting"))
        .arg("given-up")
        .envs(stage.env())
        .env_remove("CODEX_SDK_BIN")
        .env("CODEX_SDK_RUNTIME_DIR", &folder)
        .output();
    let output = tokio::time::timeout(Duration::from_secs(10), program).await;
    assert_eq!(output.unwrap().unwrap().stdout, b"given up\n");
}

/// What `starting` says under a shell's command.
async fn starting(stage: &Stage, command: &str) -> String {
    let output = Command::new("sh")
        .args(["-c", command, env!("CARGO_BIN_EXE_starting")])
        .current_dir(stage.home.workspace())
        .envs(stage.env())
        .output();
    String::from_utf8(output.await.unwrap().stdout).unwrap()
}
