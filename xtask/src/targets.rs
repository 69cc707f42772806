//! `cargo xtask targets`: type checks for systems that this isn't.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};

use crate::regen::{cargo, root};

/// The targets, with what is checked for each.
const TARGETS: [(&str, &[&str]); 5] = [
    ("x86_64-pc-windows-msvc", LIBRARIES),
    ("aarch64-apple-darwin", LIBRARIES),
    ("aarch64-unknown-linux-gnu", LIBRARIES),
    ("x86_64-unknown-linux-musl", LIBRARIES),
    ("wasm32-unknown-unknown", &["-p", "codex-types"]),
];
/// With their tests, examples and commands.
const LIBRARIES: &[&str] = &[
    "-p",
    "codex-types",
    "-p",
    "codex-cli-bin",
    "-p",
    "codex-sdk",
    "-p",
    "codex-testkit",
    "--all-targets",
    "--features",
    "codex-cli-bin/cli,codex-sdk/blocking,codex-sdk/remote,codex-testkit/cli",
];

/// What stands for the C compiler and the archiver of a target: an empty file for whatever is to be written. ring's
/// build wants them, and nothing is linked.
const NO_COMPILER: &str = r#"#!/bin/sh
before=
for argument in "$@"; do
    case "$before" in -o) : >"$argument" ;; esac
    case "$argument" in
        -Fo*) : >"${argument#-Fo}" ;;
        -out:* | /out:*) : >"${argument#?out:}" ;;
        *.a) : >"$argument" ;;
    esac
    before=$argument
done
"#;

/// The packages of a compiler that has the source of the standard library: for machines where rustup can't get what it
/// needs for a target.
const DEBIAN: [&str; 5] = [
    "rustc-web",
    "libstd-rust-web-dev",
    "libstd-rust-web-1.96",
    "rust-web-src",
    "libllvm22",
];

/// Checks one target, or each. Nothing is linked or run.
pub(crate) fn run(target: Option<&str>) -> Result<()> {
    let root = root()?;
    let names = TARGETS.map(|(name, _)| name);
    if let Some(target) = target {
        ensure!(
            names.contains(&target),
            "choose one of {}",
            names.join(", ")
        );
    }
    for (name, packages) in TARGETS {
        if target.is_none_or(|target| target == name) {
            writeln!(io::stdout(), "{name}")?;
            check(&root, name, packages).with_context(|| format!("the target {name}"))?;
        }
    }
    Ok(())
}

fn check(root: &Path, target: &str, packages: &[&str]) -> Result<()> {
    let mut check = cargo(root);
    check
        .args(["check", "--locked", "--target", target])
        .args(packages);
    if cfg!(unix) {
        let compiler = root.join("target/tools/no-compiler");
        fs::create_dir_all(root.join("target/tools"))?;
        fs::write(&compiler, NO_COMPILER)?;
        make_executable(&compiler)?;
        for tool in ["CC", "AR"] {
            check.env(format!("{tool}_{}", target.replace('-', "_")), &compiler);
        }
    }
    if !is_installed(target)? {
        check
            .env("RUSTC", from_debian(root)?)
            .env("RUSTC_BOOTSTRAP", "1");
        check
            .arg("-Zbuild-std=std,panic_abort,test")
            .arg("--target-dir")
            .arg(root.join("target/targets"));
    }
    let status = check.status().context("cargo can't be run")?;
    ensure!(status.success(), "it doesn't compile: see above");
    Ok(())
}

/// Whether rustup has the standard library of a target, or can get it.
fn is_installed(target: &str) -> Result<bool> {
    let folder = Command::new("rustc")
        .args(["--print", "target-libdir", "--target", target])
        .output();
    let folder = String::from_utf8(folder.context("rustc can't be run")?.stdout)?;
    if Path::new(folder.trim()).is_dir() {
        return Ok(true);
    }
    let mut add = Command::new("rustup");
    let added = add
        .args(["target", "add", target])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    Ok(added.is_ok_and(|status| status.success()))
}

/// A compiler that can build the standard library, unpacked below `target` and not installed.
fn from_debian(root: &Path) -> Result<PathBuf> {
    let folder = root.join("target/tools/rustc-with-source");
    let compiler = folder.join("rustc");
    if compiler.exists() {
        return Ok(compiler);
    }
    let packages = folder.join("packages");
    fs::create_dir_all(&packages)?;
    let mut download = Command::new("apt-get");
    download.arg("download").args(DEBIAN).current_dir(&packages);
    if !download.status().is_ok_and(|status| status.success()) {
        bail!(
            "neither rustup nor apt has the standard library for it: `rustup target add` says why"
        );
    }
    for entry in fs::read_dir(&packages)? {
        let mut unpack = Command::new("dpkg");
        unpack.arg("-x").arg(entry?.path()).arg(&folder);
        ensure!(unpack.status()?.success(), "a package can't be unpacked");
    }
    fs::remove_dir_all(packages)?;
    let usr = folder.join("usr");
    let (lib, usr) = (usr.join("lib"), usr.display());
    let libraries = format!("{}:{}/x86_64-linux-gnu", lib.display(), lib.display());
    let script =
        format!("#!/bin/sh\nLD_LIBRARY_PATH='{libraries}' exec '{usr}/bin/rustc' \"$@\"\n");
    fs::write(&compiler, script)?;
    make_executable(&compiler)?;
    Ok(compiler)
}

#[cfg(unix)]
fn make_executable(file: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;

    fs::set_permissions(file, fs::Permissions::from_mode(0o755))
}

#[cfg(not(unix))]
fn make_executable(_file: &Path) -> io::Result<()> {
    Ok(())
}
