//! What is given to the runtime arrives as it was meant, or is refused before anything is started.

use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use codex_e2e::Stage;
use codex_sdk::types::ConfigReadParams;
use codex_sdk::{Codex, CodexBuilder, Error, RUNTIME_VERSION, runtime};
use codex_testkit::Reply;
use serde_json::{Value, json};

use crate::secrets::shown::{Shown, capture};
use crate::startup::script;

/// A folder of a name that isn't UTF-8, below this one.
fn no_utf8(below: &Path) -> PathBuf {
    let folder = below.join(OsString::from_vec(b"not-\xff-utf8".to_vec()));
    fs::create_dir(&folder).unwrap();
    folder
}

/// A program that starts a client as the environment says, and closes it.
fn program(stage: &Stage) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ending"));
    command
        .args(["closed", "0"])
        .current_dir(stage.home.workspace())
        .envs(stage.env())
        .stdin(Stdio::null());
    command
}

/// Starts what must be refused, and checks that nothing was started for it.
async fn refused(stage: &Stage, builder: CodexBuilder) -> String {
    // Whatever is started says so.
    let started = stage.home.workspace().join("started");
    let codex = script(stage, &format!("touch '{}'", started.display()));
    let error = builder.codex_bin(codex).start().await.unwrap_err();
    assert!(matches!(error, Error::InvalidInput(_)), "{error:?}");
    assert!(!started.exists());
    error.to_string()
}

#[codex_e2e_macros::test]
async fn folders_that_are_not_utf8_are_refused() {
    let stage = Stage::new().await.unwrap();
    let folder = no_utf8(stage.home.workspace());
    let link = stage.home.workspace().join("link");
    std::os::unix::fs::symlink(&folder, &link).unwrap();
    for folder in [&folder, &link] {
        let error = refused(&stage, stage.builder().cwd(folder)).await;
        assert!(error.contains("`cwd`"), "{error}");
        let error = refused(&stage, stage.builder().codex_home(folder)).await;
        assert!(error.contains("`CODEX_HOME`"), "{error}");
    }
    // The folder of the program, and a home that it inherits.
    let in_folder = program(&stage).current_dir(&folder).output().unwrap();
    let with_home = program(&stage).env("CODEX_HOME", &folder).output().unwrap();
    for output in [in_folder, with_home] {
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(error.contains("is not valid UTF-8"), "{error}");
    }
    // So is that of a thread, of a turn, and of a server.
    let codex = stage.start().await.unwrap();
    let nul = Path::new("a\0b");
    for path in [&*folder, nul] {
        let error = codex.thread_start().cwd(path).await.unwrap_err();
        assert!(matches!(error, Error::InvalidInput(_)), "{error:?}");
        let thread = codex.thread_start().await.unwrap();
        let error = thread.run("hello").cwd(path).await.unwrap_err();
        assert!(matches!(error, Error::InvalidInput(_)), "{error:?}");
    }
}

#[codex_e2e_macros::test]
async fn variables_arguments_and_paths_that_no_process_can_be_given_are_refused() {
    let stage = Stage::new().await.unwrap();
    let builder = || stage.builder();
    let secret = "sk-secret\0";
    for refusal in [
        builder().env("", "v"),
        builder().env("A=B", "v"),
        builder().env("A\0", "v"),
        builder().envs([("TOKEN", secret)]),
        builder().codex_home(""),
        builder().cwd("a\0b"),
        builder().launch_args(["app-server", secret]),
        builder().client_info("a\u{1b}b", "title", "1"),
    ] {
        let error = refused(&stage, refusal).await;
        assert!(!error.contains("sk-secret"), "{error}");
    }
    // What no rule of the runtime's speaks against is passed on.
    let bytes = OsString::from_vec(b"\xff".to_vec());
    let codex = builder()
        .env("BYTES", bytes)
        .client_info("n/\u{e9}", "", "");
    let codex = codex.start().await.unwrap();
    assert_eq!(codex.metadata().server_version, RUNTIME_VERSION);
    assert_eq!(codex.metadata().server_name, "n/\u{e9}");
}

/// What is logged while this client starts. Its future must be polled on this thread.
pub(crate) async fn logged(builder: CodexBuilder) -> (Codex, String) {
    let shown = Shown::default();
    let _guards = capture(&shown);
    let codex = builder.start().await.unwrap();
    (codex, shown.take())
}

