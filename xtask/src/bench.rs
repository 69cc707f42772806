//! `cargo xtask bench`: the client's overhead, compared with its peers.

use anyhow::{Result, ensure};

use crate::regen::{cargo, root};

/// Measures in a separate program, because it depends on the generated types and this one must not.
pub(crate) fn run(check: bool, cases: &[String]) -> Result<()> {
    let root = root()?;
    let release = ["--release", "--package", "codex-bench"];
    let mut build = cargo(&root);
    build.arg("build").args(release).arg("--bins");
    ensure!(build.status()?.success(), "the bench doesn't build");
    let mut bench = cargo(&root);
    bench
        .arg("run")
        .args(release)
        .args(["--quiet", "--bin", "codex-bench", "--"]);
    bench.args(check.then_some("--check")).args(cases);
    ensure!(bench.status()?.success(), "the bench has failed");
    Ok(())
}
