use std::io;
use std::path::PathBuf;
use std::process::{Command, ExitStatus};
use std::time::{Duration, Instant};

use crate::Progress;
use crate::child::Child;
use crate::output::telling_line;
use crate::staging::{Sizes, Staging};

const REPORT: Duration = Duration::from_millis(200);
/// The exit code of a shell that didn't find the program.
const NOT_FOUND: i32 = 127;

/// The work of an installer, and its time limit.
pub(crate) struct Task<'a> {
    pub(crate) staging: &'a Staging,
    /// A folder with the archive; without one, it comes from the user's index or registry.
    pub(crate) archives: Option<PathBuf>,
    pub(crate) stall_timeout: Duration,
}

/// How an installer ended.
pub(crate) enum Outcome {
    Done,
    /// The package it got doesn't match the pin.
    HashMismatch,
    /// It was killed after too long without progress.
    Stalled,
    /// It wasn't found, or failed with this line.
    Failed(String),
}

impl Task<'_> {
    /// A command that runs in the staging folder, and has its temporary folder there: a Python
    /// started with `-m` imports a `pip.py` from its working directory, and the system's temporary
    /// folder may be too small.
    pub(crate) fn command(&self, program: &str) -> Command {
        let mut command = Child::command(program);
        command.current_dir(self.staging.root());
        for variable in ["TMPDIR", "TMP", "TEMP"] {
            command.env(variable, self.staging.temp());
        }
        command
    }

    /// Runs a command as long as data keeps arriving on the disk.
    pub(crate) fn run(
        &self,
        command: &mut Command,
        progress: &mut dyn FnMut(&Progress),
    ) -> Outcome {
        let mut child = match Child::spawn(command, self.log()) {
            Ok(child) => child,
            Err(error) => return failed_to_start(&error),
        };
        let mut watch = Watch::new();
        match child.wait_while(|| watch.look(self, progress)) {
            Ok(Some(status)) if status.success() => Outcome::Done,
            Ok(Some(status)) => failed(status, &child.output()),
            Ok(None) => Outcome::Stalled,
            Err(error) => Outcome::Failed(error.to_string()),
        }
    }

    pub(crate) fn log(&self) -> PathBuf {
        self.staging.root().join("log")
    }
}

/// Watches what arrives on the disk.
struct Watch {
    looked: Option<Instant>,
    changed: Instant,
    sizes: Sizes,
    /// The maximum so far: pip moves unpacked files out of sight.
    unpacked: u64,
}

impl Watch {
    fn new() -> Self {
        Self {
            looked: None,
            changed: Instant::now(),
            sizes: Sizes::default(),
            unpacked: 0,
        }
    }

    /// Reports if it is due, and returns whether there was progress within the deadline.
    fn look(&mut self, task: &Task<'_>, progress: &mut dyn FnMut(&Progress)) -> bool {
        if self.looked.is_some_and(|looked| looked.elapsed() < REPORT) {
            return true;
        }
        self.looked = Some(Instant::now());
        let sizes = task.staging.sizes();
        if sizes != self.sizes {
            self.sizes = sizes;
            self.changed = Instant::now();
            self.unpacked = self.unpacked.max(sizes.unpacked);
        }
        progress(&if self.unpacked > 0 || task.archives.is_some() {
            Progress::Unpacking {
                bytes: self.unpacked,
            }
        } else {
            Progress::Downloading {
                bytes: sizes.archive,
            }
        });
        self.changed.elapsed() < task.stall_timeout
    }
}

pub(crate) fn failed_to_start(error: &io::Error) -> Outcome {
    Outcome::Failed(match error.kind() {
        io::ErrorKind::NotFound => "not found".to_owned(),
        _ => error.to_string(),
    })
}

pub(crate) fn failed(status: ExitStatus, output: &str) -> Outcome {
    // The messages of pip, of uv, and of npm, which compares with the registry's hash.
    let mismatch = [
        "DO NOT MATCH THE HASHES",
        "Hash mismatch",
        "code EINTEGRITY",
    ];
    if mismatch.iter().any(|words| output.contains(words)) {
        return Outcome::HashMismatch;
    }
    Outcome::Failed(if status.code() == Some(NOT_FOUND) {
        "not found".to_owned()
    } else {
        telling_line(output).unwrap_or_else(|| status.to_string())
    })
}
