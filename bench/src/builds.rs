//! The cost of building a program that depends on this SDK, compared with one on codex-codes.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result};

use crate::cases::{Outcome, Stage, Table};
use crate::programs::{CODEX_CODES, done};
use crate::rows::{Row, median};

/// How often each is built from scratch, which takes a minute or two.
const RUNS: usize = 3;

struct Dependent {
    name: &'static str,
    folder: PathBuf,
}

#[derive(Default)]
struct Cost {
    cpu: Vec<f64>,
    wall: Vec<f64>,
    dev_cpu: Vec<f64>,
    again: Vec<f64>,
}

pub fn case(stage: &Stage) -> Result<Outcome> {
    let sdk = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/codex-sdk");
    let sdk = format!(
        "codex-sdk = {{ path = '{}' }}",
        sdk.canonicalize()?.display()
    );
    let codes = format!("codex-codes = \"{CODEX_CODES}\"\nserde_json = \"1\"");
    let programs = [
        dependent(
            stage,
            "codex-sdk",
            &sdk,
            include_str!("../peers/readme_sdk.rs"),
        )?,
        dependent(
            stage,
            "codex-codes",
            &codes,
            include_str!("../peers/readme_codes.rs"),
        )?,
    ];
    let mut costs = [Cost::default(), Cost::default()];
    for _ in 0..RUNS {
        for (program, cost) in programs.iter().zip(&mut costs) {
            stage
                .progress
                .set_message(format!("a build on {}", program.name));
            let (cpu, wall) = program.build_anew(true)?;
            cost.cpu.push(cpu);
            cost.wall.push(wall);
            cost.dev_cpu.push(program.build_anew(false)?.0);
            cost.again.push(program.build_again()?);
        }
    }
    let mut lines = Vec::new();
    for (program, cost) in programs.iter().zip(costs) {
        let figures = [cost.cpu, cost.wall, cost.dev_cpu, cost.again].map(median);
        let mut figures = figures.to_vec();
        figures.extend([program.crates()?, program.size()?]);
        lines.push((program.name.to_owned(), figures));
    }
    let (ours, theirs) = (lines[0].1.clone(), lines[1].1.clone());
    let rows = vec![
        Row::at_most(
            "build",
            "CPU of a cold release build, relative to codex-codes",
            ours[0] / theirs[0],
            0.75,
            "×",
        ),
        Row::at_most(
            "build",
            "wall time of it, relative to codex-codes",
            ours[1] / theirs[1],
            0.8,
            "×",
        ),
        Row::at_most(
            "build",
            "CPU of a cold dev build, relative to codex-codes",
            ours[2] / theirs[2],
            0.8,
            "×",
        ),
        Row::at_most(
            "build",
            "a dev build after a change of one line",
            ours[3],
            2.0,
            "s",
        ),
        Row::at_most("build", "crates", ours[4], 50.0, ""),
        Row::at_most("build", "the program, stripped", ours[5], 3.5, "MB"),
    ];
    let tables = vec![Table {
        title: "README's program, built from nothing but the fetched registry".to_owned(),
        columns: vec![
            "release: CPU, s",
            "wall, s",
            "dev: CPU, s",
            "one line changed, s",
            "crates",
            "stripped, MB",
        ],
        lines,
    }];
    Ok(Outcome { rows, tables })
}

fn dependent(stage: &Stage, name: &'static str, dependency: &str, main: &str) -> Result<Dependent> {
    let folder = stage.programs.folder().join(format!("on-{name}"));
    fs::create_dir_all(folder.join("src"))?;
    let manifest = format!(
        "[package]\nname = \"program\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n[dependencies]\n{dependency}\n\
        tokio = {{ version = \"1\", features = [\"macros\", \"rt-multi-thread\"] }}\n\n[workspace]\n"
    );
    fs::write(folder.join("Cargo.toml"), manifest)?;
    fs::write(folder.join("src/main.rs"), main)?;
    let program = Dependent { name, folder };
    done(program.cargo().arg("fetch"), "the registry")?;
    Ok(program)
}

impl Dependent {
    fn cargo(&self) -> Command {
        let mut cargo = Command::new("cargo");
        cargo
            .current_dir(&self.folder)
            .env("CARGO_TARGET_DIR", self.folder.join("target"));
        cargo
    }

    fn build(&self, release: bool) -> Command {
        let mut cargo = self.cargo();
        cargo.args(["build", "--offline", "--quiet"]);
        cargo.args(release.then_some("--release"));
        cargo
    }

    /// Processor and wall time in seconds.
    fn build_anew(&self, release: bool) -> Result<(f64, f64)> {
        let target = self.folder.join("target");
        if target.exists() {
            fs::remove_dir_all(&target)?;
        }
        let (cpu, begun) = (children(), Instant::now());
        done(&mut self.build(release), self.name)?;
        if release {
            fs::copy(target.join("release/program"), self.folder.join("program"))?;
        }
        Ok((children() - cpu, begun.elapsed().as_secs_f64()))
    }

    /// Seconds for a dev build after a change to the program.
    fn build_again(&self) -> Result<f64> {
        let main = self.folder.join("src/main.rs");
        let text = fs::read_to_string(&main)?;
        fs::write(&main, format!("{text}// One more line.\n"))?;
        let begun = Instant::now();
        done(&mut self.build(false), self.name)?;
        let took = begun.elapsed().as_secs_f64();
        fs::write(&main, text)?;
        Ok(took)
    }

    fn crates(&self) -> Result<f64> {
        let mut tree = self.cargo();
        tree.args([
            "tree",
            "--edges",
            "normal,build",
            "--prefix",
            "none",
            "--no-dedupe",
        ]);
        let output = String::from_utf8(tree.output()?.stdout)?;
        let mut crates: Vec<_> = output.lines().filter_map(|it| it.split_once(' ')).collect();
        crates.retain(|(name, _)| *name != "program");
        crates.sort_unstable();
        crates.dedup();
        Ok(f64::from(u32::try_from(crates.len())?))
    }

    /// The size in megabytes.
    fn size(&self) -> Result<f64> {
        let program = self.folder.join("program");
        done(Command::new("strip").arg(&program), "strip")?;
        let bytes = fs::metadata(program)?.len();
        Ok(f64::from(u32::try_from(bytes).context("a program of 4 GB")?) / 1e6)
    }
}

/// The processor time of all children that have exited, in seconds.
#[cfg(unix)]
fn children() -> f64 {
    use nix::sys::resource::{UsageWho, getrusage};
    use nix::sys::time::TimeVal;
    let Ok(usage) = getrusage(UsageWho::RUSAGE_CHILDREN) else {
        return 0.0;
    };
    let seconds = |time: TimeVal| {
        let (seconds, micros) = (time.tv_sec(), time.tv_usec());
        std::time::Duration::new(seconds.unsigned_abs(), 0).as_secs_f64()
            + std::time::Duration::from_micros(micros.unsigned_abs()).as_secs_f64()
    };
    seconds(usage.user_time()) + seconds(usage.system_time())
}

#[cfg(not(unix))]
fn children() -> f64 {
    0.0
}
