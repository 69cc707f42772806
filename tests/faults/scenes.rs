//! Where a fault finds a client: in a message, in a command, before an approval.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use codex_e2e::{Stage, next_text, processes_in};
use codex_sdk::{Thread, TurnHandle};
use codex_testkit::{Gate, Reply};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::json;

/// A message of two words, of which the second one waits at the gate.
pub(crate) fn halved(gate: &Gate) -> Reply {
    Reply::deltas(["one ", "two"]).gate_at(4, gate)
}

/// A turn whose message has begun, and doesn't end before the gate is released.
pub(crate) async fn half_an_answer(stage: &Stage, thread: &Thread) -> (TurnHandle, Gate) {
    let gate = Gate::new();
    stage.model.push(halved(&gate));
    let mut turn = thread.turn("go").await.unwrap();
    assert_eq!(next_text(&mut turn).await.as_deref(), Some("one "));
    (turn, gate)
}

/// A command of the model.
pub(crate) fn command(command: &str) -> Reply {
    let arguments = json!({ "cmd": command });
    Reply::function_call("exec_command", arguments.to_string())
}

/// A command that the sandbox wouldn't let run: it needs an approval.
pub(crate) fn escalated(command: &str) -> Reply {
    let arguments = json!({
        "cmd": command, "sandbox_permissions": "require_escalated", "justification": "to test",
    });
    Reply::function_call("exec_command", arguments.to_string())
}

/// The runtime on this stage, if there is one.
pub(crate) fn runtime(stage: &Stage) -> Option<Pid> {
    let running = processes_in(stage.home.path());
    let runtime = running.iter().find(|it| it.contains(" app-server"))?;
    let (id, _) = runtime.split_once(' ')?;
    Some(Pid::from_raw(id.parse().unwrap()))
}

pub(crate) async fn strike(stage: &Stage, signal: Signal) {
    hit(runtime(stage).unwrap(), signal).await;
}

/// Sends a signal, and waits until it has had its effect: until then, on a busy machine, the process may do more.
pub(crate) async fn hit(process: Pid, signal: Signal) {
    kill(process, signal).unwrap();
    if let Signal::SIGSTOP | Signal::SIGKILL | Signal::SIGABRT = signal {
        let stat = format!("/proc/{process}/stat");
        // The state follows the name of the program: stopped, or a zombie.
        let state = || {
            fs::read_to_string(&stat)
                .ok()?
                .rsplit_once(") ")?
                .1
                .chars()
                .next()
        };
        until(|| state().is_none_or(|state| "TZX".contains(state))).await;
    }
}

/// Waits until a process with this command line runs on the home.
pub(crate) async fn runs(home: &Path, command: &str) {
    let is_it = |it: &String| {
        it.split_once(' ')
            .is_some_and(|(_, it)| it.trim() == command)
    };
    until(|| processes_in(home).iter().any(is_it)).await;
}

pub(crate) async fn nothing_runs(home: &Path) {
    until(|| processes_in(home).is_empty()).await;
}

/// Looks again and again: nobody is told of other programs' processes.
async fn until(holds: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !holds() {
        assert!(Instant::now() < deadline);
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}
