use std::fmt;
use std::time::Duration;

/// The current step of an installation, reported about five times a second.
///
/// Byte counts are what has arrived on the disk. A wheel is 120 to 160 MB, or about 360 MB
/// unpacked. `uv` unpacks while it downloads and reports only [`Progress::Unpacking`]. npm's
/// tarballs are about a fifth larger.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Progress {
    /// Waiting for another process that is installing.
    #[non_exhaustive]
    Waiting {
        /// How long this process has waited.
        elapsed: Duration,
    },
    /// The wheel or tarball is being fetched.
    #[non_exhaustive]
    Downloading {
        /// Bytes fetched so far.
        bytes: u64,
    },
    /// The wheel or tarball is being unpacked.
    #[non_exhaustive]
    Unpacking {
        /// Unpacked bytes so far.
        bytes: u64,
    },
    /// The wheel or tarball, or the unpacked package, is being checked.
    Checking,
    /// The runtime is in place.
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
