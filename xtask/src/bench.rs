//! `cargo xtask bench`: what the client costs, beside its peers.

use std::process::Command;

use anyhow::{Result, ensure};

use crate::regen::root;

/// Measures in a program of its own, which depends on the generated types: this one must not.
pub(crate) fn run(check: bool, cases: &[String]) -> Result<()> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let release = ["--release", "--package", "codex-bench"];
    let mut build = Command::new(&cargo);
    build.arg("build").args(release).arg("--bins");
    ensure!(
        build.current_dir(root()?).status()?.success(),
        "the bench doesn't build"
    );
    let mut bench = Command::new(&cargo);
    bench
        .arg("run")
        .args(release)
        .args(["--quiet", "--bin", "codex-bench", "--"]);
    bench.args(check.then_some("--check")).args(cases);
    ensure!(
        bench.current_dir(root()?).status()?.success(),
        "the bench has failed"
    );
    Ok(())
}
