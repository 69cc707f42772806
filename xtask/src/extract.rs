//! The schema, out of the pinned runtime.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

/// The file of a schema folder that holds everything.
const BUNDLE: &str = "codex_app_server_protocol.schemas.json";

/// What a runtime emits.
pub struct Emitted {
    /// Its version.
    pub version: String,
    /// The bundle without experimental methods and fields.
    pub stable: String,
    /// The complete bundle.
    pub experimental: String,
}

/// The runtime to ask, if there is one.
pub fn locate() -> Option<PathBuf> {
    env::var_os("CODEX_SDK_BIN").map(PathBuf::from)
}

/// Asks the runtime for its version and its schemas.
pub fn emit(codex: &Path) -> Result<Emitted> {
    let output = run(Command::new(codex).arg("--version"))?;
    let version = output
        .split_whitespace()
        .next_back()
        .context("the runtime prints no version")?
        .to_owned();
    Ok(Emitted {
        version,
        stable: bundle(codex, &[])?,
        experimental: bundle(codex, &["--experimental"])?,
    })
}

fn bundle(codex: &Path, flags: &[&str]) -> Result<String> {
    let folder = tempfile::tempdir()?;
    let home = tempfile::tempdir()?;
    let mut command = Command::new(codex);
    command
        .args(["app-server", "generate-json-schema", "--out"])
        .arg(folder.path())
        .args(flags);
    run(command.env("CODEX_HOME", home.path()))?;
    let bundle = folder.path().join(BUNDLE);
    fs::read_to_string(&bundle).with_context(|| format!("the runtime emitted no {BUNDLE}"))
}

fn run(command: &mut Command) -> Result<String> {
    let output = command
        .output()
        .with_context(|| format!("running {}", command.get_program().display()))?;
    let stderr = String::from_utf8_lossy(&output.stderr);
    ensure!(
        output.status.success(),
        "{}: {}: {stderr}",
        command.get_program().display(),
        output.status
    );
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
