//! The runtime to test with.

use std::sync::{Mutex, PoisonError};

use codex_cli_bin::{Error, Runtime, install, locate, terminal_progress};

/// Locates the runtime as the SDK does, or installs the pinned one.
///
/// This blocks, for minutes if it installs; progress is shown on stderr. Concurrent callers share
/// one installation.
///
/// # Errors
///
/// If there is no runtime and it can't be installed.
pub fn runtime() -> Result<Runtime, Error> {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _guard = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    match locate() {
        Err(Error::NotInstalled { .. }) => install(terminal_progress()),
        located => located,
    }
}
