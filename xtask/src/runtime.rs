//! `cargo xtask runtime`: manages the pinned runtime by hand.

use std::io;
use std::io::Write;
use std::path::PathBuf;

use anyhow::Result;
use clap::Subcommand;
use codex_cli_bin::{Installer, RUNTIME_VERSION, data_dir, locate, terminal_progress};

#[derive(Debug, Subcommand)]
pub(crate) enum Runtime {
    /// Install the pinned runtime for the current user, unless it is already installed
    Install {
        /// Install offline from a downloaded wheel
        #[arg(long, value_name = "FILE")]
        wheel: Option<PathBuf>,
    },
    /// Print the path of the runtime's executable
    Path,
    /// Print which runtime was found, and where
    Info,
}

pub(crate) fn run(command: Runtime) -> Result<()> {
    let mut out = io::stdout();
    match command {
        Runtime::Install { wheel } => {
            let mut installer = Installer::default();
            if let Some(wheel) = wheel {
                installer = installer.wheel(wheel);
            }
            let runtime = installer.install(terminal_progress())?;
            writeln!(out, "{}", runtime.codex.display())?;
        }
        Runtime::Path => writeln!(out, "{}", locate()?.codex.display())?,
        Runtime::Info => {
            writeln!(out, "pinned   {RUNTIME_VERSION}")?;
            writeln!(out, "folder   {}", data_dir()?.display())?;
            writeln!(out, "{}", locate()?)?;
        }
    }
    Ok(())
}
