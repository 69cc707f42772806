//! `cargo xtask compat`: runs the current SDK with other runtimes, and writes docs/compatibility.md.
//!
//! Each runtime is installed below `target`, next to the others. The program `probe` of `codex-e2e` does
//! what programs do with it, step by step, on a scripted model.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};
use codex_cli_bin::RUNTIME_VERSION;
use semver::Version;
use serde::Deserialize;

use crate::codegen::Files;
use crate::history::{self, History};
use crate::packages::{self, Source};
use crate::regen::{cargo, root};
use crate::runtimes;

const COMMAND: &str = "cargo xtask compat";
const PAGE: &str = "docs/compatibility.md";

/// The default versions, in addition to the pin: the oldest that works, some that many programs may
/// have, and the newest.
const VERSIONS: [&str; 11] = [
    "0.133.0", "0.136.0", "0.144.4", "0.147.0", "0.153.4", "0.157.1", "0.160.1", "0.162.1",
    "0.163.0", "0.169.0", "0.171.0",
];

/// The options.
#[derive(Debug, clap::Args)]
pub struct Compat {
    /// The versions. `oldest` means the oldest on the page; `pypi` and `npm` mean the newest on each.
    /// Without any, all versions on the page are tried, and the page is written.
    #[arg(value_name = "VERSION")]
    versions: Vec<String>,
}

