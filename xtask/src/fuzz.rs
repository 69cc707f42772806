//! `cargo xtask fuzz`: random input for what reads the runtime's messages.

use std::ffi::OsStr;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use crate::regen::root;
use crate::tool::Tool;

const CARGO_FUZZ: Tool = Tool {
    name: "cargo-fuzz",
    version: "0.13.2",
    options: &[],
};

/// Runs one target, or each, for that many seconds.
///
/// Inputs that reach something new are kept in `target/fuzz-corpus`; those in `fuzz/seeds` come first. An input that
/// fails is kept in `fuzz/artifacts`, and the command to repeat it is printed.
pub(crate) fn run(target: Option<&str>, seconds: u64) -> Result<()> {
    let root = root()?;
    let targets = targets(&root)?;
    if let Some(target) = target
        && !targets.iter().any(|it| it == target)
    {
        bail!(
            "there is no target {target:?}: choose one of {}",
            targets.join(", ")
        );
    }
    let nightly = Command::new("cargo")
        .args(["+nightly", "--version"])
        .output();
    ensure!(
        nightly.is_ok_and(|output| output.status.success()),
        "fuzzing needs a nightly compiler: `rustup toolchain install nightly`"
    );
    let program = CARGO_FUZZ.program(&root)?;
    for name in &targets {
        if target.is_none_or(|target| target == name) {
            fuzz(&root, &program, name, seconds).with_context(|| format!("the target {name}"))?;
        }
    }
    Ok(())
}

/// The targets by their files.
fn targets(root: &Path) -> Result<Vec<String>> {
    let mut targets = Vec::new();
    for entry in fs::read_dir(root.join("fuzz/targets"))? {
        let path = entry?.path();
        let name = path.file_stem().and_then(OsStr::to_str).unwrap_or_default();
        targets.push(name.to_owned());
    }
    targets.sort();
    Ok(targets)
}

fn fuzz(root: &Path, program: &Path, target: &str, seconds: u64) -> Result<()> {
    let corpus = root.join("target/fuzz-corpus").join(target);
    fs::create_dir_all(&corpus)?;
    let mut command = Command::new(program);
    // As cargo calls its subcommands.
    command
        .args(["fuzz", "run", "--target-dir"])
        .arg(root.join("target/fuzz"));
    command
        .arg(target)
        .arg(corpus)
        .arg(root.join("fuzz/seeds").join(target));
    command.args([
        "--",
        &format!("-max_total_time={seconds}"),
        "-timeout=20",
        "-print_final_stats=1",
    ]);
    command
        .current_dir(root)
        .env("RUSTUP_TOOLCHAIN", "nightly")
        .env_remove("CARGO");
    let status = command.status().context("cargo-fuzz can't be run")?;
    ensure!(status.success(), "it has found something: see above");
    Ok(())
}
