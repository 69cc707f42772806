//! `cargo xtask deny`: whether the dependencies keep to the policy in deny.toml.

use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::regen::root;
use crate::tool::Tool;

const CARGO_DENY: Tool = Tool {
    name: "cargo-deny",
    version: "0.20.2",
    options: &[],
};

/// Checks licences, sources and banned crates, and known vulnerabilities where their database can be fetched.
pub(crate) fn run(advisories: bool) -> Result<()> {
    let root = root()?;
    let program = CARGO_DENY.program(&root)?;
    // The fuzz targets are a workspace of their own.
    for manifest in ["Cargo.toml", "fuzz/Cargo.toml"] {
        let mut deny = Command::new(&program);
        deny.current_dir(&root)
            .args([
                "--manifest-path",
                manifest,
                "--config",
                "deny.toml",
                "check",
            ])
            .args(["bans", "licenses", "sources"]);
        let status = deny.args(advisories.then_some("advisories")).status();
        let status = status.context("cargo-deny can't be run")?;
        ensure!(
            status.success(),
            "a dependency of {manifest} breaks the policy: see above"
        );
    }
    Ok(())
}
