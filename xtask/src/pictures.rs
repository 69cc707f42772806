//! `cargo xtask pictures`: draws the pictures on the pages from what programs show.

use anyhow::{Context, Result, ensure};

use crate::regen::{cargo, root};

/// Runs the tests that compare the pictures, in the mode that draws them.
///
/// The terminal's picture is always the same. The web page's needs a Chromium, and depends on its version; without
/// one, the picture stays as it is.
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
