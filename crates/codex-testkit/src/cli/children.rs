//! Processes that the program started and left behind.

use std::path::Path;
#[cfg(target_os = "linux")]
use std::time::Duration;

/// How long they may take to notice that the program has ended.
#[cfg(target_os = "linux")]
const PATIENCE: Duration = Duration::from_secs(1);
#[cfg(target_os = "linux")]
const POLL: Duration = Duration::from_millis(20);

/// Ends all processes with this `CODEX_HOME`, which is unique to the test run. Only Linux exposes
/// the environment of other processes.
#[cfg(target_os = "linux")]
pub(super) async fn end(home: &Path) {
    use nix::sys::signal::{Signal, kill};
    use tokio::time::{Instant, sleep};

    let entry = format!("CODEX_HOME={}", home.display());
    let start = Instant::now();
    // Gives up on processes that can't be killed.
    while start.elapsed() < 2 * PATIENCE {
        let found = find(entry.as_bytes());
        if found.is_empty() {
            return;
        }
        if start.elapsed() > PATIENCE {
            for id in found {
                let _ = kill(id, Signal::SIGKILL);
            }
        }
        sleep(POLL).await;
    }
}

#[cfg(not(target_os = "linux"))]
pub(super) async fn end(_: &Path) {}

#[cfg(target_os = "linux")]
fn find(entry: &[u8]) -> Vec<nix::unistd::Pid> {
    let Ok(processes) = std::fs::read_dir("/proc") else {
        return Vec::new();
    };
    let marked = |process: std::fs::DirEntry| {
        let id: i32 = process.file_name().to_str()?.parse().ok()?;
        // Other users' processes can't be read, and one that has exited has no environment.
        let environment = std::fs::read(process.path().join("environ")).ok()?;
        let mut entries = environment.split(|byte| *byte == 0);
        let is_ours = entries.any(|it| it == entry);
        is_ours.then(|| nix::unistd::Pid::from_raw(id))
    };
    processes.flatten().filter_map(marked).collect()
}
