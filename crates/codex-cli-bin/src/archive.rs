use std::fmt::Write as _;
use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;
use std::{fs, io};

use sha2::{Digest, Sha256, Sha512};

use crate::pin::Source;
use crate::staging::Staging;
use crate::{Error, Pin};

/// Copies the wheel or tarball at `path` into the staging folder if it is a pinned one.
///
/// Verifying here gives a clearer error than an installer's, and makes a copy that nobody else can
/// change, alone in its folder. pip and uv verify a wheel once more.
pub(crate) fn copy_verified(path: &Path, staging: &Staging, pin: &Pin) -> Result<(), Error> {
    let unreadable = |source| Error::Wheel {
        path: path.to_owned(),
        archive: pin.source().archive(),
        package: pin.source().package(),
        source,
    };
    let unwritable = |source| Error::DataDir {
        path: staging.root().to_owned(),
        source,
    };
    let name = path
        .file_name()
        .ok_or_else(|| unreadable(io::ErrorKind::IsADirectory.into()))?;
    let mut archive = File::open(path).map_err(unreadable)?;
    let folder = staging.archives();
    fs::create_dir(&folder).map_err(unwritable)?;
    let mut copy = File::create(folder.join(name)).map_err(unwritable)?;
    let mut hash = Hash::of(pin.source());
    let mut buffer = vec![0; 1 << 20];
    loop {
        let length = archive.read(&mut buffer).map_err(unreadable)?;
        if length == 0 {
            break;
        }
        hash.update(&buffer[..length]);
        copy.write_all(&buffer[..length]).map_err(unwritable)?;
    }
    if pin.allows(&hash.hex()) {
        Ok(())
    } else {
        Err(mismatch(path.display().to_string(), pin))
    }
}

/// Whether the file at `path`, which nobody else can change, is a pinned one.
pub(crate) fn is_pinned(path: &Path, pin: &Pin) -> io::Result<bool> {
    let mut hash = Hash::of(pin.source());
    io::copy(&mut File::open(path)?, &mut hash)?;
    Ok(pin.allows(&hash.hex()))
}

/// The error for `what`, which doesn't match `pin`.
pub(crate) fn mismatch(what: String, pin: &Pin) -> Error {
    Error::HashMismatch {
        what,
        version: pin.version().to_owned(),
    }
}

/// The kind of hash that a source publishes for its archives.
enum Hash {
    Sha256(Sha256),
    Sha512(Sha512),
}

impl Hash {
    fn of(source: Source) -> Self {
        match source {
            Source::Index => Self::Sha256(Sha256::new()),
            Source::Npm => Self::Sha512(Sha512::new()),
        }
    }

    fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Sha256(hash) => hash.update(bytes),
            Self::Sha512(hash) => hash.update(bytes),
        }
    }

    fn hex(self) -> String {
        match self {
            Self::Sha256(hash) => hex(&hash.finalize()),
            Self::Sha512(hash) => hex(&hash.finalize()),
        }
    }
}

impl Write for Hash {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut hex, byte| {
        // Writing to a string can't fail.
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}
