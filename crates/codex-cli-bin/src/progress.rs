use std::fmt;
use std::time::Duration;

/// What an installation is doing, reported about five times a second.
///
/// Byte counts are what has arrived on the disk. A wheel is 120 to 160 MB, unpacked about 360 MB;
/// `uv` unpacks while it downloads and reports [`Progress::Unpacking`] only. npm's tarballs are
/// about a fifth larger.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Progress {
    /// Another process is installing; this one waits for it.
    #[non_exhaustive]
    Waiting {
        /// How long it has waited.
        elapsed: Duration,
    },
    /// The wheel or tarball is being fetched.
    #[non_exhaustive]
    Downloading {
        /// Bytes of it so far.
        bytes: u64,
    },
    /// The wheel or tarball is being unpacked.
    #[non_exhaustive]
    Unpacking {
        /// Unpacked bytes so far.
        bytes: u64,
    },
    /// The wheel or tarball, or what was unpacked, is being checked.
    Checking,
    /// The runtime is in its place.
    Installed,
}

impl fmt::Display for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Waiting { elapsed } => write!(
                f,
                "waiting for another installation ({} s)",
                elapsed.as_secs()
            ),
            Self::Downloading { bytes } => write!(f, "downloading ({})", Megabytes(*bytes)),
            Self::Unpacking { bytes } => write!(f, "unpacking ({})", Megabytes(*bytes)),
            Self::Checking => f.write_str("checking"),
            Self::Installed => f.write_str("installed"),
        }
    }
}

struct Megabytes(u64);

impl fmt::Display for Megabytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} MB", self.0 / 1_000_000)
    }
}
