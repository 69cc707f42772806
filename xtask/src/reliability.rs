//! `cargo xtask reliability`: runs the fault suite and writes what came of each fault to docs/reliability.md.

use std::fs;
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::process::Stdio;

use anyhow::{Context, Result, ensure};

use crate::regen::{cargo, root};

const PAGE: &str = "the_page_has_every_row";

/// Runs each fault once. The page is written only if all were tried and came to the expected outcome.
pub(crate) fn run() -> Result<()> {
    let root = root()?;
    let suite = || {
        let mut suite = cargo(&root);
        suite.args(["test", "--package", "codex-e2e", "--test", "faults", "--"]);
        suite
    };
    let mut running = suite()
        .args(["--skip", PAGE])
        .stdout(Stdio::piped())
        .spawn()
        .context("cargo can't be run")?;
    let output = running.stdout.take().context("cargo has no output")?;
    let mut rows = String::new();
    for line in BufReader::new(output).lines() {
        let line = line?;
        writeln!(io::stdout(), "{line}")?;
        // The harness may have begun a line of its own.
        if let Some(at) = line.find("fault | ") {
            rows += &line[at..];
            rows.push('\n');
        }
    }
    ensure!(
        running.wait()?.success(),
        "a fault came to another outcome: see above"
    );
    ensure!(
        !rows.is_empty(),
        "no fault was tried: the suite runs on Linux"
    );
    ensure!(
        !rows.contains("| not tried"),
        "this machine can't try each fault: see above"
    );
    let file = root.join("target/faults.txt");
    fs::write(&file, rows)?;
    let written = suite()
        .arg(PAGE)
        .env("CODEX_WRITE_FAULTS", &file)
        .status()?;
    ensure!(
        written.success(),
        "docs/reliability.md could not be written"
    );
    Ok(())
}
