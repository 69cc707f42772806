//! `cargo xtask pictures`: the pictures of the pages, drawn from what programs show.

use anyhow::{Context, Result, ensure};

use crate::regen::{cargo, root};

/// Runs the tests that compare the pictures, and has them draw.
///
/// The terminal's is always the same. That of the web page takes a Chromium, whose version it depends on; without one
/// it stays as it is.
pub(crate) fn run() -> Result<()> {
    let status = cargo(&root()?)
        .args(["test", "--package", "codex-e2e", "--test", "it", "--"])
        .args(["pictures::", "web_service::page::"])
        .env("CODEX_DRAW_PICTURES", "1")
        .status()
        .context("cargo can't be run")?;
    ensure!(status.success(), "a picture could not be drawn");
    Ok(())
}
