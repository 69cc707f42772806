//! The pinned Codex runtime: locate it, verify it, install it.
//!
//! The runtime is the Python package `openai-codex-cli-bin`. It contains native programs, which run
//! without Python. This crate pins one version of it in `requirements.txt`, with the hashes of all
//! its platform wheels.
//!
//! - [`locate`] finds the runtime: `CODEX_SDK_BIN`, the installed one, or the one in the active
//!   Python environment. It never takes a `codex` from `PATH`.
//! - [`install`] runs `uv` or `pip` to fetch and verify the package, checks that it is the pinned
//!   version for this machine and that it starts, and puts it into [`data_dir`] in one step.
//! - [`install_wheel`] does the same with a wheel file, for offline machines.
//! - [`Installer`] implements both, and accepts another [`Pin`], folder or deadline. A pin can also
//!   name the npm package `@openai/codex`, for runtimes that only npm has; `npm` then fetches it.
//!
//! ```no_run
//! let runtime = codex_cli_bin::install(|progress| eprintln!("{progress}"))?;
//! println!("{}", runtime.codex.display());
//! # Ok::<(), codex_cli_bin::Error>(())
//! ```
//!
//! Everything here blocks; in async code, call it on a thread that may block. The feature `cli`
//! adds the command `codex-cli-bin` and `terminal_progress`.

mod access;
mod archive;
mod candidate;
mod check;
mod child;
mod error;
mod installer;
mod locate;
mod npm;
mod output;
mod package;
mod pin;
mod progress;
mod staging;
mod task;
#[cfg(feature = "cli")]
mod terminal;

use std::path::PathBuf;

pub use crate::error::{Attempt, Error, Flaw};
pub use crate::installer::Installer;
pub use crate::locate::{Origin, Runtime, data_dir, explicit, locate};
pub use crate::pin::Pin;
pub use crate::progress::Progress;
#[cfg(feature = "cli")]
pub use crate::terminal::{terminal_progress, terminal_progress_of};

/// The version of the pinned runtime, as its package states it.
pub const RUNTIME_VERSION: &str = "0.163.0";

/// Installs the pinned runtime for the current user.
///
/// Returns at once, without a download or a call to `progress`, if it is already installed; waits
/// if another process is installing it. Blocks for as long as this takes. See [`Installer`] for the
/// steps and the deadlines.
///
/// # Errors
/// As for [`Installer::install`]. After any error, nothing was installed.
pub fn install(progress: impl FnMut(&Progress)) -> Result<Runtime, Error> {
    Installer::default().install(progress)
}

/// Installs the pinned runtime from a wheel file, offline.
///
/// The file must be one of the pinned wheels: it is verified against the same hashes. `uv` or `pip`
/// still unpacks it.
///
/// # Errors
/// As [`install`]; also [`Error::Wheel`] if the file can't be read, and [`Error::HashMismatch`] if it
/// isn't a pinned wheel.
pub fn install_wheel(
    wheel: impl Into<PathBuf>,
    progress: impl FnMut(&Progress),
) -> Result<Runtime, Error> {
    Installer::default().wheel(wheel).install(progress)
}
