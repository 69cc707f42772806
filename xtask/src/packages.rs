//! The packages of a runtime: their hashes for every platform, from the ordinary clients.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::Command;
use std::str::FromStr;
use std::{fs, io};

use anyhow::{Context, Result, bail, ensure};
use data_encoding::{BASE64, HEXLOWER};
use serde_json::Value;

/// Where to look up the packages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// Python's package index, through pip.
    Pypi,
    /// npm's registry, through npm.
    Npm,
    /// A pin written by hand.
    File(PathBuf),
}

impl FromStr for Source {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(match text {
            "pypi" => Self::Pypi,
            "npm" => Self::Npm,
            path => Self::File(path.into()),
        })
    }
}

/// The machines to cover.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Platforms {
    All,
    /// Only this machine.
    Here,
}

impl Platforms {
    /// Selects the names for these operating systems and architectures.
    fn of(self, names: &[Name]) -> Vec<&'static str> {
        let here = (std::env::consts::OS, std::env::consts::ARCH);
        let wanted = names
            .iter()
            .filter(|(.., os, arch)| self == Self::All || (*os, *arch) == here);
        let names = wanted.map(|(name, ..)| *name);
        match self {
            Self::All => names.collect(),
            // If two fit this machine, either will do.
            Self::Here => names.take(1).collect(),
        }
    }
}

/// A client's name for a platform, with its operating system and architecture.
type Name = (&'static str, &'static str, &'static str);

const WHEELS: &str = "openai-codex-cli-bin";
const TARBALLS: &str = "@openai/codex";

/// pip's platform names for the eight wheels.
const WHEEL_PLATFORMS: [Name; 8] = [
    ("manylinux_2_17_x86_64", "linux", "x86_64"),
    ("manylinux_2_17_aarch64", "linux", "aarch64"),
    ("musllinux_1_1_x86_64", "linux", "x86_64"),
    ("musllinux_1_1_aarch64", "linux", "aarch64"),
    ("macosx_11_0_arm64", "macos", "aarch64"),
    ("macosx_11_0_x86_64", "macos", "x86_64"),
    ("win_amd64", "windows", "x86_64"),
    ("win_arm64", "windows", "aarch64"),
];

/// npm's version suffixes for the six tarballs.
const TARBALL_PLATFORMS: [Name; 6] = [
    ("linux-x64", "linux", "x86_64"),
    ("linux-arm64", "linux", "aarch64"),
    ("darwin-x64", "macos", "x86_64"),
    ("darwin-arm64", "macos", "aarch64"),
    ("win32-x64", "windows", "x86_64"),
    ("win32-arm64", "windows", "aarch64"),
];

/// The text of the pin, with its provenance.
pub fn pin(source: &Source, version: &str, platforms: Platforms) -> Result<String> {
    match source {
        Source::Pypi => {
            let hashes = hashes(&platforms.of(&WHEEL_PLATFORMS), |platform| {
                wheel(version, platform)
            })?;
            Ok(text(
                "its eight platform wheels. pip and uv verify",
                WHEELS,
                version,
                "sha256",
                &hashes,
            ))
        }
        Source::Npm => {
            let hashes = hashes(&platforms.of(&TARBALL_PLATFORMS), |platform| {
                tarball(version, platform)
            })?;
            Ok(text(
                "its six platform tarballs. The installer verifies",
                TARBALLS,
                version,
                "sha512",
                &hashes,
            ))
        }
        Source::File(path) => {
            fs::read_to_string(path).with_context(|| format!("reading the pin {}", path.display()))
        }
    }
}

/// The package named in a pin.
pub fn package(pin: &str) -> &'static str {
    let names_tarballs = |line: &str| line.trim_start().starts_with(TARBALLS);
    if pin.lines().any(names_tarballs) {
        TARBALLS
    } else {
        WHEELS
    }
}

fn hashes(platforms: &[&str], find: impl Fn(&str) -> Result<String>) -> Result<Vec<String>> {
    let mut hashes = Vec::new();
    for platform in platforms {
        hashes.push(find(platform)?);
    }
    Ok(hashes)
}

fn text(what: &str, package: &str, version: &str, algorithm: &str, hashes: &[String]) -> String {
    let mut text =
        format!("# The pinned Codex runtime: {what} against this file.\n{package}=={version}");
    for hash in hashes {
        let _ = write!(text, " \\\n    --hash={algorithm}:{hash}");
    }
    text + "\n"
}

