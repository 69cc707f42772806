//! Where a fault finds a client: in a message, in a command, before an approval.

use std::fs;
use std::future::pending;
use std::path::Path;
use std::time::{Duration, Instant};

use codex_e2e::{Stage, next_text, processes_in};
use codex_sdk::{Thread, TurnHandle};
use codex_testkit::{Gate, Reply};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::json;
use tokio::sync::mpsc;

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

/// What a handler or a tool does that never ends by itself. Whoever has the receiver hears of it.
#[derive(Clone)]
pub(crate) struct Endless(mpsc::UnboundedSender<&'static str>);

/// Something endless, which tells when it has begun and when it was dropped.
pub(crate) fn endless() -> (Endless, Told) {
    let (teller, told) = mpsc::unbounded_channel();
    (Endless(teller), Told(told))
}

impl Endless {
    pub(crate) async fn wait<T>(self) -> T {
        struct Guard(Endless);
        impl Drop for Guard {
            fn drop(&mut self) {
                // Nobody has to listen.
                let _ = self.0.0.send("dropped");
            }
        }
        let guard = Guard(self);
        let _ = guard.0.0.send("begun");
        pending().await
    }
}

/// What has become of something endless.
pub(crate) struct Told(mpsc::UnboundedReceiver<&'static str>);

impl Told {
    pub(crate) async fn begun(&mut self) {
        assert_eq!(self.0.recv().await, Some("begun"));
    }

    /// How often it has begun, once nobody can begin it any more. Each time it must have been dropped.
    pub(crate) async fn all_dropped(mut self) -> usize {
        let (mut begun, mut dropped) = (0, 0);
        while let Some(told) = self.0.recv().await {
            *(if told == "begun" {
                &mut begun
            } else {
                &mut dropped
            }) += 1;
        }
        assert_eq!(begun, dropped);
        begun
    }

    /// It was dropped, and hasn't begun once more.
    pub(crate) async fn dropped(&mut self) {
        assert_eq!(self.0.recv().await, Some("dropped"));
        assert!(self.0.is_empty());
    }
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
