//! The environment that the runtime gets.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

/// The variable that names the runtime's home.
pub(super) const CODEX_HOME: &str = "CODEX_HOME";

/// What a Codex session says about itself in the environment of its commands, perhaps including this program. A
/// runtime that inherited it would take the session's name or sandbox for its own.
const SESSION_MARKS: [&str; 14] = [
    "CODEX_APPLY_PATCH_PRESERVE_LINE_ENDINGS",
    "CODEX_CI",
    "CODEX_INTERNAL_ORIGINATOR_OVERRIDE",
    "CODEX_MANAGED_BY_BUN",
    "CODEX_MANAGED_BY_NPM",
    "CODEX_MANAGED_BY_PNPM",
    "CODEX_MANAGED_PACKAGE_ROOT",
    "CODEX_PERMISSION_PROFILE",
    "CODEX_SANDBOX",
    "CODEX_SANDBOX_NETWORK_DISABLED",
    "CODEX_SESSION_ID",
    "CODEX_THREAD_ID",
    "CODEX_TOOL_CALL_ID",
    "CODEX_VERSION",
];

/// What is inherited from this program's environment, and what is changed.
#[derive(Clone, Default)]
pub(super) struct Environment {
    /// The variables to set, or with `None`, to leave out.
    pub(super) changed: BTreeMap<OsString, Option<OsString>>,
    /// With `Some`, only these are inherited.
    pub(super) inherited: Option<Vec<OsString>>,
}

impl Environment {
    /// All variables, with this folder first on `PATH`.
    pub(super) fn variables(
        &self,
        path_dir: Option<&Path>,
    ) -> Result<BTreeMap<OsString, OsString>> {
        let mut variables: BTreeMap<_, _> = std::env::vars_os()
            .filter(|(key, _)| self.inherits(key))
            .collect();
        for (key, value) in &self.changed {
            variables.retain(|other, _| !same_key(other, key));
            if let Some(value) = value {
                check_variable(key, value)?;
                variables.insert(key.clone(), value.clone());
            }
        }
        if let Some(home) = self.home()? {
            variables.retain(|other, _| !same_key(other, OsStr::new(CODEX_HOME)));
            variables.insert(OsString::from(CODEX_HOME), home.into_os_string());
        }
        if let Some(dir) = path_dir {
            put_first_on_path(&mut variables, dir);
        }
        Ok(variables)
    }

    fn inherits(&self, key: &OsStr) -> bool {
        let is_in = |names: &[OsString]| names.iter().any(|name| same_key(name, key));
        match &self.inherited {
            Some(allowed) => is_in(allowed),
            None => !SESSION_MARKS
                .iter()
                .any(|mark| same_key(OsStr::new(mark), key)),
        }
    }

    /// The home that the builder sets, if any, as the runtime gets it.
    pub(super) fn chosen_home(&self) -> Result<Option<PathBuf>> {
        let mut chosen = self.changed.iter();
        let chosen = chosen.rfind(|(key, _)| same_key(key, OsStr::new(CODEX_HOME)));
        match chosen {
            Some((_, Some(home))) if home.is_empty() => Err(Error::InvalidInput(
                "`CODEX_HOME` is empty: name a folder, or leave it out".to_owned(),
            )),
            Some((_, Some(home))) => absolute_home(home).map(Some),
            _ => Ok(None),
        }
    }

    /// The home that a variable sets, including the program's own.
    fn home(&self) -> Result<Option<PathBuf>> {
        let is_changed = |key: &OsStr| self.changed.keys().any(|other| same_key(other, key));
        let key = OsStr::new(CODEX_HOME);
        if is_changed(key) {
            return self.chosen_home();
        }
        match std::env::var_os(key).filter(|home| self.inherits(key) && !home.is_empty()) {
            Some(home) => absolute_home(&home).map(Some),
            None => Ok(None),
        }
    }
}

/// A home's absolute path: the runtime would start from its own working folder, which may be another.
fn absolute_home(home: &OsStr) -> Result<PathBuf> {
    let path = std::path::absolute(home).unwrap_or_else(|_| PathBuf::from(home));
    if !path.is_dir() {
        return Err(Error::HomeMissing { path });
    }
    // The runtime would silently use its default home. It follows links.
    let real = path.canonicalize().unwrap_or_else(|_| path.clone());
    if path.to_str().is_none() || real.to_str().is_none() {
        return Err(Error::InvalidInput(format!(
            "`CODEX_HOME` names {}, which is not valid UTF-8, as the runtime needs it: choose another folder",
            real.display()
        )));
    }
    Ok(path)
}

/// Refuses what a process can't be given, or would get as something else.
fn check_variable(key: &OsStr, value: &OsStr) -> Result<()> {
    let problem = if key.is_empty() {
        "an environment variable must have a name"
    } else if has(key, b'=') || has(key, 0) {
        "the name of an environment variable can't have `=` or NUL in it"
    } else if has(value, 0) {
        "the value of an environment variable can't have NUL in it"
    } else {
        return Ok(());
    };
    // Only the name: the value may be a secret.
    let key = key.to_string_lossy();
    Err(Error::InvalidInput(format!("{problem}: {key:?}")))
}

/// Whether the text contains this ASCII character.
pub(super) fn has(text: &OsStr, byte: u8) -> bool {
    text.as_encoded_bytes().contains(&byte)
}

/// Leaves out empty entries, which mean the current folder.
fn put_first_on_path(variables: &mut BTreeMap<OsString, OsString>, dir: &Path) {
    let key = variables
        .keys()
        .find(|key| same_key(key, OsStr::new("PATH")));
    let key = key.cloned().unwrap_or_else(|| OsString::from("PATH"));
    let path = variables.get(&key).cloned().unwrap_or_default();
    let rest =
        std::env::split_paths(&path).filter(|other| other != dir && !other.as_os_str().is_empty());
    // Fails only for a folder whose name contains the separator; the runtime works without it.
    if let Ok(path) = std::env::join_paths(std::iter::once(dir.to_owned()).chain(rest)) {
        variables.insert(key, path);
    }
}

/// Whether two names are the same variable: Windows ignores case.
fn same_key(one: &OsStr, other: &OsStr) -> bool {
    if cfg!(windows) {
        one.eq_ignore_ascii_case(other)
    } else {
        one == other
    }
}
