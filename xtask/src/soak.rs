//! `cargo xtask soak`: a client that works for minutes or hours, and what it takes meanwhile.

use anyhow::{Context, Result, ensure};

use crate::regen::{cargo, root};

/// Runs it in another program, because it depends on the generated types and this one must not.
pub(crate) fn run(minutes: f64, write: bool) -> Result<()> {
    let root = root()?;
    let mut soak = cargo(&root);
    soak.args([
        "run",
        "--release",
        "--quiet",
        "--package",
        "codex-e2e",
        "--bin",
        "soak",
        "--",
    ]);
    soak.arg(minutes.to_string())
        .args(write.then(|| root.join("docs/reliability.md")));
    let status = soak.status().context("cargo can't be run")?;
    ensure!(
        status.success(),
        "the client has failed, or has grown: see above"
    );
    Ok(())
}
