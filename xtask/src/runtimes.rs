//! Other runtimes, side by side below `target`. The user's installation is left alone.

use anyhow::{Context, Result};
use codex_cli_bin::{
    Installer, Pin, RUNTIME_VERSION, Runtime, terminal_progress, terminal_progress_of,
};

use crate::packages::{self, Platforms, Source};
use crate::regen::root;

/// Installs a runtime for this machine from the first source that has it.
pub fn install(version: &str) -> Result<Runtime> {
    if version == RUNTIME_VERSION {
        return Ok(codex_cli_bin::install(terminal_progress())?);
    }
    let installer = Installer::default().data_dir(root()?.join("target/runtimes"));
    let pin = packages::pin(&Source::Pypi, version, Platforms::Here)
        .or_else(|_| packages::pin(&Source::Npm, version, Platforms::Here))
        .with_context(|| format!("looking for the runtime {version}"))?;
    let installer = installer.pin(Pin::parse(&pin)?);
    Ok(installer.install(terminal_progress_of(version))?)
}
