//! Programs that some tasks need, installed below `target` on first use.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use crate::regen::cargo;

pub(crate) struct Tool {
    pub(crate) name: &'static str,
    pub(crate) version: &'static str,
    /// For `cargo install`: its features.
    pub(crate) options: &'static [&'static str],
}

impl Tool {
    /// Where the program is.
    pub(crate) fn program(&self, root: &Path) -> Result<PathBuf> {
        let Self { name, version, .. } = self;
        let folder = root.join(format!("target/tools/{name}-{version}"));
        let program = folder.join(format!("bin/{name}{}", std::env::consts::EXE_SUFFIX));
        if !program.exists() {
            let mut install = cargo(root);
            install.args(["install", name, "--version", version, "--locked"]);
            install.args(self.options).arg("--root").arg(folder);
            let status = install.status().context("cargo can't be run")?;
            ensure!(
                status.success(),
                "{name} {version} can't be installed: {status}"
            );
        }
        Ok(program)
    }
}
