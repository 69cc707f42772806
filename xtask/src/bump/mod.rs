//! `cargo xtask bump VERSION`: moves the whole workspace to another runtime, or changes nothing.
//!
//! Everything is computed before the first file is written. Decisions that need a person are listed
//! together; entries that no longer apply are removed and reported.

use std::io::Write as _;
use std::path::Path;
use std::process::Command;
use std::{fs, io};

use anyhow::{Context, Result, bail, ensure};
use codex_cli_bin::{Installer, Pin, RUNTIME_VERSION, terminal_progress_of};

use crate::codegen::Files;
use crate::extract::Emitted;
use crate::generate::{Generated, Inputs, generate};
use crate::history::History;
use crate::model::{Model, Overrides};
use crate::packages::{Platforms, Source};
use crate::problems::{Kind, Problem, Problems};
use crate::regen::{inputs, read, recorded, root, schema_files};
use crate::{entries, extract, handlers, history, packages};

use self::places::Figures;
use self::report::Report;

mod difference;
mod places;
mod report;
mod switch;

const PIN: &str = "crates/codex-cli-bin/requirements.txt";
const OVERRIDES: &str = "schema/overrides.toml";
const RETIRED: &str = "schema/retired.json";
const CHANGELOG: &str = "CHANGELOG.md";

/// The options.
#[derive(Debug, clap::Args)]
pub struct Bump {
    /// The version of the runtime, such as 0.171.0.
    version: String,
    /// Where its packages are: `pypi`, `npm`, or a file with a pin.
    #[arg(long, default_value = "pypi", value_name = "SOURCE")]
    from: Source,
    /// Print the report without changing anything.
    #[arg(long)]
    dry_run: bool,
    /// Accept the proposed decisions.
    #[arg(long)]
    accept: bool,
}

pub fn run(bump: &Bump) -> Result<()> {
    let root = root()?;
    if switch::resume(&root)? {
        // This program was built from the tree before the bump.
        eprintln!("finished a bump that had been interrupted: read and commit it, then go on");
        return Ok(());
    }
    if !bump.dry_run {
        ensure_clean(&root)?;
    }
    eprintln!("looking up the packages of {}", bump.version);
    let pin = packages::pin(&bump.from, &bump.version, Platforms::All)?;
    let parsed = Pin::parse(&pin)?;
    ensure!(
        parsed.version() == bump.version,
        "the pin is of version {}, not {}",
        parsed.version(),
        bump.version
    );
    let runtime = Installer::default()
        .pin(parsed)
        .install(terminal_progress_of(&bump.version))?;
    let emitted = extract::emit(&runtime.codex)?;
    ensure!(
        emitted.version == bump.version,
        "{} calls itself {}",
        runtime.codex.display(),
        emitted.version
    );
    eprintln!("comparing {RUNTIME_VERSION} and {}", bump.version);
    let next = Next::work_out(&root, emitted, bump.accept)?;
    let report = Report::of(
        (RUNTIME_VERSION, &next.before),
        (&bump.version, &next.generated.model),
    );
    writeln!(io::stdout(), "{report}")?;
    next.tell_settled();
    if bump.dry_run {
        eprintln!("nothing was changed");
        return Ok(());
    }
    let files = next.files(&root, &pin, &report)?;
    switch::switch(&root, &files)?;
    eprintln!(
        "the workspace is at {}: read the draft in {CHANGELOG}, then run `cargo test --workspace`",
        bump.version
    );
    Ok(())
}

/// Everything that a bump produces.
struct Next {
    before: Model,
    inputs: Inputs,
    overrides: String,
    generated: Generated,
    settled: Vec<Problem>,
}

