//! The machine has a full disk, odd names, low limits, or others at work.

use std::fs;
use std::fs::Permissions;
use std::os::unix::ffi::OsStringExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Instant;

use codex_e2e::{Stage, is_usable, next_text};
use codex_sdk::{Condition, Error};
use codex_testkit::{Gate, Reply};
use tokio::process::Command;

use crate::scenes::{command, half_an_answer, halved};
use crate::{faults, since};

faults! {
    full_disk: "the home's disk is full" => "the condition is `NoSpace`";
    read_only: "the home is on a disk that can't be written to" => "the condition is `HomeUnwritable`";
    missing_home: "the home doesn't exist" => "`HomeMissing`, with its path";
    home_is_a_file: "the home is a file" => "`HomeMissing`, with its path";
    two_starts: "two programs start at once on a new home" => "both start";
    names: "folders with spaces, quotes, line ends, emoji and 200 letters" => "turns run there, and commands too";
    not_unicode: "a working directory whose name isn't UTF-8" => "`InvalidInput`";
    locales: "a Turkish, a C and a missing locale" => "turns run";
    no_variables: "a program without any environment variable but the home's" => "it starts";
    no_temporary: "`TMPDIR` names a folder that isn't there" => "it starts";
    few_files: "22 open files for the process" => "the condition is `TooManyOpenFiles`";
    little_memory: "2 GB of address space for the program and its runtime" => "it starts";
    cwd_removed: "the thread's folder is removed in the middle of a turn" => "the turn ends; another thread is usable";
    home_removed: "the home is removed in the middle of a turn" => "the turn ends, with an answer or an error";
    no_runtime: "there is no runtime" => "`Runtime`, which says how to install it";
    not_a_program: "the runtime is an executable text" => "`Spawn`, with its path";
}

async fn full_disk() -> String {
    on_a_disk("mount -t tmpfs -o size=64k tmpfs \"$CODEX_HOME\" && head -c 100000 /dev/zero >\"$CODEX_HOME/full\"", "NoSpace").await
}

async fn read_only() -> String {
    on_a_disk(
        "mount -t tmpfs tmpfs \"$CODEX_HOME\" && mount -o remount,ro \"$CODEX_HOME\"",
        "HomeUnwritable",
    )
    .await
}

/// What `starting` says where the home is a disk of its own, which no other program sees.
async fn on_a_disk(mount: &str, condition: &str) -> String {
    let stage = Stage::new().await.unwrap();
    let script = format!("{mount}; exec \"$0\"");
    let mut command = Command::new("unshare");
    if !nix::unistd::Uid::effective().is_root() {
        command.arg("--map-root-user");
    }
    let output = command
        .args([
            "--mount",
            "sh",
            "-c",
            &script,
            env!("CARGO_BIN_EXE_starting"),
        ])
        .envs(stage.env())
        .current_dir(stage.home.workspace())
        .output();
    let output = output.await.unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    if errors.contains("Operation not permitted") || errors.contains("ermission denied") {
        return "not tried: the machine lets nobody mount".to_owned();
    }
    assert!(
        said.starts_with(&format!("Some({condition})")),
        "{said}{errors}"
    );
    "1 of 1".to_owned()
}

async fn missing_home() -> String {
    home(|path| path.join("nowhere")).await
}

async fn home_is_a_file() -> String {
    home(|path| {
        let file = path.join("file");
        fs::write(&file, "").unwrap();
        file
    })
    .await
}

async fn home(make: impl FnOnce(&Path) -> PathBuf) -> String {
    let stage = Stage::new().await.unwrap();
    let home = make(stage.home.path());
    let start = Instant::now();
    let error = stage.builder().codex_home(&home).start().await.unwrap_err();
    assert!(matches!(error, Error::HomeMissing { .. }), "{error:?}");
    assert!(
        error.to_string().contains(home.to_str().unwrap()),
        "{error}"
    );
    since(start)
}

async fn two_starts() -> String {
    let stage = Stage::new().await.unwrap();
    let program = || {
        let program = stage.program(env!("CARGO_BIN_EXE_starting")).output();
        async move { said(&program.await.unwrap()) }
    };
    let start = Instant::now();
    let (one, two) = tokio::join!(program(), program());
    assert!(has_started(&one), "{one}");
    assert!(has_started(&two), "{two}");
    since(start)
}

async fn names() -> String {
    let (stage, codex) = Stage::with_client().await.unwrap();
    let long = "x".repeat(200);
    let names = [
        "with space",
        "it's \"quoted\"",
        "line\nend",
        "emoji 🌊 \u{202e}",
        "-rf",
        "$(touch pwned)",
        "%s;&|",
        &long,
    ];
    for name in names {
        let folder = stage.home.workspace().join(name);
        fs::create_dir(&folder).unwrap();
        let thread = codex.thread_start().cwd(&folder).await.unwrap();
        stage.model.push(command("touch here"));
        stage.model.push(Reply::text("done"));
        thread.run("go").await.unwrap();
        assert!(folder.join("here").exists(), "{name:?}");
    }
    assert!(!stage.home.workspace().join("pwned").exists());
    format!("{} folders", names.len())
}