#[codex_e2e_macros::test]
async fn a_home_that_the_runtime_does_not_take_is_logged() {
    let stage = Stage::new().await.unwrap();
    let other = tempfile::tempdir_in(stage.home.workspace()).unwrap();
    let config = stage.home.config().unwrap();
    fs::write(other.path().join("config.toml"), config).unwrap();
    let codex = runtime::locate().unwrap().codex;
    let set = format!("CODEX_HOME='{}'", other.path().display());
    let run = script(&stage, &format!("{set} exec '{}' \"$@\"", codex.display()));
    let (codex, log) = logged(stage.builder().codex_bin(run)).await;
    assert_eq!(Path::new(&codex.metadata().codex_home), other.path());
    let home = stage.home.path().display().to_string();
    for part in ["uses another home", &home, &codex.metadata().codex_home] {
        assert!(log.contains(part), "{log}");
    }
    codex.close().await.unwrap();

    // The same home by another path is the same home.
    let link = stage.home.workspace().join("home");
    std::os::unix::fs::symlink(stage.home.path(), &link).unwrap();
    let (codex, log) = logged(stage.builder().codex_home(&link)).await;
    assert!(!log.contains("WARN"), "{log}");
    let used = &codex.metadata().codex_home;
    assert_eq!(Path::new(used), stage.home.path().canonicalize().unwrap());
}

pub(crate) async fn configuration(codex: &Codex) -> Value {
    let read = codex.request(ConfigReadParams::default()).await.unwrap();
    serde_json::to_value(read).unwrap()["config"].take()
}

#[codex_e2e_macros::test]
async fn keys_of_the_configuration_with_quotes_and_dots_arrive() {
    let stage = Stage::new().await.unwrap();
    let theirs = "[projects.\"/srv/theirs.d\"]\ntrust_level = 'trusted'";
    stage.home.merge_config(theirs).unwrap();
    let codex = stage
        .builder()
        .config("projects.\"/srv/a.b\".trust_level", "trusted")
        .config("projects.'/srv/c=d'.trust_level", "untrusted")
        .config("shell_environment_policy.set.PLAIN", "1")
        .config("shell_environment_policy.set.\"A.B\"", "it's \"so\"")
        .config("features.goals", false)
        .config(
            "mcp_servers",
            json!({ "x": { "command": "true", "enabled": false } }),
        )
        .start()
        .await
        .unwrap();
    let config = configuration(&codex).await;
    let projects = &config["projects"];
    assert_eq!(projects["/srv/a.b"]["trust_level"], "trusted");
    assert_eq!(projects["/srv/c=d"]["trust_level"], "untrusted");
    assert_eq!(projects["/srv/theirs.d"]["trust_level"], "trusted");
    let set = &config["shell_environment_policy"]["set"];
    assert_eq!(set, &json!({ "PLAIN": "1", "A.B": "it's \"so\"" }));
    assert_eq!(config["features"]["goals"], false);
    assert_eq!(config["mcp_servers"]["x"]["command"], "true");
}

#[codex_e2e_macros::test]
async fn keys_of_the_configuration_that_would_be_misapplied_are_refused() {
    let stage = Stage::new().await.unwrap();
    for key in [
        "projects./srv/a.b.trust_level",
        "a b",
        "a=b",
        "",
        "a..b",
        "\"a.b\".c",
    ] {
        let error = refused(&stage, stage.builder().config(key, 1)).await;
        assert!(error.contains("`config`"), "{error}");
    }
    let error = refused(&stage, stage.builder().config("a", u64::MAX)).await;
    assert!(error.contains("64 bits"), "{error}");
    // So is a key of a thread's, which the runtime splits in the same way.
    let codex = stage.start().await.unwrap();
    let quoted = json!({ "projects.\"/srv/a.b\".trust_level": "trusted" });
    let error = codex.thread_start().config(quoted).await.unwrap_err();
    assert!(matches!(error, Error::InvalidInput(_)), "{error:?}");
    let nested = json!({ "projects": { "/srv/a.b": { "trust_level": "trusted" } } });
    codex.thread_start().config(nested).await.unwrap();
}

