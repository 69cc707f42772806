//! Gets the schema from the pinned runtime.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use codex_cli_bin::{RUNTIME_VERSION, terminal_progress};

/// The file with everything in a schema folder.
const BUNDLE: &str = "codex_app_server_protocol.schemas.json";

/// The schemas that a runtime emits.
#[derive(Clone)]
pub struct Emitted {
    /// Its version.
    pub version: String,
    /// The bundle without experimental methods and fields.
    pub stable: String,
    /// The complete bundle.
    pub experimental: String,
}

/// The pinned runtime, if it is installed.
pub fn locate() -> Result<Option<PathBuf>> {
    match codex_cli_bin::locate() {
        Ok(runtime) => Ok(Some(runtime.codex)),
        Err(codex_cli_bin::Error::NotInstalled { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// The pinned runtime; installs it if it is missing.
pub fn locate_or_install() -> Result<PathBuf> {
    match locate()? {
        Some(codex) => Ok(codex),
        None => Ok(codex_cli_bin::install(terminal_progress())?.codex),
    }
}

/// Asks the pinned runtime for its schemas.
pub fn emit_pinned(codex: &Path) -> Result<Emitted> {
    let emitted = emit(codex)?;
    let version = &emitted.version;
    ensure!(
        version == RUNTIME_VERSION,
        "{} is version {version}, but the pin says {RUNTIME_VERSION}: unset CODEX_SDK_BIN, or bump the pin first",
        codex.display()
    );
    Ok(emitted)
}

/// Asks a runtime for its version and its schemas.
pub fn emit(codex: &Path) -> Result<Emitted> {
    let home = tempfile::tempdir()?;
    let mut command = Command::new(codex);
    let output = run(command.arg("--version").env("CODEX_HOME", home.path()))?;
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
