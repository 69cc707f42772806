use std::env::consts::{ARCH, OS};
use std::io;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::child::Child;
use crate::output::telling_line;
use crate::package::Package;
use crate::pin::Source;
use crate::staging::Staging;
use crate::{Flaw, Pin, npm, package};

/// Checks that the package in `staging` matches `pin`, is for this machine, and starts.
pub(crate) fn check(staging: &Staging, pin: &Pin, timeout: Duration) -> Result<(), Flaw> {
    let package = Package::open(&staging.package())?;
    match pin.source() {
        Source::Index => check_wheel(&staging.package(), pin)?,
        Source::Npm => npm::check_metadata(&staging.package(), pin)?,
    }
    if package.version() != pin.version() {
        return Err(Flaw::Version(package.version().to_owned()));
    }
    if !is_for_this_machine(package.target()) {
        return Err(Flaw::Platform(package.target().to_owned()));
    }
    let output = ask_version(&package, staging, timeout)?;
    // The output is the program's name, then the version.
    if output.split_whitespace().next_back() == Some(pin.version()) {
        Ok(())
    } else {
        Err(Flaw::Broken(telling_line(&output).unwrap_or_default()))
    }
}

fn check_wheel(package: &Path, pin: &Pin) -> Result<(), Flaw> {
    let metadata = format!("{}-{}.dist-info", package::DISTRIBUTION, pin.version());
    if package.join(&metadata).is_dir() {
        Ok(())
    } else {
        Err(Flaw::Incomplete(metadata))
    }
}

fn ask_version(package: &Package, staging: &Staging, timeout: Duration) -> Result<String, Flaw> {
    let broken = |error: io::Error| Flaw::Broken(error.to_string());
    let mut command: Command = Child::command(package.codex());
    // Without its own home, it would create one in the user's.
    command.arg("--version").current_dir(staging.root());
    command.env("CODEX_HOME", staging.root());
    let start = Instant::now();
    let mut child = Child::spawn(&mut command, staging.root().join("version")).map_err(broken)?;
    match child
        .wait_while(|| start.elapsed() < timeout)
        .map_err(broken)?
    {
        None => Err(Flaw::Unresponsive(timeout)),
        Some(status) if status.success() => Ok(child.output()),
        Some(status) => Err(Flaw::Broken(
            telling_line(&child.output()).unwrap_or_else(|| status.to_string()),
        )),
    }
}

/// Compares operating system and architecture. The C library doesn't matter: on Linux the runtime
/// is statically linked.
fn is_for_this_machine(target: &str) -> bool {
    let system = match OS {
        "macos" => "darwin",
        other => other,
    };
    let mut parts = target.split('-');
    parts.next() == Some(ARCH) && parts.any(|part| part == system)
}
