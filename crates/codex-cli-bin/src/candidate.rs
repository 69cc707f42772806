use std::process::Command;
use std::time::{Duration, Instant};

use crate::Progress;
use crate::child::Child;
use crate::task::{Outcome, Task, failed, failed_to_start};

/// How long a Python interpreter may take to print its path.
const START: Duration = Duration::from_secs(10);

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

/// In the order they are tried.
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

impl Candidate {
    pub(crate) fn run(&self, task: &Task<'_>, progress: &mut dyn FnMut(&Progress)) -> Outcome {
        match self.command(task) {
            Ok(mut command) => task.run(&mut command, progress),
            Err(outcome) => outcome,
        }
    }

    /// The user's settings for indexes, mirrors and certificates apply. Isolated mode (`-I`) would
    /// hide a pip that is installed only for the user.
    fn command(&self, task: &Task<'_>) -> Result<Command, Outcome> {
        let staging = task.staging;
        let mut command;
        match self.kind {
            Kind::Uv => {
                command = task.command(self.program);
                command.args(["pip", "install", "--no-python-downloads", "--cache-dir"]);
                command.arg(staging.uv_cache());
            }
            Kind::Python(select) => {
                command = task.command(&self.interpreter(select, task)?);
                command.args(["-m", "pip", "install"]);
                command.args(["--no-user", "--no-input", "--disable-pip-version-check"]);
                command.env("PIP_REQUIRE_VIRTUALENV", "0");
            }
        }
        command.arg("--target").arg(staging.package());
        command.args(["--require-hashes", "--no-deps", "--only-binary=:all:", "-r"]);
        command.arg(staging.requirements());
        if let Some(wheels) = &task.archives {
            command.args(["--no-index", "--find-links"]).arg(wheels);
        }
        Ok(command)
    }

    /// The real Python behind a possible version manager's shim. pyenv's shim runs an extra step
    /// after every `pip install`, which fails if an earlier run of that step was killed.
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
