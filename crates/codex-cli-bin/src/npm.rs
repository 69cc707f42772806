use std::env::consts::{ARCH, OS};
use std::path::{Path, PathBuf};
use std::{fs, io};

use serde::Deserialize;

use crate::staging::Staging;
use crate::task::{Outcome, Task};
use crate::{Flaw, Pin, Progress, package};

/// What runs here; on Windows npm is a batch file, which has to be named in full.
const NPM: &str = if cfg!(windows) { "npm.cmd" } else { "npm" };
/// What npm calls the folder that every tarball has.
const ROOT: &str = "package";
const METADATA: &str = "package.json";
/// What a tarball without them lacks.
pub(crate) const CONTENTS: &str = "package.json and folder `vendor` for one platform";

/// Has npm download the tarball for this machine.
///
/// What the user and the administrator have set for registries, proxies and certificates applies.
/// A `package.json` in the staging folder and `--no-workspaces` keep npm from reading the `.npmrc`
/// of a project further up.
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
        // A script of a workspace sets it; it excludes `--no-workspaces`.
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

/// Has tar unpack the verified tarball.
///
/// Linux, macOS and Windows all have a tar that takes these letters. `o` leaves the files to this
/// user: for root, tar would give them to whom the tarball names.
pub(crate) fn unpack(
    task: &Task<'_>,
    tarball: &Path,
    progress: &mut dyn FnMut(&Progress),
) -> Outcome {
    let staging = task.staging;
    if let Err(error) = fs::create_dir(staging.unpacked()) {
        return Outcome::Failed(error.to_string());
    }
    // GNU tar takes what stands before a colon, such as a drive, for the name of a host.
    let relative = |path: &Path| path.strip_prefix(staging.root()).unwrap_or(path).to_owned();
    let mut command = task.command("tar");
    command.arg("-xzof").arg(relative(tarball));
    command.arg("-C").arg(relative(&staging.unpacked()));
    task.run(&mut command, progress)
}

/// Moves what was unpacked to where a wheel has it.
pub(crate) fn arrange(staging: &Staging) -> io::Result<()> {
    let root = staging.unpacked().join(ROOT);
    let platform = only_entry(&root.join("vendor"))?;
    let package = staging.package();
    fs::create_dir(&package)?;
    fs::rename(platform, package.join(package::FOLDER))?;
    fs::rename(root.join(METADATA), package.join(METADATA))
}

/// Checks the metadata of a package that was arranged.
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
    // The manifest says more exactly what platform it is for.
    let platform = metadata.version.strip_prefix(pin.version());
    if platform.is_some_and(|platform| platform.starts_with('-')) {
        Ok(())
    } else {
        Err(Flaw::Version(metadata.version))
    }
}

/// The package for this machine, as npm is asked for it.
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