/// The result of a step.
#[derive(Debug, Clone, Deserialize)]
struct Step {
    #[serde(rename = "step")]
    name: String,
    outcome: Outcome,
    #[serde(default)]
    detail: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
enum Outcome {
    Works,
    Refused,
    Failed,
    Hangs,
}

/// The last line of the output.
#[derive(Deserialize)]
struct Unrecognized {
    unrecognized: u64,
}

/// A message from cargo.
#[derive(Deserialize)]
struct Built {
    executable: Option<PathBuf>,
}

/// The results for a runtime.
#[derive(Debug)]
struct Trial {
    version: String,
    steps: Vec<Step>,
    unrecognized: u64,
}

pub fn run(compat: &Compat) -> Result<()> {
    let root = root()?;
    let probe = probe(&root)?;
    let versions = if compat.versions.is_empty() {
        of_the_page()
    } else {
        let named = compat.versions.iter().map(|it| named(it));
        named.collect::<Result<_>>()?
    };
    let mut trials = Vec::new();
    for (index, version) in versions.iter().enumerate() {
        eprintln!("Codex {version}, {} of {}", index + 1, versions.len());
        let trial = trial(&probe, version)?;
        eprintln!("    {}", trial.summary());
        for step in trial.steps.iter().filter(|it| it.outcome != Outcome::Works) {
            eprintln!("    {:?}: {}: {}", step.outcome, step.name, step.detail);
        }
        trials.push(trial);
    }
    if compat.versions.is_empty() {
        let mut files = Files::of(COMMAND);
        let history = fs::read_to_string(root.join(history::FILE)).context(history::FILE)?;
        let history = History::parse(&history)?;
        files.add(PAGE, page(&trials, &history.releases[0]));
        files.ensure(&root, false)?;
        eprintln!("written to {PAGE}");
    }
    let broken = trials.iter().flat_map(|trial| {
        let steps = trial.steps.iter();
        let broken = steps.filter(|it| matches!(it.outcome, Outcome::Failed | Outcome::Hangs));
        broken.map(move |it| format!("{}: {}", trial.version, it.name))
    });
    let broken: Vec<_> = broken.collect();
    ensure!(
        broken.is_empty(),
        "neither works nor is refused: {}",
        broken.join(", ")
    );
    Ok(())
}

/// The versions on the page, oldest first. A bump moves the pin among them.
fn of_the_page() -> Vec<String> {
    let mut versions = VERSIONS.to_vec();
    versions.push(RUNTIME_VERSION);
    versions.sort_by_key(|it| Version::parse(it).ok());
    versions.dedup();
    versions.into_iter().map(str::to_owned).collect()
}

/// The version that a name stands for.
fn named(name: &str) -> Result<String> {
    match name {
        "oldest" => of_the_page()
            .into_iter()
            .next()
            .context("the page has none"),
        "pypi" => packages::newest(&Source::Pypi),
        "npm" => packages::newest(&Source::Npm),
        version => Ok(version.to_owned()),
    }
}

/// Builds the program and returns its path.
fn probe(root: &Path) -> Result<PathBuf> {
    let mut cargo = cargo(root);
    cargo
        .args(["build", "--package", "codex-e2e", "--bin", "probe"])
        .args(["--message-format", "json-render-diagnostics"])
        .stderr(Stdio::inherit());
    let output = cargo.output().context("running cargo")?;
    ensure!(output.status.success(), "the probe doesn't build");
    let built = String::from_utf8_lossy(&output.stdout);
    let built = built
        .lines()
        .filter_map(|it| serde_json::from_str::<Built>(it).ok());
    let built = built.filter_map(|it| it.executable).next_back();
    built.context("cargo names no program")
}

fn trial(probe: &Path, version: &str) -> Result<Trial> {
    let runtime = runtimes::install(version)?;
    let mut command = Command::new(probe);
    command
        .env("CODEX_SDK_BIN", &runtime.codex)
        .stderr(Stdio::piped());
    if let Some(folder) = &runtime.path_dir {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let folders = std::iter::once(folder.clone()).chain(std::env::split_paths(&path));
        command.env("PATH", std::env::join_paths(folders)?);
    }
    // Every step has a deadline, so this ends.
    let output = command
        .output()
        .with_context(|| format!("running {}", probe.display()))?;
    if !output.status.success() {
        bail!(
            "the probe failed: {}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
    let lines = String::from_utf8(output.stdout)?;
    let mut trial = Trial {
        version: version.to_owned(),
        steps: Vec::new(),
        unrecognized: 0,
    };
    for line in lines.lines() {
        if let Ok(step) = serde_json::from_str(line) {
            trial.steps.push(step);
        } else if let Ok(it) = serde_json::from_str::<Unrecognized>(line) {
            trial.unrecognized = it.unrecognized;
        }
    }
    ensure!(!trial.steps.is_empty(), "the probe said nothing");
    Ok(trial)
}

impl Trial {
    fn count(&self, outcome: Outcome) -> usize {
        self.steps.iter().filter(|it| it.outcome == outcome).count()
    }

    fn summary(&self) -> String {
        let mut text = format!(
            "{} of {} steps work",
            self.count(Outcome::Works),
            self.steps.len()
        );
        for (outcome, word) in [
            (Outcome::Refused, "refused"),
            (Outcome::Failed, "failed"),
            (Outcome::Hangs, "hang"),
        ] {
            let count = self.count(outcome);
            if count > 0 {
                let _ = write!(text, ", {count} {word}");
            }
        }
        text
    }
}

/// The page: a row for each runtime, and the wording of each refusal. `least` is the oldest supported
/// runtime.
fn page(trials: &[Trial], least: &str) -> String {
    let mut text = format!(
        "# Other runtimes\n\n\
         This SDK is made for Codex {RUNTIME_VERSION}, and works with older and newer runtimes as far as they go. A method or \
         option that a runtime lacks is refused before it is sent, with `Error::RuntimeTooOld`, which names the version that \
         has it. A runtime older than {least} is refused with `Error::UnsupportedRuntime`. `{COMMAND}` wrote this page: a \
         program of {} steps ran with each of these runtimes on Linux, on a scripted model.\n\n\
         | runtime | works | refused | values it couldn't type |\n| --- | --- | --- | --- |\n",
        trials
            .iter()
            .map(|it| it.steps.len())
            .max()
            .unwrap_or_default()
    );
    for trial in trials {
        let pinned = if trial.version == RUNTIME_VERSION {
            ", the pin"
        } else {
            ""
        };
        let refused = match trial.count(Outcome::Refused) {
            0 => "nothing".to_owned(),
            count => count.to_string(),
        };
        let _ = writeln!(
            text,
            "| {}{pinned} | {} | {refused} | {} |",
            trial.version,
            trial.count(Outcome::Works),
            trial.unrecognized
        );
    }
    let mut refused: BTreeMap<&str, Vec<&Trial>> = BTreeMap::new();
    for trial in trials {
        for step in trial.steps.iter().filter(|it| it.outcome != Outcome::Works) {
            refused.entry(&step.name).or_default().push(trial);
        }
    }
    text.push_str("\n## What is refused, and why\n\n| step | by | in these words, by the last of them |\n| --- | --- | --- |\n");
    for (step, by) in refused {
        let versions: Vec<_> = by.iter().map(|it| it.version.as_str()).collect();
        let words = by
            .last()
            .and_then(|it| it.steps.iter().find(|it| it.name == step));
        let words = words
            .map(|it| it.detail.replace('|', "\\|"))
            .unwrap_or_default();
        let _ = writeln!(text, "| {step} | {} | {words} |", versions.join(", "));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_has_a_row_for_each_runtime_and_each_refusal() {
        let step = |step: &str, outcome, detail: &str| Step {
            name: step.to_owned(),
            outcome,
            detail: detail.to_owned(),
        };
        let trial = Trial {
            version: "0.1.0".to_owned(),
            steps: vec![
                step("start", Outcome::Works, ""),
                step("a | b", Outcome::Refused, "it needs | more"),
            ],
            unrecognized: 3,
        };
        assert_eq!(trial.summary(), "1 of 2 steps work, 1 refused");
        let page = page(&[trial], "0.0.9");
        assert!(
            page.contains("A runtime older than 0.0.9 is refused"),
            "{page}"
        );
        assert!(page.contains("| 0.1.0 | 1 | 1 | 3 |"), "{page}");
        assert!(page.contains("| 0.1.0 | it needs \\| more |"), "{page}");
    }

    #[test]
    fn the_page_has_each_version_once_the_pin_among_them() {
        let versions = of_the_page();
        assert!(
            versions.iter().any(|it| it == RUNTIME_VERSION),
            "{versions:?}"
        );
        for pair in versions.windows(2) {
            let [older, newer] = [0, 1].map(|it| Version::parse(&pair[it]).unwrap());
            assert!(older < newer, "{pair:?}");
        }
        assert_eq!(named("oldest").unwrap(), versions[0]);
        assert_eq!(named("0.150.0").unwrap(), "0.150.0");
    }
}