/// The newest release that the source's client would install on this machine.
pub fn newest(source: &Source) -> Result<String> {
    let version = match source {
        Source::Pypi => {
            let platform = Platforms::Here.of(&WHEEL_PLATFORMS);
            let platform = platform
                .first()
                .context("there is no wheel for this machine")?;
            let report = pip(WHEELS, platform)?;
            report.pointer("/install/0/metadata/version").cloned()
        }
        Source::Npm => Some(npm(TARBALLS, "version")?),
        Source::File(path) => bail!("{} is no index of packages", path.display()),
    };
    let version = version.as_ref().and_then(Value::as_str);
    Ok(version.context("the client tells no version")?.to_owned())
}

/// The hash of a wheel, from pip's report of what it would install.
fn wheel(version: &str, platform: &str) -> Result<String> {
    let report = pip(&format!("{WHEELS}=={version}"), platform).with_context(|| {
        format!("{WHEELS} {version} has no wheel for {platform}: check the version, or take it `--from npm`")
    })?;
    let hash = report.pointer("/install/0/download_info/archive_info/hashes/sha256");
    let hash = hash
        .and_then(Value::as_str)
        .context("pip's report has no hash")?;
    Ok(hash.to_owned())
}

/// pip's report of what it would install.
fn pip(requirement: &str, platform: &str) -> Result<Value> {
    let folder = tempfile::tempdir()?;
    let mut pip = Command::new("python3");
    pip.args([
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
    ])
    .args([
        "--dry-run",
        "--report",
        "-",
        "--no-deps",
        "--ignore-installed",
    ])
    .args(["--only-binary=:all:", "--platform", platform, "--target"])
    .arg(folder.path())
    .arg(requirement)
    .current_dir(folder.path());
    json(&mut pip)
}

/// The hash of a tarball, from npm's own integrity value.
fn tarball(version: &str, platform: &str) -> Result<String> {
    let package = format!("{TARBALLS}@{version}-{platform}");
    let integrity = npm(&package, "dist.integrity").with_context(|| {
        format!("{TARBALLS} {version} has no tarball for {platform}: check the version")
    })?;
    let integrity = integrity.as_str().context("npm tells no integrity")?;
    let hash = integrity
        .strip_prefix("sha512-")
        .context("the integrity is no SHA-512")?;
    let hash = BASE64
        .decode(hash.as_bytes())
        .context("the integrity is no base64")?;
    ensure!(
        hash.len() == 64,
        "the integrity has {} bytes, not 64",
        hash.len()
    );
    Ok(HEXLOWER.encode(&hash))
}

/// npm's data about a package.
fn npm(package: &str, what: &str) -> Result<Value> {
    let folder = tempfile::tempdir()?;
    // On Windows npm is a script, which is only found by its full name.
    let mut npm = Command::new(if cfg!(windows) { "npm.cmd" } else { "npm" });
    npm.args(["view", "--json", package, what])
        .current_dir(folder.path());
    json(&mut npm)
}

/// Runs a client that prints JSON.
fn json(command: &mut Command) -> Result<Value> {
    let program = command.get_program().display().to_string();
    let output = command.output().map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => anyhow::anyhow!("{program} isn't installed: install it"),
        _ => anyhow::Error::new(error).context(format!("running {program}")),
    })?;
    if !output.status.success() {
        let errors = String::from_utf8_lossy(&output.stderr);
        let last = errors
            .lines()
            .rfind(|it| !it.trim().is_empty())
            .unwrap_or_default();
        bail!("{program}: {last}");
    }
    serde_json::from_slice(&output.stdout)
        .with_context(|| format!("reading what {program} printed"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pin_names_its_package() {
        for (package, algorithm) in [(WHEELS, "sha256"), (TARBALLS, "sha512")] {
            let text = text(
                "it",
                package,
                "1.2.3",
                algorithm,
                &["aa".to_owned(), "bb".to_owned()],
            );
            assert_eq!(super::package(&text), package);
            let expected = format!(
                "{package}==1.2.3 \\\n    --hash={algorithm}:aa \\\n    --hash={algorithm}:bb\n"
            );
            assert!(text.ends_with(&expected), "{text}");
        }
    }
}
