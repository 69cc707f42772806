use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};
use std::{fs, io, process};

use crate::{access, package};

const PREFIX: &str = ".staging-";

/// A folder next to the package's destination, on the same file system, that only this user can
/// enter. Dropping the value removes it.
pub(crate) struct Staging {
    root: PathBuf,
}

impl Staging {
    /// Creates a fresh staging folder in `data_dir`, and removes those left by killed
    /// installations. The lock on `data_dir` must be held.
    pub(crate) fn create(data_dir: &Path) -> io::Result<Self> {
        for entry in fs::read_dir(data_dir)?.flatten() {
            if entry
                .file_name()
                .as_encoded_bytes()
                .starts_with(PREFIX.as_bytes())
            {
                // On Windows, a process that outlived its installation may still keep files open.
                let _ = fs::remove_dir_all(entry.path());
            }
        }
        let mut number = 0;
        let root = loop {
            let root = data_dir.join(format!("{PREFIX}{}-{number}", process::id()));
            match private_folder(&root) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => number += 1,
                created => break created.map(|()| root)?,
            }
        };
        let staging = Self { root };
        fs::create_dir(staging.temp())?;
        // uv reads the nearest `uv.toml` at or above its working directory. With this one, only the
        // user's and the system's settings apply.
        File::create(staging.root.join("uv.toml"))?;
        // The same for npm, which reads a project's settings next to the nearest `package.json`.
        fs::write(staging.root.join("package.json"), "{}")?;
        Ok(staging)
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// The installer's temporary folder.
    pub(crate) fn temp(&self) -> PathBuf {
        self.root.join("tmp")
    }

    /// A separate cache for uv: its download can be watched, and isn't stored twice.
    pub(crate) fn uv_cache(&self) -> PathBuf {
        self.root.join("uv-cache")
    }

    pub(crate) fn requirements(&self) -> PathBuf {
        self.root.join("requirements.txt")
    }

    /// The same for npm.
    pub(crate) fn npm_cache(&self) -> PathBuf {
        self.root.join("npm-cache")
    }

    /// A folder for the one archive, either given by its path or packed by npm.
    pub(crate) fn archives(&self) -> PathBuf {
        self.root.join("archives")
    }

    /// Where npm's tarball is unpacked.
    pub(crate) fn unpacked(&self) -> PathBuf {
        self.root.join("unpacked")
    }

    /// Where the installer puts the package.
    pub(crate) fn package(&self) -> PathBuf {
        self.root.join("package")
    }

    /// Removes the remains of a failed installer: pip wouldn't replace them.
    pub(crate) fn clear(&self) -> io::Result<()> {
        for folder in [self.package(), self.temp(), self.uv_cache()] {
            match fs::remove_dir_all(folder) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        fs::create_dir(self.temp())
    }

    /// Measures what the installer has written before it moves the package to its place.
    pub(crate) fn sizes(&self) -> Sizes {
        let mut sizes = Sizes::default();
        measure(&self.temp(), false, &mut sizes);
        measure(&self.uv_cache(), false, &mut sizes);
        measure(&self.unpacked(), true, &mut sizes);
        // npm's cache gives no file a telling name.
        let mut cache = Sizes::default();
        measure(&self.npm_cache(), false, &mut cache);
        sizes.archive += cache.other;
        sizes
    }

    /// Removes everybody else's write access to the package, and waits until it is on the disk: the
    /// rename that follows must not survive a power failure that loses the content.
    pub(crate) fn sync_package(&self) -> io::Result<()> {
        sync(&self.package())
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        // The next installation tries again.
        let _ = fs::remove_dir_all(&self.root);
    }
}

/// Bytes on the disk.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Sizes {
    pub(crate) archive: u64,
    pub(crate) unpacked: u64,
    /// Files of neither kind, such as pip's download cache.
    pub(crate) other: u64,
}

fn measure(folder: &Path, in_package: bool, sizes: &mut Sizes) {
    // A running installer creates and removes files: an unreadable one no longer exists.
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let (path, Ok(metadata)) = (entry.path(), entry.metadata()) else {
            continue;
        };
        if metadata.is_dir() {
            measure(
                &path,
                in_package || entry.file_name() == package::FOLDER,
                sizes,
            );
        } else if in_package {
            sizes.unpacked += metadata.len();
        } else if path.extension().is_some_and(|extension| extension == "whl") {
            sizes.archive += metadata.len();
        } else {
            sizes.other += metadata.len();
        }
    }
}

fn sync(folder: &Path) -> io::Result<()> {
    access::close(folder)?;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            sync(&entry.path())?;
        } else {
            access::close(&entry.path())?;
            // Windows flushes only files that are open for writing.
            let mut options = OpenOptions::new();
            options.read(true).append(cfg!(windows));
            options.open(entry.path())?.sync_all()?;
        }
    }
    Ok(())
}

#[cfg(unix)]
fn private_folder(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    fs::DirBuilder::new().mode(0o700).create(path)
}

/// On Windows, the files in a user's folder already belong to that user.
#[cfg(not(unix))]
fn private_folder(path: &Path) -> io::Result<()> {
    fs::create_dir(path)
}
