use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use std::{fs, io, thread};

use crate::candidate::CANDIDATES;
use crate::package::Package;
use crate::pin::Source;
use crate::staging::Staging;
use crate::task::{Outcome, Task};
use crate::{
    Attempt, Error, Flaw, Origin, Pin, Progress, Runtime, access, archive, check, data_dir, npm,
};

const REPORT: Duration = Duration::from_millis(200);

/// Installs a runtime; by default the pinned one for the current user.
///
/// The first of `uv`, `python3 -m pip` and `python -m pip` (on Windows also `py -3 -m pip`) that
/// works fetches the package and verifies its hash, with the user's own settings for indexes,
/// mirrors and certificates. With a [`Pin`] for npm, `npm` fetches the package with the user's
/// registry settings, this crate verifies its hash, and `tar` unpacks it.
///
/// The package must then be complete, of the pinned version, and for this operating system and
/// architecture, and `codex --version` must answer. Only then is it moved into place, in one step:
/// an installation that fails or is killed leaves nothing that [`locate`](crate::locate()) would
/// find, and the next one removes any remains. A lock file allows one process to install at a time;
/// the others wait and use the result.
#[derive(Debug, Clone)]
#[must_use]
pub struct Installer {
    pin: Pin,
    data_dir: Option<PathBuf>,
    wheel: Option<PathBuf>,
    lock_timeout: Duration,
    stall_timeout: Duration,
    check_timeout: Duration,
}

impl Default for Installer {
    fn default() -> Self {
        Self {
            pin: Pin::default(),
            data_dir: None,
            wheel: None,
            lock_timeout: Duration::from_secs(30 * 60),
            stall_timeout: Duration::from_secs(5 * 60),
            check_timeout: Duration::from_secs(10),
        }
    }
}

impl Installer {
    /// Installs the runtime of another pin. Default: [`RUNTIME_VERSION`](crate::RUNTIME_VERSION).
    pub fn pin(mut self, pin: Pin) -> Self {
        self.pin = pin;
        self
    }

    /// Installs into a folder other than [`data_dir`].
    pub fn data_dir(mut self, folder: impl Into<PathBuf>) -> Self {
        self.data_dir = Some(folder.into());
        self
    }

    /// Installs offline from a wheel file, or from a tarball with a [`Pin`] for npm. By default the
    /// package comes from the user's index or registry.
    pub fn wheel(mut self, wheel: impl Into<PathBuf>) -> Self {
        self.wheel = Some(wheel.into());
        self
    }

    /// Sets how long to wait for another process that is installing; 30 minutes by default.
    pub fn lock_timeout(mut self, timeout: Duration) -> Self {
        self.lock_timeout = timeout;
        self
    }

    /// Sets how long a download may go without anything arriving on the disk before it is given up;
    /// 5 minutes by default.
    pub fn stall_timeout(mut self, timeout: Duration) -> Self {
        self.stall_timeout = timeout;
        self
    }

    /// Sets how long `codex --version` may take; 10 seconds by default.
    pub fn check_timeout(mut self, timeout: Duration) -> Self {
        self.check_timeout = timeout;
        self
    }

    /// Returns the runtime if it is already installed; starts no process.
    ///
    /// # Errors
    /// [`Error::NoDataDir`] if there is no folder to look in, [`Error::DataDir`] if its path can't
    /// be made absolute; [`Error::Untrusted`] if the installed package is of another version, names
    /// a program outside itself, or, on Unix, can be changed by users other than this one and root.
    pub fn installed(&self) -> Result<Option<Runtime>, Error> {
        let folder = self.folder()?;
        let place = self.place(&folder);
        let package = Package::open(&place).and_then(|package| {
            package.check(self.pin.version(), &[&folder, &place])?;
            Ok(package.into_runtime(Origin::Installed))
        });
        match package {
            Ok(runtime) => Ok(Some(runtime)),
            // Missing or damaged: the next installation replaces it.
            Err(Flaw::Incomplete(_)) => Ok(None),
            Err(flaw) => Err(Error::Untrusted { path: place, flaw }),
        }
    }

    /// Installs the runtime unless it is already installed. Blocks until it is there, and calls
    /// `progress` on this thread.
    ///
    /// # Errors
    /// [`Error::NoInstaller`], [`Error::Stalled`], [`Error::HashMismatch`] or [`Error::Unfit`] if
    /// the package can't be fetched or is wrong; [`Error::Wheel`]; [`Error::Locked`];
    /// [`Error::NoDataDir`], [`Error::DataDir`]; [`Error::Untrusted`] for a package that is already
    /// installed. After any error, nothing was installed; each says what to do next.
    pub fn install(&self, mut progress: impl FnMut(&Progress)) -> Result<Runtime, Error> {
        if let Some(runtime) = self.installed()? {
            return Ok(runtime);
        }
        let folder = self.folder()?;
        let unusable = |source| Error::DataDir {
            path: folder.clone(),
            source,
        };
        access::create_folder(&folder).map_err(unusable)?;
        let _lock = self.lock(&folder, &mut progress)?;
        // The process that held the lock may have installed it.
        if let Some(runtime) = self.installed()? {
            return Ok(runtime);
        }
        let staging = Staging::create(&folder).map_err(unusable)?;
        self.fetch(&staging, &mut progress)?;
        progress(&Progress::Checking);
        let unfit = |flaw| self.unfit(flaw);
        check::check(&staging, &self.pin, self.check_timeout).map_err(unfit)?;
        let place = self.place(&folder);
        publish(&staging, &place).map_err(unusable)?;
        let package = Package::open(&place).map_err(unfit)?;
        progress(&Progress::Installed);
        Ok(package.into_runtime(Origin::Installed))
    }

