use std::fmt::Write as _;
use std::fs::File;
use std::io::{Read, Write as _};
use std::path::Path;
use std::{fs, io};

use sha2::{Digest, Sha256};

use crate::staging::Staging;
use crate::{Error, Pin};

/// Copies the wheel at `path` into the staging folder, if it is a pinned one.
///
/// Verifying here gives a clearer error than an installer's, and a copy that nobody else can
/// change, alone in its folder. The installer verifies it once more.
pub(crate) fn copy_verified(path: &Path, staging: &Staging, pin: &Pin) -> Result<(), Error> {
    let unreadable = |source| Error::Wheel {
        path: path.to_owned(),
        source,
    };
    let unwritable = |source| Error::DataDir {
        path: staging.root().to_owned(),
        source,
    };
    let name = path
        .file_name()
        .ok_or_else(|| unreadable(io::ErrorKind::IsADirectory.into()))?;
    let mut wheel = File::open(path).map_err(unreadable)?;
    let folder = staging.wheels();
    fs::create_dir(&folder).map_err(unwritable)?;
    let mut copy = File::create(folder.join(name)).map_err(unwritable)?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        let length = wheel.read(&mut buffer).map_err(unreadable)?;
        if length == 0 {
            break;
        }
        hash.update(&buffer[..length]);
        copy.write_all(&buffer[..length]).map_err(unwritable)?;
    }
    if pin.allows(&hex(&hash.finalize())) {
        Ok(())
    } else {
        Err(Error::HashMismatch {
            what: path.display().to_string(),
            version: pin.version().to_owned(),
        })
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut hex, byte| {
        // Writing to a string can't fail.
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}