#[codex_e2e_macros::test]
async fn the_marks_of_a_surrounding_session_stay_behind_unless_asked_for() {
    let stage = Stage::new().await.unwrap();
    let codex = runtime::locate().unwrap().codex;
    let record = format!("env > environment\nexec '{}' \"$@\"", codex.display());
    let recorded = script(&stage, &record);
    let marks = [
        ("CODEX_INTERNAL_ORIGINATOR_OVERRIDE", "Codex Desktop"),
        ("CODEX_SANDBOX", "seatbelt"),
        ("CODEX_SANDBOX_NETWORK_DISABLED", "1"),
        ("CODEX_THREAD_ID", "outer"),
        ("CODEX_SESSION_ID", "outer"),
        ("CODEX_TOOL_CALL_ID", "outer"),
        ("CODEX_CI", "1"),
        ("CODEX_VERSION", "0.1.0"),
    ];
    let output = program(&stage)
        .env("CODEX_SDK_BIN", &recorded)
        .envs(marks)
        .env("KEPT", "yes")
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let environment = || {
        let lines = fs::read_to_string(stage.home.workspace().join("environment")).unwrap();
        let lines = lines.lines().map(str::to_owned);
        lines.collect::<Vec<_>>()
    };
    let names = |lines: Vec<String>| {
        let names = lines.into_iter();
        let names = names.filter_map(|line| Some(line.split_once('=')?.0.to_owned()));
        names.collect::<Vec<_>>()
    };
    let inherited = names(environment());
    assert!(inherited.contains(&"KEPT".to_owned()));
    for (mark, _) in marks {
        assert!(!inherited.contains(&mark.to_owned()), "{mark}");
    }

    let asked = stage
        .builder()
        .codex_bin(recorded)
        .envs(marks)
        .env("GONE", "1")
        .env_remove("GONE")
        .env_remove("LANG")
        .env_remove("BACK")
        .env("BACK", "1");
    let codex = asked.start().await.unwrap();
    assert_eq!(codex.metadata().server_name, "Codex Desktop");
    codex.close().await.unwrap();
    let given = environment();
    for (mark, value) in marks {
        assert!(given.contains(&format!("{mark}={value}")), "{mark}");
    }
    let given = names(given);
    assert!(given.contains(&"BACK".to_owned()));
    for removed in ["GONE", "LANG"] {
        assert!(!given.contains(&removed.to_owned()), "{removed}");
    }
}

/// What the runtime tells the commands of the model about itself: a newer one may have more to leave behind.
#[codex_e2e_macros::test]
async fn every_mark_that_the_runtime_sets_is_known() {
    let stage = Stage::new().await.unwrap();
    let command = json!({ "cmd": "env > environment", "login": false });
    stage
        .model
        .push(Reply::function_call("exec_command", command.to_string()));
    stage.model.push(Reply::text("done"));
    let codex = stage.start().await.unwrap();
    let thread = codex.thread_start().await.unwrap();
    thread.run("Look around.").await.unwrap();
    let environment = fs::read_to_string(stage.home.workspace().join("environment")).unwrap();
    // With all of these in its environment a program starts a runtime that has none of them.
    let codex = runtime::locate().unwrap().codex;
    let record = format!("env > again\nexec '{}' \"$@\"", codex.display());
    let variables = environment.lines().filter_map(|line| line.split_once('='));
    let variables = variables.filter(|(name, _)| name.starts_with("CODEX_"));
    let variables: Vec<_> = variables.collect();
    let output = program(&stage)
        .envs(variables.iter().copied())
        .env("CODEX_SDK_BIN", script(&stage, &record))
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let again = fs::read_to_string(stage.home.workspace().join("again")).unwrap();
    let again = again.lines().filter_map(|line| line.split_once('='));
    let mut left: Vec<_> = again.map(|(name, _)| name).collect();
    left.retain(|name| name.starts_with("CODEX_"));
    left.sort_unstable();
    let ours = [
        "CODEX_APP_SERVER_DISABLE_MANAGED_CONFIG",
        "CODEX_HOME",
        "CODEX_SDK_BIN",
        "CODEX_SDK_RUNTIME_DIR",
        "CODEX_SDK_RUNTIME_MARK",
    ];
    assert_eq!(left, ours);
    assert!(variables.iter().any(|(name, _)| *name == "CODEX_THREAD_ID"));
}

#[codex_e2e_macros::test]
async fn the_path_has_no_empty_entries() {
    let stage = Stage::new().await.unwrap();
    let pinned = runtime::locate().unwrap();
    let own = pinned.path_dir.unwrap();
    let own = own.to_str().unwrap();
    let runtimes = stage
        .env()
        .into_iter()
        .collect::<std::collections::BTreeMap<_, _>>();
    let runtimes = &runtimes["CODEX_SDK_RUNTIME_DIR"];
    for (path, expected) in [
        (None, own.to_owned()),
        (Some(""), own.to_owned()),
        (Some("/usr/bin::/bin:"), format!("{own}:/usr/bin:/bin")),
    ] {
        let mut builder = stage
            .builder()
            .env_clear()
            .env("CODEX_SDK_RUNTIME_DIR", runtimes);
        if let Some(path) = path {
            builder = builder.env("PATH", path);
        }
        let codex = builder.start().await.unwrap();
        let process = codex_e2e::only_process_in(stage.home.path());
        let environment = fs::read(format!("/proc/{process}/environ")).unwrap();
        let environment = String::from_utf8(environment).unwrap();
        let mut variables = environment.split('\0');
        let found = variables.find_map(|variable| variable.strip_prefix("PATH="));
        assert_eq!(found, Some(&*expected));
        codex.close().await.unwrap();
    }
}