    fn folder(&self) -> Result<PathBuf, Error> {
        match &self.data_dir {
            // The installers run in a different folder from this process.
            Some(folder) => std::path::absolute(folder).map_err(|source| Error::DataDir {
                path: folder.clone(),
                source,
            }),
            None => data_dir(),
        }
    }

    /// The folder of the installed runtime; if it exists, the runtime was checked.
    fn place(&self, folder: &Path) -> PathBuf {
        let package = match self.pin.source() {
            Source::Index => "openai-codex-cli-bin",
            Source::Npm => "openai-codex",
        };
        folder.join(format!("{package}-{}", self.pin.version()))
    }

    /// Takes the lock, which is held as long as the file is open.
    fn lock(&self, folder: &Path, progress: &mut dyn FnMut(&Progress)) -> Result<File, Error> {
        let path = folder.join("install.lock");
        let unusable = |source| Error::DataDir {
            path: folder.to_owned(),
            source,
        };
        let file = File::options().create(true).append(true).open(&path);
        let file = file.map_err(unusable)?;
        let start = Instant::now();
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(file),
                Err(TryLockError::Error(source)) => return Err(unusable(source)),
                Err(TryLockError::WouldBlock) => {}
            }
            let elapsed = start.elapsed();
            if elapsed >= self.lock_timeout {
                return Err(Error::Locked {
                    lock: path,
                    waited: elapsed,
                });
            }
            progress(&Progress::Waiting { elapsed });
            thread::sleep(REPORT);
        }
    }

    /// Runs installers to put the package into the staging folder.
    fn fetch(&self, staging: &Staging, progress: &mut dyn FnMut(&Progress)) -> Result<(), Error> {
        if let Some(archive) = &self.wheel {
            progress(&Progress::Checking);
            archive::copy_verified(archive, staging, &self.pin)?;
        }
        let task = Task {
            staging,
            archives: self.wheel.is_some().then(|| staging.archives()),
            stall_timeout: self.stall_timeout,
        };
        match self.pin.source() {
            Source::Index => self.fetch_wheel(&task, progress),
            Source::Npm => self.fetch_tarball(task, progress),
        }
    }

    /// The first of uv and pip that works does everything.
    fn fetch_wheel(
        &self,
        task: &Task<'_>,
        progress: &mut dyn FnMut(&Progress),
    ) -> Result<(), Error> {
        let staging = task.staging;
        let unusable = |source| unusable(staging, source);
        fs::write(staging.requirements(), self.pin.requirements()).map_err(unusable)?;
        let mut attempts = Vec::new();
        for candidate in CANDIDATES {
            match self.ended(candidate.name, candidate.run(task, progress))? {
                None => return Ok(()),
                Some(attempt) => attempts.push(attempt),
            }
            staging.clear().map_err(unusable)?;
        }
        Err(Error::NoInstaller { attempts })
    }

    /// npm downloads, tar unpacks. Nothing is unpacked before its hash is compared with the pin's.
    fn fetch_tarball(
        &self,
        mut task: Task<'_>,
        progress: &mut dyn FnMut(&Progress),
    ) -> Result<(), Error> {
        let staging = task.staging;
        let unusable = |source| unusable(staging, source);
        let step = |installer, outcome| match self.ended(installer, outcome)? {
            None => Ok(()),
            Some(attempt) => Err(Error::NoInstaller {
                attempts: vec![attempt],
            }),
        };
        let is_given = task.archives.is_some();
        if !is_given {
            step("npm", npm::download(&task, &self.pin, progress))?;
            task.archives = Some(staging.archives());
        }
        let tarball = npm::tarball(staging).map_err(unusable)?;
        if !is_given {
            progress(&Progress::Checking);
            if !archive::is_pinned(&tarball, &self.pin).map_err(unusable)? {
                return Err(archive::mismatch(
                    "what npm downloaded".to_owned(),
                    &self.pin,
                ));
            }
        }
        // Don't keep two copies on the disk.
        let _ = fs::remove_dir_all(staging.npm_cache());
        step("tar", npm::unpack(&task, &tarball, progress))?;
        npm::arrange(staging).map_err(|source| match source.kind() {
            io::ErrorKind::NotFound => self.unfit(Flaw::Incomplete(npm::CONTENTS.to_owned())),
            _ => unusable(source),
        })
    }

    /// Interprets an installer's outcome: success, or a failed attempt.
    fn ended(&self, installer: &'static str, outcome: Outcome) -> Result<Option<Attempt>, Error> {
        match outcome {
            Outcome::Done => Ok(None),
            Outcome::Failed(outcome) => Ok(Some(Attempt { installer, outcome })),
            // Another installer would get the same package.
            Outcome::HashMismatch => Err(archive::mismatch(
                format!("what {installer} downloaded"),
                &self.pin,
            )),
            Outcome::Stalled => Err(Error::Stalled {
                installer,
                after: self.stall_timeout,
            }),
        }
    }

    fn unfit(&self, flaw: Flaw) -> Error {
        Error::Unfit {
            version: self.pin.version().to_owned(),
            flaw,
        }
    }
}

fn unusable(staging: &Staging, source: io::Error) -> Error {
    Error::DataDir {
        path: staging.root().to_owned(),
        source,
    }
}

/// Moves the package from the staging folder into place in one step.
fn publish(staging: &Staging, place: &Path) -> io::Result<()> {
    staging.sync_package()?;
    // Only a damaged installation can be there: an intact one would have been found.
    match fs::rename(place, staging.root().join("damaged")) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    fs::rename(staging.package(), place)
}
