//! The measured programs, and how they are built.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use codex_bench::measure::{Load, Report};
use codex_testkit::CodexHome;

const PYTHON_SDK: &str = "openai-codex==0.163.0";
pub const CODEX_CODES: &str = "=0.166.4";

/// A measured program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Program {
    /// The raw blocking reader.
    Raw,
    /// This SDK on one thread.
    Sdk,
    /// This SDK on two worker threads.
    SdkTwo,
    Python,
    CodesSync,
    CodesAsync,
}

impl Program {
    pub const ALL: [Self; 6] = [
        Self::Raw,
        Self::Sdk,
        Self::SdkTwo,
        Self::CodesSync,
        Self::CodesAsync,
        Self::Python,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::Raw => "raw blocking reader",
            Self::Sdk => "codex-sdk, one thread",
            Self::SdkTwo => "codex-sdk, two workers",
            Self::Python => "openai-codex (Python)",
            Self::CodesSync => "codex-codes, sync",
            Self::CodesAsync => "codex-codes, async",
        }
    }
}

/// The programs, ready to run.
#[derive(Debug)]
pub struct Programs {
    /// The folder of this program and the other binaries.
    bin: PathBuf,
    codes: PathBuf,
    python: PathBuf,
    script: PathBuf,
    folder: PathBuf,
}

impl Programs {
    /// Installs the peers in this folder if they are missing.
    pub fn install(folder: &Path) -> Result<Self> {
        let this = std::env::current_exe()?;
        let bin = this.parent().context("a program without a folder")?;
        let script = folder.join("python.py");
        fs::create_dir_all(folder)?;
        fs::write(&script, include_str!("../peers/python.py"))?;
        Ok(Self {
            bin: bin.to_owned(),
            codes: codex_codes(&folder.join("codex-codes"))?,
            python: python(&folder.join("python"))?,
            script,
            folder: folder.to_owned(),
        })
    }

    /// The folder for the bench's files.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// An app-server that only writes.
    pub fn peer(&self) -> PathBuf {
        self.bin.join("peer")
    }

    /// Runs a program once.
    pub fn run(
        &self,
        program: Program,
        codex: &Path,
        home: &CodexHome,
        load: Load,
        env: &BTreeMap<&str, String>,
    ) -> Result<Report> {
        let mut command = match program {
            Program::Raw => Command::new(self.bin.join("raw")),
            Program::Sdk | Program::SdkTwo => Command::new(self.bin.join("sdk")),
            Program::CodesSync | Program::CodesAsync => Command::new(&self.codes),
            Program::Python => Command::new(&self.python),
        };
        if program == Program::Python {
            command.arg(&self.script);
        }
        command.args([load.threads.to_string(), load.turns.to_string()]);
        match program {
            Program::SdkTwo => command.env("SDK_WORKERS", "2"),
            Program::CodesSync => command.arg("sync"),
            _ => &mut command,
        };
        command
            .envs(home.env())
            .envs(env)
            .env("CODEX_BIN", codex)
            .current_dir(home.workspace());
        let output = command.output()?;
        let words = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "{}: {words}", program.name());
        serde_json::from_slice(&output.stdout)
            .with_context(|| format!("{}: {words}", program.name()))
    }
}

/// A separate crate, to keep its dependencies out of this workspace.
fn codex_codes(folder: &Path) -> Result<PathBuf> {
    fs::create_dir_all(folder.join("src"))?;
    let manifest = format!(
        "[package]\nname = \"codes\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n[dependencies]\n\
        codex-codes = \"{CODEX_CODES}\"\nnix = {{ version = \"0.31\", features = [\"resource\"] }}\n\
        serde = {{ version = \"1\", features = [\"derive\"] }}\nserde_json = \"1\"\n\
        tokio = {{ version = \"1\", features = [\"full\"] }}\n\n[workspace]\n"
    );
    fs::write(folder.join("Cargo.toml"), manifest)?;
    fs::write(
        folder.join("src/main.rs"),
        include_str!("../peers/codex_codes.rs"),
    )?;
    fs::write(folder.join("src/measure.rs"), include_str!("measure.rs"))?;
    let mut cargo = Command::new("cargo");
    cargo
        .args(["build", "--release", "--quiet"])
        .current_dir(folder);
    done(
        cargo.env("CARGO_TARGET_DIR", folder.join("target")),
        "codex-codes",
    )?;
    Ok(folder.join("target/release/codes"))
}

fn python(folder: &Path) -> Result<PathBuf> {
    let python = folder.join("bin/python");
    if !python.exists() {
        done(
            Command::new("python3").args(["-m", "venv"]).arg(folder),
            "a venv",
        )?;
    }
    let mut pip = Command::new(&python);
    pip.args([
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        PYTHON_SDK,
    ]);
    done(&mut pip, PYTHON_SDK)?;
    Ok(python)
}

/// Runs a command to its end.
pub fn done(command: &mut Command, what: &str) -> Result<()> {
    let output = command.output().with_context(|| format!("{command:?}"))?;
    let words = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{what}: {words}");
    Ok(())
}
