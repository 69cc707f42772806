use std::env::consts::{ARCH, OS};
use std::path::{Path, PathBuf};
use std::{fs, io};

use serde::Deserialize;

use crate::staging::Staging;
use crate::task::{Outcome, Task};
use crate::{Flaw, Pin, Progress, package};

/// The npm command; on Windows it is a batch file, which must be named in full.
const NPM: &str = if cfg!(windows) { "npm.cmd" } else { "npm" };
/// The top folder of every npm tarball.
const ROOT: &str = "package";
const METADATA: &str = "package.json";
/// What an incomplete tarball lacks, for the error.
pub(crate) const CONTENTS: &str = "package.json and folder `vendor` for one platform";

/// Runs npm to download the tarball for this machine.
///
/// The user's and the administrator's settings for registries, proxies and certificates apply. A
/// `package.json` in the staging folder and `--no-workspaces` keep npm from reading the `.npmrc` of
/// a project further up.
pub(crate) fn download(task: &Task<'_>, pin: &Pin, progress: &mut dyn FnMut(&Progress)) -> Outcome {
    let staging = task.staging;
    let mut command = task.command(NPM);
    command
        .args([
            "pack",
            "--no-workspaces",
            "--ignore-scripts",
            "--no-dry-run",
        ])
        .args(["--no-update-notifier", "--loglevel=error"])
        .arg("--cache")
        .arg(staging.npm_cache())
        .arg("--pack-destination")
        .arg(staging.archives())
        .arg(spec(pin))
        // A script of a workspace sets this, and it excludes `--no-workspaces`.
        .env_remove("npm_config_workspace");
    if let Err(error) = fs::create_dir(staging.archives()) {
        return Outcome::Failed(error.to_string());
    }
    match task.run(&mut command, progress) {
        Outcome::Done if tarball(staging).is_err() => {
            Outcome::Failed("it succeeded without a tarball".to_owned())
        }
        outcome => outcome,
    }
}

/// The one tarball in the staging folder.
pub(crate) fn tarball(staging: &Staging) -> io::Result<PathBuf> {
    only_entry(&staging.archives())
}

/// Runs tar to unpack the verified tarball.
///
/// The tar of Linux, macOS and Windows takes these letters. `o` makes this user the owner of the
/// files: as root, tar would use the owner that the tarball names.
pub(crate) fn unpack(
    task: &Task<'_>,
    tarball: &Path,
    progress: &mut dyn FnMut(&Progress),
) -> Outcome {
    let staging = task.staging;
    if let Err(error) = fs::create_dir(staging.unpacked()) {
        return Outcome::Failed(error.to_string());
    }
    // GNU tar takes anything before a colon, such as a drive, for a host name.
    let relative = |path: &Path| path.strip_prefix(staging.root()).unwrap_or(path).to_owned();
    let mut command = task.command("tar");
    command.arg("-xzof").arg(relative(tarball));
    command.arg("-C").arg(relative(&staging.unpacked()));
    task.run(&mut command, progress)
}

/// Moves the unpacked files to where a wheel has them.
pub(crate) fn arrange(staging: &Staging) -> io::Result<()> {
    let root = staging.unpacked().join(ROOT);
    let platform = only_entry(&root.join("vendor"))?;
    let package = staging.package();
    fs::create_dir(&package)?;
    fs::rename(platform, package.join(package::FOLDER))?;
    fs::rename(root.join(METADATA), package.join(METADATA))
}

/// Checks the metadata of an arranged package.
pub(crate) fn check_metadata(package: &Path, pin: &Pin) -> Result<(), Flaw> {
    #[derive(Deserialize)]
    struct Metadata {
        name: String,
        version: String,
    }
    let metadata: Metadata = fs::read(package.join(METADATA))
        .ok()
        .and_then(|json| serde_json::from_slice(&json).ok())
        .ok_or_else(|| Flaw::Incomplete(METADATA.to_owned()))?;
    if metadata.name != pin.source().package() {
        let expected = format!("{METADATA} of {}", pin.source().package());
        return Err(Flaw::Incomplete(expected));
    }
    // The manifest names the platform more exactly.
    let platform = metadata.version.strip_prefix(pin.version());
    if platform.is_some_and(|platform| platform.starts_with('-')) {
        Ok(())
    } else {
        Err(Flaw::Version(metadata.version))
    }
}

/// The spec of the package for this machine, for npm.
fn spec(pin: &Pin) -> String {
    let system = match OS {
        "macos" => "darwin",
        "windows" => "win32",
        other => other,
    };
    let processor = match ARCH {
        "x86_64" => "x64",
        "aarch64" => "arm64",
        other => other,
    };
    let (package, version) = (pin.source().package(), pin.version());
    format!("{package}@{version}-{system}-{processor}")
}

fn only_entry(folder: &Path) -> io::Result<PathBuf> {
    let mut entries = fs::read_dir(folder)?;
    match (entries.next(), entries.next()) {
        (Some(entry), None) => Ok(entry?.path()),
        _ => Err(io::ErrorKind::NotFound.into()),
    }
}
