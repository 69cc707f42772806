use std::path::{Path, PathBuf};
use std::{env, fmt, fs, path};

use etcetera::BaseStrategy;

use crate::package::Package;
use crate::{Error, Flaw, Installer, RUNTIME_VERSION};

const BIN_VARIABLE: &str = "CODEX_SDK_BIN";
const DIR_VARIABLE: &str = "CODEX_SDK_RUNTIME_DIR";

/// A runtime that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Runtime {
    /// The `codex` executable, as an absolute path.
    pub codex: PathBuf,
    /// The folder of bundled programs that belongs first on the `PATH` of `codex`; an executable
    /// chosen by its path has none.
    pub path_dir: Option<PathBuf>,
    /// The version, if it is known without starting `codex`.
    pub version: Option<String>,
    /// Where it was found.
    pub origin: Origin,
}

/// One line for each known field.
impl fmt::Display for Runtime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "codex    {}", self.codex.display())?;
        writeln!(f, "origin   {}", self.origin)?;
        let version = self.version.as_deref().unwrap_or("unknown");
        write!(f, "version  {version}")?;
        match &self.path_dir {
            Some(folder) => write!(f, "\non PATH  {}", folder.display()),
            None => Ok(()),
        }
    }
}

/// Where a [`Runtime`] was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Origin {
    /// Named by its path in the program.
    Explicit,
    /// Named by the environment variable `CODEX_SDK_BIN`.
    Environment,
    /// Installed by this crate.
    Installed,
    /// Found as the package in the active Python environment.
    PythonEnvironment,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Explicit => "chosen by its path",
            Self::Environment => "chosen by CODEX_SDK_BIN",
            Self::Installed => "installed",
            Self::PythonEnvironment => "in the active Python environment",
        })
    }
}

/// Finds the runtime without starting a process or using the network.
///
/// The first of these counts:
/// 1. the executable that the environment variable `CODEX_SDK_BIN` names, whatever its version;
/// 2. the pinned runtime, if it is installed in [`data_dir`];
/// 3. the package in the active Python environment (`VIRTUAL_ENV`, then `CONDA_PREFIX`), if its
///    version is the pinned one.
///
/// A `codex` on `PATH` is never taken: it could be any version.
///
/// # Errors
/// [`Error::NotInstalled`] if there is none, [`Error::UnusableBinary`] if `CODEX_SDK_BIN` is wrong,
/// [`Error::DataDir`] if `CODEX_SDK_RUNTIME_DIR` can't be made absolute, [`Error::Untrusted`] if
/// the package that was found names a program outside itself or, on Unix, can be changed by users
/// other than this one and root. An installed package must also be of the pinned version.
pub fn locate() -> Result<Runtime, Error> {
    if let Some(path) = variable(BIN_VARIABLE) {
        return binary(&path, BIN_VARIABLE, Origin::Environment);
    }
    let not_installed = || Error::NotInstalled {
        version: RUNTIME_VERSION.to_owned(),
    };
    match Installer::default().installed() {
        // Without a home folder nothing is installed, but there may be a Python environment.
        Ok(None) | Err(Error::NoDataDir) => in_python_environment()?.ok_or_else(not_installed),
        Ok(Some(runtime)) => Ok(runtime),
        Err(error) => Err(error),
    }
}

/// Uses the executable at `path` as the runtime, whatever its version. It isn't started.
///
/// # Errors
/// [`Error::UnusableBinary`] if it isn't an executable file.
pub fn explicit(path: impl AsRef<Path>) -> Result<Runtime, Error> {
    binary(path.as_ref(), "codex_bin", Origin::Explicit)
}

/// Returns the folder that runtimes are installed into: `CODEX_SDK_RUNTIME_DIR`, or else a folder
/// in the current user's data folder. It may not exist yet.
///
/// # Errors
/// [`Error::NoDataDir`] if the user has no home folder, [`Error::DataDir`] if
/// `CODEX_SDK_RUNTIME_DIR` can't be made absolute.
pub fn data_dir() -> Result<PathBuf, Error> {
    if let Some(dir) = variable(DIR_VARIABLE) {
        return path::absolute(&dir).map_err(|source| Error::DataDir { path: dir, source });
    }
    let user = etcetera::base_strategy::choose_native_strategy().map_err(|_| Error::NoDataDir)?;
    // The data folder on Windows roams: it is copied at every login, too often for 360 MB.
    let base = if cfg!(windows) {
        user.cache_dir()
    } else {
        user.data_dir()
    };
    Ok(base.join("codex-sdk").join("runtime"))
}

fn binary(path: &Path, chosen_by: &'static str, origin: Origin) -> Result<Runtime, Error> {
    let unusable = |problem| Error::UnusableBinary {
        chosen_by,
        path: path.to_owned(),
        problem,
    };
    let metadata = fs::metadata(path).map_err(|_| unusable("does not exist"))?;
    if !metadata.is_file() {
        return Err(unusable("is not a file"));
    }
    if !is_executable(&metadata) {
        return Err(unusable("is not executable"));
    }
    Ok(Runtime {
        // The runtime may be started in a different folder.
        codex: path::absolute(path).map_err(|_| unusable("is not a path"))?,
        path_dir: None,
        version: None,
        origin,
    })
}

#[cfg(unix)]
fn is_executable(metadata: &fs::Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt;
    metadata.permissions().mode() & 0o111 != 0
}

#[cfg(not(unix))]
fn is_executable(_: &fs::Metadata) -> bool {
    true
}

fn in_python_environment() -> Result<Option<Runtime>, Error> {
    let sites = ["VIRTUAL_ENV", "CONDA_PREFIX"]
        .into_iter()
        .filter_map(variable)
        .flat_map(|environment| site_packages(&environment));
    for site in sites {
        let package = Package::open(&site).and_then(|package| {
            package.check(RUNTIME_VERSION, &[&site])?;
            Ok(package.into_runtime(Origin::PythonEnvironment))
        });
        match package {
            Ok(runtime) => return Ok(Some(runtime)),
            Err(Flaw::Incomplete(_) | Flaw::Version(_)) => {}
            Err(flaw) => return Err(Error::Untrusted { path: site, flaw }),
        }
    }
    Ok(None)
}

#[cfg(not(windows))]
fn site_packages(environment: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(environment.join("lib")) else {
        return Vec::new();
    };
    entries
        .flatten()
        .filter(|entry| entry.file_name().as_encoded_bytes().starts_with(b"python"))
        .map(|entry| entry.path().join("site-packages"))
        .collect()
}

#[cfg(windows)]
fn site_packages(environment: &Path) -> Vec<PathBuf> {
    vec![environment.join("Lib").join("site-packages")]
}

/// An environment variable's value; empty counts as unset.
fn variable(name: &str) -> Option<PathBuf> {
    env::var_os(name)
        .filter(|value| !value.is_empty())
        .map(PathBuf::from)
}
