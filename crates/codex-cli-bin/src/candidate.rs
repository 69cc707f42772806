use std::io;
use std::path::PathBuf;
use std::process::{Command, ExitStatus};
use std::time::{Duration, Instant};

use crate::Progress;
use crate::child::Child;
use crate::output::telling_line;
use crate::staging::{Sizes, Staging};

/// How long a Python may take to say where it is.
const START: Duration = Duration::from_secs(10);
const REPORT: Duration = Duration::from_millis(200);
/// How a shell ends that didn't find a program.
const NOT_FOUND: i32 = 127;

/// A program that can install a Python package.
pub(crate) struct Candidate {
    pub(crate) name: &'static str,
    program: &'static str,
    kind: Kind,
}

enum Kind {
    Uv,
    /// A Python with pip, and the arguments that select it.
    Python(&'static [&'static str]),
}

/// In the order in which they are tried.
pub(crate) const CANDIDATES: &[Candidate] = &[
    Candidate {
        name: "uv",
        program: "uv",
        kind: Kind::Uv,
    },
    Candidate {
        name: "python3 -m pip",
        program: "python3",
        kind: Kind::Python(&[]),
    },
    Candidate {
        name: "python -m pip",
        program: "python",
        kind: Kind::Python(&[]),
    },
    #[cfg(windows)]
    Candidate {
        name: "py -3 -m pip",
        program: "py",
        kind: Kind::Python(&["-3"]),
    },
];

/// How an installer ended.
pub(crate) enum Outcome {
    Done,
    /// What it got isn't what is pinned.
    HashMismatch,
    /// It was killed after a time without progress.
    Stalled,
    /// It isn't there, or failed with this line.
    Failed(String),
}

/// What an installer is to do, and for how long.
pub(crate) struct Task<'a> {
    pub(crate) staging: &'a Staging,
    /// A folder with the wheel; without one it comes from the user's index.
    pub(crate) wheels: Option<PathBuf>,
    pub(crate) stall_timeout: Duration,
}

impl Task<'_> {
    fn log(&self) -> PathBuf {
        self.staging.root().join("log")
    }
}

impl Candidate {
    pub(crate) fn run(&self, task: &Task<'_>, progress: &mut dyn FnMut(&Progress)) -> Outcome {
        let mut command = match self.command(task) {
            Ok(command) => command,
            Err(outcome) => return outcome,
        };
        let mut child = match Child::spawn(&mut command, task.log()) {
            Ok(child) => child,
            Err(error) => return failed_to_start(&error),
        };
        let mut watch = Watch::new();
        match child.wait_while(|| watch.look(task, progress)) {
            Ok(Some(status)) if status.success() => Outcome::Done,
            Ok(Some(status)) => failed(status, &child.output()),
            Ok(None) => Outcome::Stalled,
            Err(error) => Outcome::Failed(error.to_string()),
        }
    }

    /// The working directory and the temporary folder are the staging folder: a Python started
    /// with `-m` imports a `pip.py` from the first, and the system's temporary folder may be too
    /// small. What the user has set for indexes, mirrors and certificates applies; isolated mode
    /// (`-I`) would hide a pip that is installed for the user only.
    fn command(&self, task: &Task<'_>) -> Result<Command, Outcome> {
        let staging = task.staging;
        let mut command;
        match self.kind {
            Kind::Uv => {
                command = Child::command(self.program);
                command.args(["pip", "install", "--no-python-downloads", "--cache-dir"]);
                command.arg(staging.uv_cache());
            }
            Kind::Python(select) => {
                command = Child::command(self.interpreter(select, task)?);
                command.args(["-m", "pip", "install"]);
                command.args(["--no-user", "--no-input", "--disable-pip-version-check"]);
                command.env("PIP_REQUIRE_VIRTUALENV", "0");
            }
        }
        command.current_dir(staging.root());
        for variable in ["TMPDIR", "TMP", "TEMP"] {
            command.env(variable, staging.temp());
        }
        command.arg("--target").arg(staging.package());
        command.args(["--require-hashes", "--no-deps", "--only-binary=:all:", "-r"]);
        command.arg(staging.requirements());
        if let Some(wheels) = &task.wheels {
            command.args(["--no-index", "--find-links"]).arg(wheels);
        }
        Ok(command)
    }

    /// The Python itself behind what may be a version manager's shim: pyenv's follows every
    /// `pip install` with a step of its own, which fails if another was killed in it.
    fn interpreter(&self, select: &[&str], task: &Task<'_>) -> Result<String, Outcome> {
        let mut command = Child::command(self.program);
        command.args(select).current_dir(task.staging.root());
        command.args(["-I", "-c", "import sys; print(sys.executable)"]);
        let mut child =
            Child::spawn(&mut command, task.log()).map_err(|error| failed_to_start(&error))?;
        let start = Instant::now();
        match child.wait_while(|| start.elapsed() < START) {
            Ok(Some(status)) if status.success() => {
                let output = child.output();
                let path = output.lines().next_back().filter(|path| !path.is_empty());
                path.map(str::to_owned)
                    .ok_or_else(|| Outcome::Failed("it doesn't know its own path".to_owned()))
            }
            Ok(Some(status)) => Err(failed(status, &child.output())),
            Ok(None) => Err(Outcome::Failed("it did not start in time".to_owned())),
            Err(error) => Err(Outcome::Failed(error.to_string())),
        }
    }
}

/// Looks at what arrives on the disk.
struct Watch {
    looked: Option<Instant>,
    changed: Instant,
    sizes: Sizes,
    /// pip moves what it has unpacked out of sight: the most that was ever seen.
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

    /// Reports, if it is time to, and says whether there was progress within the deadline.
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
        progress(&if self.unpacked > 0 || task.wheels.is_some() {
            Progress::Unpacking {
                bytes: self.unpacked,
            }
        } else {
            Progress::Downloading { bytes: sizes.wheel }
        });
        self.changed.elapsed() < task.stall_timeout
    }
}

fn failed_to_start(error: &io::Error) -> Outcome {
    Outcome::Failed(match error.kind() {
        io::ErrorKind::NotFound => "not found".to_owned(),
        _ => error.to_string(),
    })
}

fn failed(status: ExitStatus, output: &str) -> Outcome {
    // First pip's words, then uv's.
    if output.contains("DO NOT MATCH THE HASHES") || output.contains("Hash mismatch") {
        return Outcome::HashMismatch;
    }
    Outcome::Failed(if status.code() == Some(NOT_FOUND) {
        "not found".to_owned()
    } else {
        telling_line(output).unwrap_or_else(|| status.to_string())
    })
}
