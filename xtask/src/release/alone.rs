//! Checks that the packages suffice: builds a program outside the workspace from them and nothing else
//! of ours.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result, ensure};

use super::packages::unpack;
use super::{Release, output};
use crate::regen::cargo;

/// Prints the location of its runtime.
const PROGRAM: &str = r#"fn main() -> Result<(), codex_sdk::runtime::Error> {
    println!("{}", codex_sdk::runtime::locate()?);
    Ok(())
}
"#;

/// Builds the program with the SDK alone and runs it to find its runtime; then checks all packages with all features.
pub(super) fn step(release: &Release) -> Result<String> {
    let folder = tempfile::tempdir()?;
    let folder = folder.path();
    ensure!(
        !folder.starts_with(&release.root),
        "the folder for temporary files, {}, is within the workspace: set another one",
        folder.display()
    );
    for package in &release.packages {
        unpack(package, release, folder)?;
    }
    fs::create_dir(folder.join("src"))?;
    fs::write(folder.join("src/main.rs"), PROGRAM)?;
    // Use the same versions of other crates as the tests.
    fs::copy(release.root.join("Cargo.lock"), folder.join("Cargo.lock"))?;

    let started = Instant::now();
    fs::write(folder.join("Cargo.toml"), manifest(release, false))?;
    run(folder, &["build", "--offline"]).context("the packaged codex-sdk doesn't build alone")?;
    let seconds = started.elapsed().as_secs();
    let found = run(folder, &["run", "--offline", "--quiet"]).context(
        "the program built from the package finds no runtime: `cargo xtask runtime install` installs the pinned one",
    )?;

    fs::write(folder.join("Cargo.toml"), manifest(release, true))?;
    run(folder, &["check", "--offline"])
        .context("a package doesn't build with all of its features")?;
    Ok(format!(
        "built in {seconds} s, and found {}",
        found.trim_end()
    ))
}

fn run(folder: &Path, arguments: &[&str]) -> Result<String> {
    let mut command = cargo(folder);
    command
        .args(arguments)
        .env("CARGO_TARGET_DIR", folder.join("target"))
        // Programs that depend on the SDK don't have these.
        .env_remove("CODEX_SDK_BIN")
        .env_remove("RUSTFLAGS");
    output(&mut command)
}

/// A manifest that depends on the SDK, as from a registry, or on every package with every feature. Our packages are
/// unpacked here.
fn manifest(release: &Release, all: bool) -> String {
    let mut text = String::from(
        "[package]\nname = \"alone\"\nedition = \"2024\"\n\n[workspace]\n\n[dependencies]\n",
    );
    for package in &release.packages {
        let features: Vec<_> = package.features().map(|it| format!("{it:?}")).collect();
        let features = if all {
            features.join(", ")
        } else {
            String::new()
        };
        let library = package.library();
        if all || library == "codex_sdk" {
            let (name, version) = (&package.name, &package.version);
            let _ = writeln!(
                text,
                "{library} = {{ package = {name:?}, version = \"={version}\", features = [{features}] }}"
            );
        }
    }
    text += "\n[patch.crates-io]\n";
    for package in &release.packages {
        let _ = writeln!(
            text,
            "{} = {{ path = \"{}\" }}",
            package.name,
            package.stem()
        );
    }
    text
}
