//! Whatever ends the program or its runtime, no process of ours is left 2 s later: neither the runtime nor any
//! command of the model, however it is built.
#![cfg(target_os = "linux")]

use std::path::Path;
use std::time::{Duration, Instant};

use codex_e2e::{Stage, processes_in};
use codex_testkit::Reply;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::io::{AsyncBufReadExt, BufReader};

/// Commands that a kill of the runtime or of its process group alone would leave behind. Each is known by the
/// length of its sleep.
const COMMANDS: [&str; 8] = [
    "sleep 3000",
    "sleep 3001 | cat",
    "(sleep 3002 & wait)",
    "printf 'all:\\n\\tsleep 3003; echo done\\n' > Makefile && make",
    "trap '' TERM HUP INT; sleep 3004; echo done",
    "sleep 3005; echo done",
    "nohup sh -c 'sleep 3006; echo done' >/dev/null 2>&1 & wait",
    // Leaves the session that the runtime made for it. Where the program itself is killed, nobody is left
    // who could find it: README names this case.
    "setsid sleep 3007 & wait",
];
const DETACHED: &str = "sleep 3007";

/// How long after the end something may be left.
const LEFT: Duration = Duration::from_secs(2);

/// What ends the program from outside.
enum From {
    /// The program itself does it.
    Within,
    /// A signal to the program, which it doesn't handle.
    Program(Signal),
    /// A signal to the runtime; then the program ends itself.
    Runtime(Signal),
}

/// Runs a program that has the model run all commands, ends it as `ending` says, and looks for what is left.
async fn nothing_is_left_after(ending: &str, from: From) {
    let stage = Stage::new().await.unwrap();
    for command in COMMANDS {
        let arguments = serde_json::json!({ "cmd": command }).to_string();
        stage
            .model
            .push(Reply::function_call("exec_command", &arguments));
    }
    let count = COMMANDS.len().to_string();
    let mut program = stage.program(env!("CARGO_BIN_EXE_ending"));
    let mut program = program.args([ending, &count]).spawn().unwrap();
    let mut lines = BufReader::new(program.stdout.take().unwrap()).lines();
    let line = tokio::time::timeout(Duration::from_secs(60), lines.next_line());
    assert_eq!(line.await.unwrap().unwrap().as_deref(), Some("running"));
    all_run(stage.home.path()).await;

    let input = program.stdin.take();
    match from {
        From::Within => {}
        From::Program(signal) => {
            let id = i32::try_from(program.id().unwrap()).unwrap();
            kill(Pid::from_raw(id), signal).unwrap();
        }
        From::Runtime(signal) => kill(runtime_in(stage.home.path()), signal).unwrap(),
    }
    // The end of its input tells it to end.
    drop(input);
    let exited = tokio::time::timeout(Duration::from_secs(20), program.wait());
    exited.await.unwrap().unwrap();
    let violent = matches!(from, From::Program(_)) || matches!(ending, "aborted" | "exited");
    let may_be_left = |process: &String| violent && process.contains(DETACHED);
    let deadline = Instant::now() + LEFT;
    loop {
        let mut left = processes_in(stage.home.path());
        left.retain(|process| !may_be_left(process));
        if left.is_empty() {
            break;
        }
        assert!(Instant::now() < deadline, "left behind: {left:#?}");
        tokio::task::yield_now().await;
    }
    end_all(stage.home.path());
}

/// Waits until each command has come to its sleep.
async fn all_run(home: &Path) {
    let deadline = Instant::now() + Duration::from_secs(60);
    let runs = |running: &[String], length: usize| {
        let sleep = format!("sleep {}", 3000 + length);
        let mut running = running.iter();
        running.any(|process| {
            process
                .split_once(' ')
                .is_some_and(|(_, it)| it.trim() == sleep)
        })
    };
    loop {
        let running = processes_in(home);
        if (0..COMMANDS.len()).all(|length| runs(&running, length)) {
            return;
        }
        assert!(Instant::now() < deadline, "not all run: {running:#?}");
        tokio::task::yield_now().await;
    }
}

fn runtime_in(home: &Path) -> Pid {
    let running = processes_in(home);
    let runtime = running
        .iter()
        .find(|process| process.contains("app-server"));
    let (id, _) = runtime.unwrap().split_once(' ').unwrap();
    Pid::from_raw(id.parse().unwrap())
}

/// Ends what a test leaves on purpose.
fn end_all(home: &Path) {
    for process in processes_in(home) {
        let (id, _) = process.split_once(' ').unwrap();
        let _ = kill(Pid::from_raw(id.parse().unwrap()), Signal::SIGKILL);
    }
}

/// One test for each way to end.
macro_rules! endings {
    ($($(#[$doc:meta])* $name:ident $from:expr;)*) => {$(
        $(#[$doc])*
        #[codex_e2e_macros::test]
        async fn $name() {
            nothing_is_left_after(stringify!($name), $from).await;
        }
    )*};
}

endings! {
    closed From::Within;
    dropped From::Within;
    dropped_outside_the_runtime From::Within;
    /// The async runtime is there, but nobody runs it any more.
    dropped_beside_a_runtime_that_rests From::Within;
    forgotten From::Within;
    failed From::Within;
    panicked From::Within;
    aborted From::Within;
    exited From::Within;
    interrupted From::Program(Signal::SIGINT);
    terminated From::Program(Signal::SIGTERM);
    hung_up From::Program(Signal::SIGHUP);
    quit From::Program(Signal::SIGQUIT);
    killed From::Program(Signal::SIGKILL);
    runtime_killed From::Runtime(Signal::SIGKILL);
    runtime_terminated From::Runtime(Signal::SIGTERM);
    /// It reads nothing any more, and takes no signal but the last.
    runtime_stopped_and_closed From::Runtime(Signal::SIGSTOP);
    runtime_stopped_and_dropped From::Runtime(Signal::SIGSTOP);
    runtime_stopped_and_failed From::Runtime(Signal::SIGSTOP);
}
