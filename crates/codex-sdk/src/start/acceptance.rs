//! Whether this SDK can work with the runtime that was started.

use std::path::Path;

use codex_cli_bin::RUNTIME_VERSION;

use crate::codex::compat;
use crate::codex::metadata::Metadata;
use crate::error::{Error, Result};

/// The refusal of a runtime that is too old, if that is why the handshake failed. `by_default`: the arguments
/// are this crate's own.
pub(super) fn refusal(error: Error, by_default: bool) -> Error {
    match error {
        Error::Handshake { source, .. }
            if matches!(
                *source,
                Error::UnsupportedRuntime { .. } | Error::RuntimeTooOld { .. }
            ) =>
        {
            *source
        }
        Error::Handshake { stderr_tail, .. }
            if by_default && compat::refuses_arguments(&stderr_tail) =>
        {
            compat::too_old("")
        }
        other => other,
    }
}

/// Refuses any runtime other than the pinned one, if that is required.
pub(super) fn accept(metadata: &Metadata, pinned: bool) -> Result<()> {
    if pinned && !metadata.is_pinned() {
        return Err(Error::UnsupportedRuntime {
            found: metadata.server_version.clone(),
            needs: RUNTIME_VERSION,
            pinned: RUNTIME_VERSION,
        });
    }
    Ok(())
}

/// Logs a warning if the runtime uses another home than it was given: a program in between may have chosen it,
/// such as a script, or a container in which the same folder has another path.
pub(super) fn warn_of_another_home(metadata: &Metadata, asked: &Path) {
    let used = Path::new(&metadata.codex_home);
    // The runtime follows links and reports where they lead.
    let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
    if real(asked) != real(used) {
        tracing::warn!(
            asked = ?asked,
            used = ?used,
            "the runtime uses another home than the one that it was given"
        );
    }
}
