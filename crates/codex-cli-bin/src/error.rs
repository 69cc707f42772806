use std::path::PathBuf;
use std::time::Duration;
use std::{error, fmt, io};

/// Why the runtime could not be found or installed.
///
/// A failed installation installs nothing and leaves nothing half-done.
///
/// `Debug` is for people, too: it prints the message and that of the source. `unwrap`, and a `main` that
/// returns an error, print it.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No runtime was found in any of the places where [`locate`](crate::locate()) looks.
    #[error(
        "the Codex runtime {version} is not installed: call `codex_sdk::runtime::install` or \
         `.install_runtime(true)`, or run `cargo xtask runtime install` (`codex-cli-bin install` \
         outside this repository)"
    )]
    #[non_exhaustive]
    NotInstalled {
        /// The version that is pinned.
        version: String,
    },

    /// The executable that was chosen by its path can't be used.
    #[error("{chosen_by} names {}, which {problem}: give the path of a Codex executable", .path.display())]
    #[non_exhaustive]
    UnusableBinary {
        /// Where the path came from: `codex_bin` or `CODEX_SDK_BIN`.
        chosen_by: &'static str,
        /// The path.
        path: PathBuf,
        /// What is wrong with it.
        problem: &'static str,
    },

    /// The user has no home folder, so there is no folder to install into.
    #[error("no home folder was found to keep the runtime in: set CODEX_SDK_RUNTIME_DIR")]
    NoDataDir,

    /// The folder that runtimes are installed into can't be used.
    #[error(
        "cannot write to the runtime folder {}: make it writable, or name another with \
         CODEX_SDK_RUNTIME_DIR",
        .path.display()
    )]
    #[non_exhaustive]
    DataDir {
        /// The folder.
        path: PathBuf,
        /// The error from the system.
        source: io::Error,
    },

    /// Another process held the lock on the runtime folder for too long.
    #[error(
        "another installation has held {} for {} s: end it, then try again",
        .lock.display(), .waited.as_secs()
    )]
    #[non_exhaustive]
    Locked {
        /// The lock file.
        lock: PathBuf,
        /// How long this one waited.
        waited: Duration,
    },

    /// Neither `uv` nor `pip` could install the package; with a pin for npm, `npm` or `tar` failed.
    #[error(
        "no installer could get the Codex runtime ({}): install {}, then try again",
        Attempts(.attempts), needed(.attempts)
    )]
    #[non_exhaustive]
    NoInstaller {
        /// What was tried, in this order.
        attempts: Vec<Attempt>,
    },

    /// The package that `uv`, `pip` or `npm` got isn't the pinned one.
    #[error(
        "{what} does not match the pinned hashes of the Codex runtime {version}: nothing was \
         installed; get it again, and if that doesn't help, check where it comes from"
    )]
    #[non_exhaustive]
    HashMismatch {
        /// The wheel or tarball, or the installer that downloaded it.
        what: String,
        /// The version that is pinned.
        version: String,
    },

    /// The installer was ended because nothing arrived on the disk for too long.
    #[error("{installer} made no progress for {} s and was ended: check the network, then try again", .after.as_secs())]
    #[non_exhaustive]
    Stalled {
        /// The installer.
        installer: &'static str,
        /// The time without progress.
        after: Duration,
    },

    /// A wheel file can't be read; with a pin for npm, a tarball.
    #[error("cannot read the {archive} {}: give the path of a {archive} of {package}", .path.display())]
    #[non_exhaustive]
    Wheel {
        /// The given path.
        path: PathBuf,
        /// The expected kind of file: a `wheel` or a `tarball`.
        archive: &'static str,
        /// The name of the pinned package.
        package: &'static str,
        /// The error from the system.
        source: io::Error,
    },

    /// The text of a pin is not an exact, hashed requirement.
    #[error("the pin cannot be used, {reason}: pin one exact version with its hashes")]
    #[non_exhaustive]
    InvalidPin {
        /// What is wrong with it.
        reason: String,
    },

    /// A runtime was found, but can't be trusted.
    #[error("the package of the Codex runtime in {} {flaw}, so it is not used: {}", .path.display(), .flaw.advice())]
    #[non_exhaustive]
    Untrusted {
        /// The folder that contains the package.
        path: PathBuf,
        /// What is wrong with it.
        flaw: Flaw,
    },

    /// The installed package doesn't match its pin.
    #[error("the package of the Codex runtime {version} {flaw}, so it was not installed: {}", .flaw.advice())]
    #[non_exhaustive]
    Unfit {
        /// The version that is pinned.
        version: String,
        /// What is wrong with it.
        flaw: Flaw,
    },
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")?;
        match error::Error::source(self) {
            Some(source) => write!(f, ": {source}"),
            None => Ok(()),
        }
    }
}

/// One installer that was tried, and how it ended.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Attempt {
    /// The command: `uv`, `python3 -m pip`, `npm`, …
    pub installer: &'static str,
    /// The error it printed, without credentials, or that it wasn't found.
    pub outcome: String,
}

struct Attempts<'a>(&'a [Attempt]);

impl fmt::Display for Attempts<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, attempt) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { "; " };
            write!(f, "{separator}{}: {}", attempt.installer, attempt.outcome)?;
        }
        Ok(())
    }
}

/// What to install or fix to make one of these work.
fn needed(attempts: &[Attempt]) -> &'static str {
    match attempts.first().map(|attempt| attempt.installer) {
        Some("npm") => "Node.js with npm, or fix what it reports",
        Some("tar") => "tar, or fix what it reports",
        _ => "uv, or Python with pip, or fix what they report",
    }
}

/// What is wrong with a package that can't be used.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Flaw {
    /// It names a program or folder outside itself: the path.
    Outside(String),
    /// Another user may change this path, which is part of the package or contains it.
    Exposed(PathBuf),
    /// A file of the package is missing or unreadable.
    Incomplete(String),
    /// It is another version: the version it names.
    Version(String),
    /// It is built for another operating system or architecture: its target triple.
    Platform(String),
    /// `codex --version` didn't finish within this time.
    Unresponsive(Duration),
    /// `codex --version` failed or printed another version: its last line of output.
    Broken(String),
}

impl Flaw {
    fn advice(&self) -> &'static str {
        match self {
            Self::Platform(_) => {
                "use a Python or uv of the same architecture as this program, or the tarball for \
                 this machine, or build this program for the package's"
            }
            Self::Unresponsive(_) => "try again when the machine is less busy",
            Self::Broken(_) => {
                "check that programs may run from the runtime folder, or name another with \
                 CODEX_SDK_RUNTIME_DIR"
            }
            Self::Exposed(_) => {
                "let it belong to this user or to root, and take the others' right to write (`chmod -R go-w`)"
            }
            Self::Outside(_) => "remove it, and install it again",
            Self::Incomplete(_) | Self::Version(_) => {
                "pin another release, or remove it and install it again"
            }
        }
    }
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Incomplete(missing) => write!(f, "lacks a readable {missing}"),
            Self::Outside(path) => write!(f, "names {path:?}, which is not in it"),
            Self::Exposed(path) => {
                write!(f, "can be changed by other users ({})", path.display())
            }
            Self::Version(found) => write!(f, "says that it is version {found}"),
            Self::Platform(target) => write!(
                f,
                "is built for {target}, not for {} on {}",
                std::env::consts::OS,
                std::env::consts::ARCH
            ),
            Self::Unresponsive(after) => write!(
                f,
                "did not answer `codex --version` within {} s",
                after.as_secs_f32()
            ),
            Self::Broken(output) => write!(f, "answered `codex --version` with `{output}`"),
        }
    }
}
