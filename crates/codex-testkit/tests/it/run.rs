//! The command `codex-testkit run`.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

/// A folder with a script.
struct Stage(TempDir);

impl Stage {
    fn new(script: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("script.json"), script).unwrap();
        Self(folder)
    }

    /// `codex-testkit run OPTIONS script.json -- PROGRAM`.
    fn run(&self, options: &[&str], program: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_codex-testkit"));
        command
            .arg("run")
            .args(options)
            .arg("script.json")
            .arg("--");
        command.args(program).current_dir(&self.0);
        command.stdin(Stdio::null());
        command
    }

    fn sh(&self, program: &str) -> Output {
        self.run(&[], &["sh", "-c", program]).output().unwrap()
    }
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

#[test]
fn a_bare_codex_asks_the_script() {
    let script = r#"[
        {"all": ["Let me see.", {"call": "exec_command", "arguments": {"cmd": "echo > made"}}]},
        "Made."
    ]"#;
    let stage = Stage::new(script);
    let config = "sandbox_mode = 'danger-full-access'";
    let program = [
        "sh",
        "-c",
        "codex exec --skip-git-repo-check go && ls && pwd",
    ];

    let options = ["--workspace", "--config", config];
    let output = stage.run(&options, &program).output().unwrap();

    assert!(output.status.success(), "{output:?}");
    let lines: Vec<_> = text(&output.stdout).lines().collect();
    assert_eq!(lines[..2], ["Made.", "made"]);
    assert!(!Path::new(lines[2]).exists(), "the workspace is left");
    let report = "codex-testkit: the model got 2 requests; no reply was left over.\n";
    assert!(text(&output.stderr).ends_with(report), "{output:?}");
}

/// The first block of docs/testing-your-app.md that is shell and not the installation, as it stands there.
#[test]
fn the_page_shows_what_works() {
    let page = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../docs/testing-your-app.md"
    );
    let page = fs::read_to_string(page).unwrap();
    let (_, page) = page.split_once("## From the shell").unwrap();
    let (_, block) = page.split_once("```sh\ncargo install").unwrap();
    let (_, block) = block.split_once('\n').unwrap();
    let (block, page) = block.split_once("```").unwrap();
    let folder = Path::new(env!("CARGO_BIN_EXE_codex-testkit")).parent();
    let path = format!(
        "{}:{}",
        folder.unwrap().display(),
        std::env::var("PATH").unwrap()
    );
    let stage = tempfile::tempdir().unwrap();

    let mut command = Command::new("sh");
    let command = command.args(["-c", block]).env("PATH", path);
    let output = command.current_dir(&stage).stdin(Stdio::null()).output();

    let output = output.unwrap();
    assert_eq!(text(&output.stdout), "It is empty.\n", "{output:?}");
    // What it prints, with the session's settings left out; `…` stands for a folder.
    let (_, shown) = page.split_once("```text\n").unwrap();
    let (shown, _) = shown.split_once("\n```").unwrap();
    let mut printed = text(&output.stderr).lines();
    for line in shown.lines() {
        let (start, end) = line.split_once('…').unwrap_or((line, line));
        // The answer is on stdout, too.
        let is_it = |it: &str| it.starts_with(start) && it.ends_with(end);
        assert!(printed.any(is_it), "{line:?} in {output:?}");
    }
    assert_eq!(printed.next(), None);
}

#[test]
fn a_program_without_a_reply_is_reported_or_gets_the_default() {
    let stage = Stage::new("[]");
    let program = ["codex", "exec", "--skip-git-repo-check", "go"];

    let output = stage.run(&[], &program).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let report = "the model got 1 request; 1 found no reply left. Add replies or a default.\n";
    assert!(text(&output.stderr).ends_with(report), "{output:?}");

    let output = stage
        .run(&["--default", "More."], &program)
        .output()
        .unwrap();
    assert_eq!(text(&output.stdout), "More.\n");
    let report = "the model got 1 request; 1 got the default reply.\n";
    assert!(text(&output.stderr).ends_with(report), "{output:?}");
}

