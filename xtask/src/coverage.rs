//! `cargo xtask coverage`: how many lines of each crate the tests reach.

use std::collections::BTreeMap;
use std::env;
use std::fmt::Write as _;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;

use crate::regen::root;
use crate::tool::Tool;

const CARGO_LLVM_COV: Tool = Tool {
    name: "cargo-llvm-cov",
    version: "0.9.1",
    options: &[],
};

const PAGE: &str = "docs/reliability.md";
const BEGIN: &str = "<!-- coverage -->\n";
const END: &str = "<!-- end of coverage -->";

#[derive(Deserialize)]
struct Report {
    data: Vec<Data>,
}

#[derive(Deserialize)]
struct Data {
    files: Vec<File>,
}

#[derive(Deserialize)]
struct File {
    filename: PathBuf,
    summary: Summary,
}

#[derive(Deserialize)]
struct Summary {
    lines: Lines,
}

#[derive(Deserialize, Default)]
struct Lines {
    count: u64,
    covered: u64,
}

/// Runs all tests, prints a row for each crate, and with `write` puts the rows on the page.
pub(crate) fn run(write: bool) -> Result<()> {
    let root = root()?;
    let report = root.join("target/coverage.json");
    let mut tests = Command::new(CARGO_LLVM_COV.program(&root)?);
    tests
        .args([
            "llvm-cov",
            "--workspace",
            "--json",
            "--summary-only",
            "--output-path",
        ])
        .arg(&report)
        .current_dir(&root);
    for (variable, tool) in [("LLVM_COV", "llvm-cov"), ("LLVM_PROFDATA", "llvm-profdata")] {
        tests.env(variable, llvm(tool)?);
    }
    let status = tests.status().context("cargo-llvm-cov can't be run")?;
    ensure!(status.success(), "a test has failed: see above");

    let report: Report = serde_json::from_slice(&fs::read(report)?)?;
    let table = table(&root, &report);
    write!(io::stdout(), "{table}")?;
    if write {
        let page = root.join(PAGE);
        let text = fs::read_to_string(&page)?;
        let (before, rest) = text
            .split_once(BEGIN)
            .context("the page has no place for it")?;
        let (_, after) = rest
            .split_once(END)
            .context("the page has no place for it")?;
        fs::write(page, format!("{before}{BEGIN}{table}{END}{after}"))?;
    }
    Ok(())
}

/// The lines of each published crate, without its tests.
fn table(root: &Path, report: &Report) -> String {
    let mut crates: BTreeMap<String, Lines> = BTreeMap::new();
    for file in report.data.iter().flat_map(|it| &it.files) {
        let path = file.filename.strip_prefix(root.join("crates"));
        let mut parts = path
            .iter()
            .flat_map(|it| it.iter())
            .filter_map(|it| it.to_str());
        if let (Some(name), Some("src")) = (parts.next(), parts.next()) {
            let of = crates.entry(name.to_owned()).or_default();
            of.count += file.summary.lines.count;
            of.covered += file.summary.lines.covered;
        }
    }
    let mut table = "| crate | lines | reached |\n| --- | --- | --- |\n".to_owned();
    for (name, Lines { count, covered }) in crates {
        let tenths = (covered * 1000).checked_div(count).unwrap_or_default();
        let (whole, tenth) = (tenths / 10, tenths % 10);
        let _ = writeln!(table, "| `{name}` | {count} | {whole}.{tenth} % |");
    }
    table
}

/// One of the compiler's own tools: rustup's, or the system's of the same version.
fn llvm(tool: &str) -> Result<PathBuf> {
    let rustc = |arguments: &[&str]| -> Result<String> {
        let output = Command::new("rustc").args(arguments).output();
        Ok(String::from_utf8(
            output.context("rustc can't be run")?.stdout,
        )?)
    };
    let libraries = PathBuf::from(rustc(&["--print", "target-libdir"])?.trim());
    let own = libraries
        .with_file_name("bin")
        .join(format!("{tool}{}", env::consts::EXE_SUFFIX));
    if own.exists() {
        return Ok(own);
    }
    let version = rustc(&["--version", "--verbose"])?;
    let version = version
        .lines()
        .find_map(|line| line.strip_prefix("LLVM version: "));
    let major = version
        .and_then(|it| it.split('.').next())
        .unwrap_or_default();
    let systems = format!("{tool}-{major}");
    let found = Command::new(&systems)
        .arg("--version")
        .stdout(Stdio::null())
        .status();
    if found.is_ok_and(|status| status.success()) {
        return Ok(systems.into());
    }
    bail!(
        "there is no {tool}: `rustup component add llvm-tools`, or the system's package llvm-{major}"
    )
}
