//! Why a runtime did not start: its own message is the same for several causes.

use std::ffi::OsStr;
use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::{fs, io};

use tokio::process::Command;

use crate::error::condition::Condition;
use crate::start::environment::CODEX_HOME;

/// The runtime opens some twenty files before it answers.
const FEWEST_FILES: u64 = 64;
/// More than is left on a file system that can't hold a database.
const PROBE_BYTES: usize = 256 * 1024;

/// The home that a runtime is started with.
pub(crate) fn home_of(command: &Command) -> Option<PathBuf> {
    let value = |name: &str| {
        let mut variables = command.as_std().get_envs();
        let found = variables.find(|(key, _)| *key == OsStr::new(name));
        found
            .and_then(|(_, value)| value)
            .filter(|it| !it.is_empty())
    };
    let user = || value("HOME").or_else(|| value("USERPROFILE"));
    let home = value(CODEX_HOME).map(PathBuf::from);
    home.or_else(|| Some(Path::new(user()?).join(".codex")))
}

/// Why a runtime did not start, judging by its stderr and its home.
pub(crate) fn cause(stderr: &str, home: Option<&Path>) -> Option<Condition> {
    if stderr.contains("Is /proc mounted") {
        return Some(Condition::ProcUnavailable);
    }
    if stderr.contains("Error: invalid ") || stderr.contains("Error: unknown ") {
        return Some(Condition::ConfigInvalid);
    }
    if !stderr.contains("failed to initialize sqlite") {
        return None;
    }
    if let Some(error) = home.and_then(|home| probe(home).err()) {
        return Some(match error.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => Condition::NoSpace,
            _ => Condition::HomeUnwritable,
        });
    }
    if most_files().is_some_and(|most| most < FEWEST_FILES) {
        return Some(Condition::TooManyOpenFiles);
    }
    Some(Condition::HomeDatabase)
}

/// Writes a file to the home and removes it.
fn probe(home: &Path) -> io::Result<()> {
    let name = format!(".codex-sdk-probe-{:016x}", fastrand::u64(..));
    let path = home.join(name);
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(&path)?;
    let written = file
        .write_all(&vec![0; PROBE_BYTES])
        .and_then(|()| file.sync_all());
    let removed = fs::remove_file(&path);
    written.and(removed)
}

/// How many files a process of this program may open, if the system reports it.
fn most_files() -> Option<u64> {
    let limits = fs::read_to_string("/proc/self/limits").ok()?;
    let line = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}
