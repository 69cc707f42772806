//! The runtime to test with.

use std::sync::{Mutex, PoisonError};

use codex_cli_bin::{Error, Runtime, install, locate, terminal_progress};

/// The runtime that is located as the SDK does it, else the pinned one, which is installed now.
///
/// It blocks, for minutes if it installs; progress is shown on stderr. Tests that ask at the same time
/// wait for one installation.
///
/// # Errors
///
/// If there is none and it can't be installed.
pub fn runtime() -> Result<Runtime, Error> {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _guard = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    match locate() {
        Err(Error::NotInstalled { .. }) => install(terminal_progress()),
        located => located,
    }
}
