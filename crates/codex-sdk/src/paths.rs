//! Paths as the protocol carries them.

use std::path::PathBuf;

use crate::error::{Error, Result};

/// Converts a path that the runtime resolves against its own working folder, if it isn't absolute.
pub(crate) fn utf8(path: PathBuf) -> Result<String> {
    let problem = match path.into_os_string().into_string() {
        Ok(path) if path.contains('\0') => format!("the path {path:?} has NUL in it"),
        Ok(path) => return Ok(path),
        Err(path) => format!(
            "the path {} is not valid UTF-8, which the protocol needs",
            path.display()
        ),
    };
    Err(Error::InvalidInput(problem))
}

/// Converts a path that has to be absolute.
pub(crate) fn absolute(path: PathBuf) -> Result<String> {
    if path.is_relative() {
        let problem = format!("the path {} isn't absolute", path.display());
        return Err(Error::InvalidInput(problem));
    }
    utf8(path)
}
