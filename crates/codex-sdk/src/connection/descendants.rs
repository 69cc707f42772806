//! Everything the runtime has started, wherever it went.
//!
//! Each command of the model runs in its own session, where killing the runtime's group doesn't reach it, and a killed
//! runtime takes none along. So each runtime gets a mark in its environment, which its descendants inherit, including
//! detached ones. Only Linux shows the environment of other processes.

use std::fmt::Write;

use tokio::process::Command;

/// The environment variable that holds the mark.
const MARK: &str = "CODEX_SDK_RUNTIME_MARK";

/// The processes that carry the mark of one runtime.
#[derive(Debug, Clone)]
pub(crate) struct Descendants {
    entry: String,
}

impl Descendants {
    /// Marks a runtime that is about to be started.
    pub(crate) fn of(command: &mut Command) -> Self {
        let mut mark = std::process::id().to_string();
        let _ = write!(mark, "-{:016x}", fastrand::u64(..));
        command.env(MARK, &mark);
        Self {
            entry: format!("{MARK}={mark}"),
        }
    }

    /// Kills all of them.
    #[cfg(target_os = "linux")]
    pub(crate) fn kill(&self) {
        use nix::sys::signal::{Signal, kill};

        // One may have started another during the search.
        for _ in 0..ROUNDS {
            let found = self.find();
            if found.is_empty() {
                return;
            }
            for id in found {
                let _ = kill(id, Signal::SIGKILL);
            }
        }
    }

    #[cfg(not(target_os = "linux"))]
    pub(crate) fn kill(&self) {
        let _ = &self.entry;
    }

    /// A number that grows while they work; `None` where that can't be seen.
    #[cfg(target_os = "linux")]
    pub(crate) fn work(&self) -> Option<u64> {
        let of = |id: nix::unistd::Pid| {
            let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
            // After the name, which may hold anything. Fields 14 and 15 of the whole line are processor time.
            let (_, fields) = stat.rsplit_once(')')?;
            let times = fields.split_whitespace().skip(11).take(2);
            let io = std::fs::read_to_string(format!("/proc/{id}/io")).unwrap_or_default();
            let bytes = io.lines().filter(|line| line.starts_with(['r', 'w']));
            let bytes = bytes.filter_map(|line| line.split_whitespace().nth(1));
            Some(
                times
                    .chain(bytes)
                    .filter_map(|it| it.parse::<u64>().ok())
                    .sum::<u64>(),
            )
        };
        let found: Vec<u64> = self.find().into_iter().filter_map(of).collect();
        (!found.is_empty()).then(|| found.iter().sum())
    }

    #[cfg(not(target_os = "linux"))]
    pub(crate) fn work(&self) -> Option<u64> {
        None
    }

    #[cfg(target_os = "linux")]
    fn find(&self) -> Vec<nix::unistd::Pid> {
        let Ok(processes) = std::fs::read_dir("/proc") else {
            return Vec::new();
        };
        let marked = |process: std::fs::DirEntry| {
            let id: i32 = process.file_name().to_str()?.parse().ok()?;
            // The environments of other users' processes can't be read, and an exited process has none.
            let environment = std::fs::read(process.path().join("environ")).ok()?;
            let mut entries = environment.split(|byte| *byte == 0);
            let is_ours = entries.any(|entry| entry == self.entry.as_bytes());
            is_ours.then(|| nix::unistd::Pid::from_raw(id))
        };
        processes.flatten().filter_map(marked).collect()
    }
}

/// How many times to search the processes.
#[cfg(target_os = "linux")]
const ROUNDS: usize = 10;