impl Next {
    /// Generates until no problems remain: removes entries that no longer apply, and takes the proposals
    /// if they are accepted.
    fn work_out(root: &Path, emitted: Emitted, accept: bool) -> Result<Self> {
        let old = inputs(root, recorded(root)?)?;
        let before = generate(&old, &Problems::default())?.model;
        let mut retired = old.retired.clone();
        let (was, is) = (&old.emitted.experimental, &emitted.experimental);
        retired.update(
            &serde_json::from_str(was)?,
            &serde_json::from_str(is)?,
            &serde_json::from_str(&old.emitted.stable)?,
            &emitted.version,
        );
        let mut inputs = Inputs {
            emitted,
            overrides: old.overrides,
            retired,
        };
        let mut overrides = read(root, "overrides.toml")?;
        let mut settled = Vec::new();
        loop {
            let problems = Problems::default();
            let generated = generate(&inputs, &problems)?;
            let unhandled = &inputs.overrides.unhandled_requests;
            handlers::check(root, &generated.model, unhandled, &problems)?;
            let all = problems.all();
            let settles =
                |it: &Problem| it.change.is_some() && (it.kind != Kind::Undecided || accept);
            let now: Vec<_> = all.iter().filter(|it| settles(it)).cloned().collect();
            if now.is_empty() {
                if !all.is_empty() {
                    bail!(
                        "{problems}\nnothing was changed: edit {OVERRIDES} and run this again; `--accept` takes what is proposed"
                    );
                }
                return Ok(Self {
                    before,
                    inputs,
                    overrides,
                    generated,
                    settled,
                });
            }
            overrides = entries::changed(&overrides, now.iter())?;
            inputs.overrides = Overrides::parse(&overrides)?;
            settled.extend(now);
        }
    }

    /// Reports what was settled without asking.
    fn tell_settled(&self) {
        for problem in &self.settled {
            let done = match problem.kind {
                Kind::Stale => "taken out",
                Kind::Assumed => "assumed",
                _ => "decided as proposed",
            };
            eprintln!("{done}: {}", problem.text);
        }
    }

    fn files(&self, root: &Path, pin: &str, report: &Report) -> Result<Files> {
        let mut files = self.generated.files.clone();
        files.extend(schema_files(&self.inputs.emitted));
        files.add(PIN, pin.to_owned());
        files.add(OVERRIDES, self.overrides.clone());
        match self.inputs.retired.text()? {
            Some(text) => files.add(RETIRED, text),
            None => files.remove(RETIRED),
        }
        let history = fs::read_to_string(root.join(history::FILE)).context(history::FILE)?;
        let mut history = History::parse(&history)?;
        history.add(&self.inputs.emitted.version, &self.generated.model);
        files.add(history::FILE, history.text()?);
        files.add(history::GATES, history.gates(&self.inputs.overrides.later)?);
        let old_pin = fs::read_to_string(root.join(PIN)).context(PIN)?;
        let package = packages::package(pin);
        let version = &self.inputs.emitted.version;
        places::update(
            root,
            &Figures::of(packages::package(&old_pin), RUNTIME_VERSION, &self.before),
            &Figures::of(package, version, &self.generated.model),
            &mut files,
        )?;
        let changelog = fs::read_to_string(root.join(CHANGELOG)).context(CHANGELOG)?;
        files.add(
            CHANGELOG,
            with_section(&changelog, &report.changelog(package)),
        );
        Ok(files)
    }
}

/// The changelog with a new first section.
fn with_section(changelog: &str, section: &str) -> String {
    let place = changelog.find("\n## ").map_or(changelog.len(), |it| it + 1);
    let (head, rest) = changelog.split_at(place);
    format!("{head}{section}\n{rest}")
}

/// Only decisions may be uncommitted: a bump that fails must leave everything else as it was.
fn ensure_clean(root: &Path) -> Result<()> {
    let mut git = Command::new("git");
    git.args(["status", "--porcelain"]).current_dir(root);
    let Ok(output) = git.output() else {
        // Without git there are no commits to check.
        return Ok(());
    };
    let status = String::from_utf8_lossy(&output.stdout);
    let changed: Vec<_> = status
        .lines()
        .filter_map(|it| it.get(3..))
        .filter(|it| *it != OVERRIDES)
        .collect();
    ensure!(
        changed.is_empty(),
        "these files are changed: commit them first, so that the bump can be read by itself: {}",
        changed.join(", ")
    );
    Ok(())
}
