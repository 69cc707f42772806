//! The changes to the public API since the last release.
//!
//! docs/api contains the API of each crate as text, one item a line. The tag has the previous version.

use std::fmt::Write as _;
use std::fs;

use anyhow::{Context, Result, bail, ensure};
use similar::{ChangeTag, TextDiff};

use super::{Files, Package, Release, changelog, git, last_tag, output, surface};
use crate::regen::cargo;

const COMMAND: &str = "cargo xtask release --api";
const FOLDER: &str = "docs/api";
const GENERATED: &str = "codex-types";
/// How many changed lines are shown. A file has all of them.
const SHOWN: usize = 40;

/// The files with the API.
pub(super) fn files(release: &Release) -> Result<Files> {
    let mut files = Files::of(COMMAND);
    files.own(FOLDER);
    for package in by_hand(release) {
        let source = expanded(release, &package.name)
            .with_context(|| format!("reading the API of {}", package.name))?;
        let header = format!(
            "# The public API of {}, with all features. Written by `{COMMAND}`.\n",
            package.name
        );
        let text = surface::of(package.library(), &source)
            .with_context(|| format!("reading the API of {}", package.name))?;
        files.add(file(&package.name), header + &text);
    }
    Ok(files)
}

/// The crates with a handwritten API. `cargo xtask bump` reports changes to the types.
fn by_hand(release: &Release) -> impl Iterator<Item = &Package> {
    let packages = release.packages.iter();
    packages.filter(|it| it.name != GENERATED)
}

fn file(package: &str) -> String {
    format!("{FOLDER}/{package}.txt")
}

/// A library's source with all modules in one file and all macros expanded: this is the only way to see what macros
/// declare.
fn expanded(release: &Release, package: &str) -> Result<String> {
    let mut command = cargo(&release.root);
    command
        .args(["rustc", "--quiet", "--locked", "--lib", "--all-features"])
        .args(["--profile", "check", "--package", package, "--target-dir"])
        // A separate target folder: the variable below would cause a rebuild in the usual one.
        .arg(release.target.join("api"))
        .args(["--", "-Zunpretty=expanded", "--cap-lints=allow"])
        // This makes a stable compiler accept `-Z`. The output is only read here, never built.
        .env("RUSTC_BOOTSTRAP", "1");
    output(&mut command)
}

/// Checks that docs/api is current, and reports the changes since the last tag.
pub(super) fn step(release: &Release) -> Result<String> {
    if files(release)?.ensure(&release.root, true).is_err() {
        bail!("{FOLDER} is out of date: run `{COMMAND}`, and commit what it writes");
    }
    let Some(tag) = last_tag(&release.root) else {
        return Ok("no release to compare with".to_owned());
    };
    let mut changes = Changes::default();
    for package in by_hand(release) {
        let name = file(&package.name);
        // A new crate has none.
        let before = git(&release.root, &["show", &format!("{tag}:{name}")]).unwrap_or_default();
        changes.add(&before, &fs::read_to_string(release.root.join(&name))?);
    }
    let whole = release.target.join("api.diff");
    fs::write(&whole, changes.lines.join("\n"))?;
    let report = changes.report(&tag, &whole.display().to_string());
    let changelog = release.changelog()?;
    // A missing section has already been reported.
    let told = changelog::section(&changelog, &release.version);
    ensure!(
        changes.removed == 0 || told.is_ok_and(|it| it.is_breaking()),
        "{report}\nwhat is gone breaks programs, and CHANGELOG.md has no line that starts with `- breaking:`: add it"
    );
    Ok(report)
}

/// The lines added and removed.
#[derive(Debug, Default)]
struct Changes {
    added: usize,
    removed: usize,
    lines: Vec<String>,
}

impl Changes {
    fn add(&mut self, before: &str, now: &str) {
        // Lines, not text: git's output may lack the last line end.
        let lines = |text| {
            str::lines(text)
                .filter(|it| !it.starts_with('#'))
                .collect::<Vec<_>>()
        };
        let (before, now) = (lines(before), lines(now));
        for change in TextDiff::from_slices(&before, &now).iter_all_changes() {
            let line = change.value();
            match change.tag() {
                ChangeTag::Equal => {}
                ChangeTag::Insert => {
                    self.added += 1;
                    self.lines.push(format!("+ {line}"));
                }
                ChangeTag::Delete => {
                    self.removed += 1;
                    self.lines.push(format!("- {line}"));
                }
            }
        }
    }

    fn report(&self, tag: &str, whole: &str) -> String {
        let mut text = format!(
            "{} lines added, {} removed since {tag}",
            self.added, self.removed
        );
        for line in self.lines.iter().take(SHOWN) {
            let _ = write!(text, "\n{line}");
        }
        if self.lines.len() > SHOWN {
            let _ = write!(text, "\n… all {} are in {whole}", self.lines.len());
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_came_and_what_went_is_told() {
        let mut changes = Changes::default();
        changes.add(
            "# Old header\na: pub fn f()\na: pub fn g()",
            "# New\na: pub fn f(x: u8)\na: pub fn g()\n",
        );
        assert_eq!(
            changes.report("v1.0.0", "api.diff"),
            "1 lines added, 1 removed since v1.0.0\n- a: pub fn f()\n+ a: pub fn f(x: u8)"
        );
    }

    #[test]
    fn a_long_report_is_cut_and_says_where_the_rest_is() {
        let mut changes = Changes::default();
        let lines: Vec<_> = (0..50).map(|it| format!("a: pub fn f{it}()")).collect();
        changes.add("", &lines.join("\n"));
        let report = changes.report("v1.0.0", "api.diff");
        assert_eq!(report.lines().count(), 1 + SHOWN + 1);
        assert!(report.ends_with("all 50 are in api.diff"), "{report}");
    }
}