async fn not_unicode() -> String {
    let (stage, codex) = Stage::with_client().await.unwrap();
    let name = std::ffi::OsString::from_vec(vec![b'x', 0xff]);
    let folder = stage.home.workspace().join(name);
    fs::create_dir(&folder).unwrap();
    let error = codex.thread_start().cwd(&folder).await.unwrap_err();
    assert!(matches!(error, Error::InvalidInput(_)), "{error:?}");
    "1 of 1".to_owned()
}

async fn locales() -> String {
    let locales = ["tr_TR.UTF-8", "C", "xx_YY.nonsense"];
    for locale in locales {
        let stage = Stage::new().await.unwrap();
        let builder = stage.builder().envs([("LANG", locale), ("LC_ALL", locale)]);
        let codex = builder.start().await.unwrap();
        let thread = codex.thread_start().await.unwrap();
        is_usable(&stage, &codex, &thread).await;
    }
    format!("{} of {}", locales.len(), locales.len())
}

async fn no_variables() -> String {
    let stage = Stage::new().await.unwrap();
    let mut program = Command::new(env!("CARGO_BIN_EXE_starting"));
    program.env_clear().env("CODEX_HOME", stage.home.path());
    starts(&mut program).await
}

async fn no_temporary() -> String {
    let stage = Stage::new().await.unwrap();
    let nowhere = stage.home.path().join("nowhere");
    starts(
        stage
            .program(env!("CARGO_BIN_EXE_starting"))
            .env("TMPDIR", nowhere),
    )
    .await
}

async fn starts(program: &mut Command) -> String {
    let said = said(&program.output().await.unwrap());
    assert!(has_started(&said), "{said}");
    said.trim().to_owned()
}

fn said(output: &std::process::Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn has_started(said: &str) -> bool {
    said.starts_with("started ")
}

async fn few_files() -> String {
    under("ulimit -n 22", "Some(TooManyOpenFiles)").await
}

async fn little_memory() -> String {
    under("ulimit -v 2000000", "started ").await
}

/// What `starting` says under a limit of a shell.
async fn under(limit: &str, expected: &str) -> String {
    let stage = Stage::new().await.unwrap();
    let output = Command::new("sh")
        .args([
            "-c",
            &format!("{limit}; exec \"$0\""),
            env!("CARGO_BIN_EXE_starting"),
        ])
        .current_dir(stage.home.workspace())
        .envs(stage.env())
        .output();
    let said = String::from_utf8(output.await.unwrap().stdout).unwrap();
    assert!(said.starts_with(expected), "{said}");
    let condition = said
        .strip_prefix("Some(")
        .and_then(|it| it.split(')').next());
    condition.map_or("it starts".to_owned(), |it| format!("`{it}`"))
}

async fn cwd_removed() -> String {
    let (stage, codex) = Stage::with_client().await.unwrap();
    let folder = stage.home.workspace().join("removed");
    fs::create_dir(&folder).unwrap();
    let thread = codex.thread_start().cwd(&folder).await.unwrap();
    let gate = Gate::new();
    stage
        .model
        .push(halved(&gate).then(command("echo still here")));
    stage.model.push(Reply::text("done"));
    let mut turn = thread.turn("go").await.unwrap();
    next_text(&mut turn).await.unwrap();
    fs::remove_dir_all(&folder).unwrap();
    gate.release();
    let result = turn.run().await;
    let other = codex.thread_start().await.unwrap();
    is_usable(&stage, &codex, &other).await;
    match result {
        Ok(result) => format!("{}", result.status),
        Err(error) => format!("{error}"),
    }
}

async fn home_removed() -> String {
    let (stage, codex) = Stage::with_client().await.unwrap();
    let thread = codex.thread_start().await.unwrap();
    let (turn, gate) = half_an_answer(&stage, &thread).await;
    for entry in fs::read_dir(stage.home.path()).unwrap() {
        let path = entry.unwrap().path();
        let removed = if path.is_dir() {
            fs::remove_dir_all(&path)
        } else {
            fs::remove_file(&path)
        };
        // The runtime may be quicker.
        let _ = removed;
    }
    gate.release();
    let result = turn.run().await;
    codex.close().await.unwrap();
    match result {
        Ok(result) => format!("{}", result.status),
        Err(error) => format!("{:?}", error.condition()),
    }
}

async fn no_runtime() -> String {
    let stage = Stage::new().await.unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_starting"))
        .envs(stage.env())
        .env_remove("CODEX_SDK_BIN")
        .env_remove("VIRTUAL_ENV")
        .env("CODEX_SDK_RUNTIME_DIR", stage.home.path().join("nowhere"))
        .output();
    let said = String::from_utf8(output.await.unwrap().stdout).unwrap();
    assert!(said.contains("cargo xtask runtime install"), "{said}");
    "1 of 1".to_owned()
}

async fn not_a_program() -> String {
    let stage = Stage::new().await.unwrap();
    let file = stage.home.path().join("text");
    fs::write(&file, "no program").unwrap();
    fs::set_permissions(&file, Permissions::from_mode(0o755)).unwrap();
    let error = stage.builder().codex_bin(&file).start().await.unwrap_err();
    assert!(matches!(error, Error::Spawn { .. }), "{error:?}");
    assert!(
        error.to_string().contains(file.to_str().unwrap()),
        "{error}"
    );
    assert_ne!(error.condition(), Some(Condition::ConnectionClosed));
    "1 of 1".to_owned()
}
