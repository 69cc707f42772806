//! `cargo xtask parity`: the public names of the official Python SDK, and `docs/parity.md`, which lists
//! the counterpart of each name and the test that covers it.
//!
//! The names are checked in: everything but their origin is checked offline and without Python. The list
//! of behaviours, `docs/parity/behaviours.md`, is also checked in; its numbers start the names of tests.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::codegen::Files;
use crate::regen::root;

mod behaviours;
mod table;
mod test_names;

/// The release that this SDK is compared with. The Python SDK is released less often than the runtime.
const PYTHON_SDK: &str = "0.163.0";
const COMMAND: &str = "cargo xtask parity";
const TABLE: &str = "docs/parity.md";
/// The folder of the names. Apart from them, it contains only the list of behaviours.
const NAMES: &str = "docs/parity";
const BEHAVIOURS: &str = "docs/parity/behaviours.md";
/// Reads the names from the package's sources without running them.
const SCRIPT: &str = include_str!("parity/surface.py");

/// Writes the package's names, or compares them with `check`; then checks the pages.
pub fn run(check: bool, package: Option<&Path>) -> Result<()> {
    let root = root()?;
    let names = match package {
        Some(folder) => names_in(folder)?,
        None => names_of_release()?,
    };
    let mut files = Files::of(COMMAND);
    files.own(NAMES);
    files.keep(BEHAVIOURS);
    files.add(names_file(), names);
    files.ensure(&root, check)?;
    check_table(&root)?;
    check_behaviours(&root)?;
    eprintln!("every public name of openai-codex {PYTHON_SDK} has its row in {TABLE}");
    eprintln!("every number in the name of a test has its row in {BEHAVIOURS}");
    Ok(())
}

fn names_file() -> String {
    format!("{NAMES}/openai-codex-{PYTHON_SDK}.txt")
}

/// The names in the package.
fn names_of_release() -> Result<String> {
    // Next to this program, which is below the target folder.
    let program = std::env::current_exe()?;
    let target = program.parent().context("this program has no folder")?;
    let folder = tempfile::tempdir_in(target)?;
    // No code in the wheel is run, neither during installation nor afterwards.
    let mut pip = python(folder.path());
    pip.args(["-m", "pip", "install", "--quiet", "--no-deps"])
        .args(["--only-binary=:all:", "--disable-pip-version-check"])
        .args(["--target", "."])
        .arg(format!("openai-codex=={PYTHON_SDK}"));
    output(pip).context(
        "installing the Python package: see what pip says above, or name a folder that has it with `--package`",
    )?;
    names_in(folder.path())
}

fn names_in(folder: &Path) -> Result<String> {
    ensure!(
        folder.join("openai_codex").is_dir(),
        "{} holds no `openai_codex`: name the folder that it is installed in",
        folder.display()
    );
    let mut script = python(folder);
    script.args(["-I", "-c", SCRIPT, "."]);
    output(script).context(
        "reading `openai_codex`: it isn't written as xtask/src/parity/surface.py expects it, which has to follow",
    )
}

/// Python in a folder where none of our files interfere. This is the interpreter itself: a version
/// manager's shim adds its own steps to `pip install`, which can fail.
fn python(folder: &Path) -> Command {
    let ask = ["-I", "-c", "import sys; print(sys.executable)"];
    let asked = Command::new("python3").args(ask).output().ok();
    let own = asked.and_then(|asked| String::from_utf8(asked.stdout).ok());
    let own = own.filter(|path| !path.trim().is_empty());
    let mut command = Command::new(own.as_deref().map_or("python3", str::trim));
    command.current_dir(folder);
    command
}

/// Runs a command to its end. Its errors are shown as they arrive.
fn output(mut command: Command) -> Result<String> {
    let program = command.get_program().display().to_string();
    let output = command
        .stderr(std::process::Stdio::inherit())
        .output()
        .with_context(|| format!("starting `{program}`: Python 3 has to be there"))?;
    ensure!(
        output.status.success(),
        "`{program}` failed ({})",
        output.status
    );
    Ok(String::from_utf8(output.stdout)?.replace("\r\n", "\n"))
}

/// Checks the table against the checked-in names and the existing tests.
fn check_table(root: &Path) -> Result<()> {
    let names = fs::read_to_string(root.join(names_file()))
        .with_context(|| format!("reading {}: run `{COMMAND}`", names_file()))?;
    let table = read(root, TABLE)?;
    ensure_none(
        TABLE,
        &table::problems(&names, &table, &test_names::all(root)?),
    )
}

/// Checks the list of behaviours against the existing tests.
fn check_behaviours(root: &Path) -> Result<()> {
    let page = read(root, BEHAVIOURS)?;
    let problems = behaviours::problems(&page, &test_names::all(root)?);
    ensure_none(BEHAVIOURS, &problems)
}

fn read(root: &Path, page: &str) -> Result<String> {
    fs::read_to_string(root.join(page)).with_context(|| format!("reading {page}"))
}

fn ensure_none(page: &str, problems: &[String]) -> Result<()> {
    ensure!(
        problems.is_empty(),
        "{page} has {} problems:\n{}",
        problems.len(),
        problems.join("\n")
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_public_name_of_the_python_sdk_has_its_row() {
        check_table(&root().unwrap()).unwrap();
    }

    #[test]
    fn every_number_of_a_test_has_its_row_and_every_test_of_a_row_is_there() {
        check_behaviours(&root().unwrap()).unwrap();
    }
}
