//! `cargo xtask fuzz`: random input for what reads the runtime's messages.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::thread;

use anyhow::{Context, Result, bail, ensure};

use crate::regen::root;
use crate::tool::Tool;

const CARGO_FUZZ: Tool = Tool {
    name: "cargo-fuzz",
    version: "0.13.2",
    options: &[],
};

/// Runs one target, or each, for that many seconds, as many at once as there are cores.
///
/// Inputs that reach something new are kept in `target/fuzz-corpus`; those in `fuzz/seeds` come first. An input that
/// fails is kept in `fuzz/artifacts`, and the command to repeat it is printed.
pub(crate) fn run(target: Option<&str>, seconds: u64) -> Result<()> {
    let root = root()?;
    let targets = targets(&root)?;
    if let Some(target) = target
        && !targets.iter().any(|it| it == target)
    {
        bail!(
            "there is no target {target:?}: choose one of {}",
            targets.join(", ")
        );
    }
    let nightly = Command::new("cargo")
        .args(["+nightly", "--version"])
        .output();
    ensure!(
        nightly.is_ok_and(|output| output.status.success()),
        "fuzzing needs a nightly compiler: `rustup toolchain install nightly`"
    );
    let fuzz = Fuzz {
        program: CARGO_FUZZ.program(&root)?,
        root: &root,
        seconds,
    };
    let wanted = |name: &&String| target.is_none_or(|target| target == *name);
    let targets: Vec<_> = targets.iter().filter(wanted).collect();
    fuzz.build(target)?;
    let cores = thread::available_parallelism().map_or(1, usize::from);
    for together in targets.chunks(cores) {
        let names: Vec<_> = together.iter().map(|it| it.as_str()).collect();
        writeln!(io::stdout(), "{}: {seconds} s", names.join(", "))?;
        let running: Vec<_> = together
            .iter()
            .map(|name| (name, fuzz.start(name)))
            .collect();
        // Each is waited for, whatever becomes of the others.
        let ends: Vec<_> = running
            .into_iter()
            .map(|(name, child)| fuzz.end(name, child?))
            .collect();
        ends.into_iter().collect::<Result<()>>()?;
    }
    Ok(())
}

/// The targets by their files.
fn targets(root: &Path) -> Result<Vec<String>> {
    let mut targets = Vec::new();
    for entry in fs::read_dir(root.join("fuzz/targets"))? {
        let path = entry?.path();
        let name = path.file_stem().and_then(OsStr::to_str).unwrap_or_default();
        targets.push(name.to_owned());
    }
    targets.sort();
    Ok(targets)
}

struct Fuzz<'a> {
    program: PathBuf,
    root: &'a Path,
    seconds: u64,
}

impl Fuzz<'_> {
    /// One of cargo-fuzz's own commands.
    fn command(&self, subcommand: &str) -> Command {
        let mut command = Command::new(&self.program);
        // As cargo calls its subcommands.
        command
            .args(["fuzz", subcommand, "--target-dir"])
            .arg(self.root.join("target/fuzz"))
            .current_dir(self.root)
            .env("RUSTUP_TOOLCHAIN", "nightly")
            .env_remove("CARGO");
        command
    }

    fn build(&self, target: Option<&str>) -> Result<()> {
        let status = self.command("build").args(target).status();
        let status = status.context("cargo-fuzz can't be run")?;
        ensure!(status.success(), "the targets don't build");
        Ok(())
    }

    fn start(&self, target: &str) -> Result<Child> {
        let corpus = self.root.join("target/fuzz-corpus").join(target);
        fs::create_dir_all(&corpus)?;
        let log = File::create(self.log(target))?;
        let mut command = self.command("run");
        command
            .arg(target)
            .arg(corpus)
            .arg(self.root.join("fuzz/seeds").join(target));
        command.args([
            "--",
            &format!("-max_total_time={}", self.seconds),
            "-timeout=20",
            "-print_final_stats=1",
        ]);
        command.stdout(log.try_clone()?).stderr(log);
        command.spawn().context("cargo-fuzz can't be run")
    }

    fn end(&self, target: &str, mut child: Child) -> Result<()> {
        let status = child.wait()?;
        let log = fs::read(self.log(target))?;
        let log = String::from_utf8_lossy(&log);
        if !status.success() {
            bail!("{log}\nthe target {target} has found something: see above");
        }
        let inputs = log
            .lines()
            .find_map(|line| line.strip_prefix("stat::number_of_executed_units:"))
            .context("libFuzzer prints no statistics any longer")?;
        writeln!(
            io::stdout(),
            "  {target}: {} inputs, no finding",
            inputs.trim()
        )?;
        Ok(())
    }

    /// What a target prints.
    fn log(&self, target: &str) -> PathBuf {
        self.root.join(format!("target/fuzz-corpus/{target}.log"))
    }
}
