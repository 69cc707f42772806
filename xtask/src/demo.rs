//! `cargo xtask demo`: runs an example with a scripted model.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::{fs, io};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use crate::regen::{cargo, root};

/// Runs an example; without a name, lists them with the first line of each.
///
/// The model is in the crate of the end-to-end suites, which needs the generated types. Their generator
/// must not depend on them, so the model is a separate program, which cargo builds on demand.
pub(crate) fn run(name: Option<&str>, arguments: &[OsString]) -> Result<()> {
    let examples = examples()?;
    let Some(name) = name else {
        let mut out = io::stdout();
        writeln!(out, "cargo xtask demo NAME [-- ARGUMENTS]\n")?;
        for (name, shows) in examples {
            writeln!(out, "  {name:20} {shows}")?;
        }
        return Ok(());
    };
    ensure!(
        examples.iter().any(|(example, _)| example == name),
        "there is no example {name:?}: `cargo xtask demo` lists those that there are"
    );
    let built = build(name)?;
    let path = |name| {
        built
            .get(name)
            .with_context(|| format!("cargo has not built `{name}`"))
    };
    let mut command = if name == "quickstart" {
        // It has its own script.
        let mut command = Command::new(path(name)?);
        command.arg("--scripted");
        command
    } else {
        let mut command = Command::new(path("demo")?);
        command.arg(path(name)?);
        command
    };
    become_of(command.args(arguments))
}

/// Builds an example and the program with the model, as `cargo test --workspace` does, and returns their
/// paths.
fn build(example: &str) -> Result<BTreeMap<String, PathBuf>> {
    let output = cargo(&root()?)
        .args(["build", "-p", "codex-e2e", "-p", "codex-sdk"])
        .args(["--bin", "demo", "--example", example])
        .arg("--message-format=json-render-diagnostics")
        .stderr(Stdio::inherit())
        .output()
        .context("cargo can't be run")?;
    ensure!(output.status.success(), "the example doesn't build");
    let mut built = BTreeMap::new();
    for line in String::from_utf8(output.stdout)?.lines() {
        let message: Value = serde_json::from_str(line)?;
        let (name, path) = (&message["target"]["name"], &message["executable"]);
        if let (Some(name), Some(path)) = (name.as_str(), path.as_str()) {
            built.insert(name.to_owned(), path.into());
        }
    }
    Ok(built)
}

/// The SDK's examples by name, each with the first line of its documentation.
fn examples() -> Result<Vec<(String, String)>> {
    let folder = root()?.join("crates/codex-sdk/examples");
    let mut examples = Vec::new();
    for entry in
        fs::read_dir(&folder).with_context(|| format!("can't read {}", folder.display()))?
    {
        let path = entry?.path();
        let Some(name) = path.file_stem().and_then(|name| name.to_str()) else {
            continue;
        };
        if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path)?;
            let shows = text.lines().next().unwrap_or_default();
            let shows = shows.trim_start_matches("//! ");
            examples.push((name.to_owned(), shows.to_owned()));
        }
    }
    examples.sort();
    Ok(examples)
}

/// Replaces this process with the other program, which then gets Ctrl-C from the terminal alone.
#[cfg(unix)]
fn become_of(command: &mut Command) -> Result<()> {
    use std::os::unix::process::CommandExt as _;

    let error = command.exec();
    bail!("the example can't be run: {error}")
}

#[cfg(not(unix))]
fn become_of(command: &mut Command) -> Result<()> {
    let status = command.status().context("the example can't be run")?;
    if !status.success() {
        bail!("the example failed: {status}");
    }
    Ok(())
}