#[test]
fn a_program_has_the_environment_of_a_home_that_is_gone_afterwards() {
    let stage = Stage::new(r#"["a", "b"]"#);

    let output =
        stage.sh(r#"cat "$CODEX_HOME/config.toml"; echo; command -v codex; echo $CODEX_HOME; pwd"#);

    let stdout = text(&output.stdout);
    let lines: Vec<_> = stdout.lines().rev().take(3).collect();
    let [folder, home, codex] = lines[..] else {
        panic!("{stdout}");
    };
    assert_eq!(
        PathBuf::from(folder),
        stage.0.path().canonicalize().unwrap()
    );
    assert!(
        stdout.contains("base_url = \"http://127.0.0.1:"),
        "{stdout}"
    );
    assert_eq!(Path::new(codex), codex_testkit::runtime().unwrap().codex);
    assert!(!Path::new(home).exists());
    let report = "codex-testkit: the model got 0 requests; 2 of 2 replies left over.\n";
    assert_eq!(text(&output.stderr), report);
}

#[test]
fn the_exit_code_is_the_programs_or_that_of_a_shell() {
    let stage = Stage::new("[]");
    assert_eq!(stage.sh("exit 3").status.code(), Some(3));
    assert_eq!(stage.sh("kill -9 $$").status.code(), Some(128 + 9));

    let output = stage.run(&["--quiet"], &["true"]).output().unwrap();
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), ""));
    let output = stage.run(&[], &["no-such-program"]).output().unwrap();
    assert_eq!(output.status.code(), Some(127), "{output:?}");
    let output = stage.run(&[], &["./script.json"]).output().unwrap();
    assert_eq!(output.status.code(), Some(126), "{output:?}");
}

#[test]
fn a_signal_goes_to_the_program_and_nothing_is_left() {
    let stage = Stage::new("[]");
    // The background process keeps the pipe open for as long as it lives.
    let program = r#"
        trap 'echo told; exit 7' TERM
        (trap '' TERM; sleep 10; echo survived) &
        echo "$CODEX_HOME"
        wait"#;
    let mut command = stage.run(&[], &["sh", "-c", program]);
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    let mut home = String::new();
    stdout.read_line(&mut home).unwrap();
    assert!(Path::new(home.trim_end()).exists());

    let id = nix::unistd::Pid::from_raw(child.id().try_into().unwrap());
    nix::sys::signal::kill(id, nix::sys::signal::Signal::SIGTERM).unwrap();

    assert_eq!(child.wait().unwrap().code(), Some(7));
    assert!(!Path::new(home.trim_end()).exists());
    let mut rest = String::new();
    if cfg!(target_os = "linux") {
        stdout.read_to_string(&mut rest).unwrap();
    } else {
        stdout.read_line(&mut rest).unwrap();
    }
    assert_eq!(rest, "told\n");
}

#[test]
fn a_mistake_is_named_before_anything_is_started() {
    let stage = Stage::new(r#"["a", {"call": "exec_command", "args": {}}]"#);
    let output = stage.sh("echo started");
    assert_eq!(output.status.code(), Some(125));
    assert_eq!(text(&output.stdout), "");
    let expected = "error: cannot use the script script.json\n\
                    caused by: .[1]: `args` has no meaning in `call`\n";
    assert_eq!(text(&output.stderr), expected);

    let output = stage.run(&["--quick"], &["true"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let expected = "error: unknown option --quick; see `codex-testkit --help`\n";
    assert_eq!(text(&output.stderr), expected);
}

#[test]
fn the_program_keeps_its_own_options() {
    let stage = Stage::new("[]");
    let program = ["echo", "--help", "--", "--quiet"];
    let output = stage.run(&[], &program).output().unwrap();
    assert_eq!(text(&output.stdout), "--help -- --quiet\n");
}
