//! How a client reaches its runtime.

#[cfg(feature = "remote")]
use std::path::PathBuf;

#[cfg(feature = "remote")]
use secrecy::SecretString;

use self::sealed::Sealed;

/// The ways that start a process. This trait can't be implemented elsewhere.
pub trait StartsRuntime: Sealed {}

/// The runtime is started as a child of this program and ends with its client: [`Codex::builder`].
///
/// [`Codex::builder`]: crate::Codex::builder
#[derive(Debug, Clone, Copy, Default)]
pub struct Child(());

impl StartsRuntime for Child {}

impl Sealed for Child {}

/// The runtime is a server that this client connects to and that outlives it: `Codex::connect`.
#[cfg(feature = "remote")]
#[derive(Clone, Default)]
pub struct Remote {
    pub(crate) url: String,
    pub(crate) token: Option<SecretString>,
    pub(crate) plain_token: bool,
    /// Certificates in PEM format.
    pub(crate) roots: Option<Vec<u8>>,
}

/// The runtime is started as a server of this program: `Server::builder`.
#[cfg(feature = "remote")]
#[derive(Debug, Clone, Default)]
pub struct Serve {
    pub(crate) listen: Listen,
    pub(crate) token: Option<SecretString>,
}

#[cfg(feature = "remote")]
impl StartsRuntime for Serve {}

#[cfg(feature = "remote")]
impl Sealed for Serve {}

/// Where a `Server` listens.
#[cfg(feature = "remote")]
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Listen {
    /// On a free port of this machine, for local programs only.
    #[default]
    Loopback,
    /// On a Unix socket at this path, which only its owner can use.
    Unix(PathBuf),
}

mod sealed {
    pub trait Sealed {}
}
