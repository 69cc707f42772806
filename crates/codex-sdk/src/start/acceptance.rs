//! Whether the runtime that was started is one to work with.

use std::path::Path;

use codex_cli_bin::RUNTIME_VERSION;

use crate::codex::compat;
use crate::codex::metadata::Metadata;
use crate::error::{Error, Result};

/// The refusal of a runtime that is too old, if that is why the handshake failed. `by_default`: the
/// arguments are this crate's.
pub(super) fn refusal(error: Error, by_default: bool) -> Error {
    match error {
        Error::Handshake { source, .. }
            if matches!(
                *source,
                Error::RuntimeUnsupported { .. } | Error::RuntimeTooOld { .. }
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

/// Whether this is the runtime that was asked for, with the home that it was given.
pub(super) fn accept(metadata: &Metadata, pinned: bool, home: Option<&Path>) -> Result<()> {
    if pinned && metadata.server_version != RUNTIME_VERSION {
        return Err(Error::RuntimeNotPinned {
            found: metadata.server_version.clone(),
        });
    }
    let Some(asked) = home else { return Ok(()) };
    let used = Path::new(&metadata.codex_home);
    // It follows links, and tells where they lead.
    let is_same = asked == used
        || matches!((asked.canonicalize(), used.canonicalize()), (Ok(asked), Ok(used)) if asked == used);
    if is_same {
        return Ok(());
    }
    Err(Error::HomeIgnored {
        asked: asked.to_owned(),
        used: used.to_owned(),
    })
}
