//! `cargo xtask release`: an executable checklist. It publishes nothing and needs no credentials.

use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{fs, io};

use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use codex_cli_bin::RUNTIME_VERSION;

use crate::codegen::Files;
use crate::regen;
use crate::regen::root;

use packages::Package;

pub(crate) mod address;
mod alone;
mod api;
mod changelog;
mod lines;
mod modules;
mod packages;
mod surface;
mod version;

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Rehearse: continue after a failed step, and allow uncommitted changes.
    #[arg(long)]
    dry_run: bool,
    /// Only replace the repository's address, wherever the current one appears.
    #[arg(long, value_name = "URL", conflicts_with_all = ["api", "dry_run"])]
    repository: Option<String>,
    /// Only write the public API of each crate to docs/api.
    #[arg(long, conflicts_with = "dry_run")]
    api: bool,
    /// With `--api`, change nothing; fail if docs/api is out of date.
    #[arg(long, requires = "api")]
    check: bool,
}

/// The data that the steps need.
struct Release {
    root: PathBuf,
    /// The build's target folder.
    target: PathBuf,
    version: String,
    /// In publishing order.
    packages: Vec<Package>,
    dry_run: bool,
}

/// A step of the checklist: its subject and its check. The outcome is a sentence; an error says what to do.
type Step = (&'static str, fn(&Release) -> Result<String>);

/// The cheap steps come first.
const STEPS: [Step; 8] = [
    ("tree", tree),
    ("version", version_is_next),
    ("changelog", changelog_is_dated),
    ("repository", repository_is_known),
    ("generated", generated_is_current),
    ("packages", packages::step),
    ("alone", alone::step),
    ("api", api::step),
];

/// Runs the checklist, or one of the separate jobs.
pub(crate) fn run(options: &Options) -> Result<()> {
    let root = root()?;
    if let Some(url) = &options.repository {
        return fill(&root, url);
    }
    let release = Release::read(root, options.dry_run)?;
    if options.api {
        return api::files(&release)?.ensure(&release.root, options.check);
    }
    let mut out = io::stdout();
    let mut failed = Vec::new();
    for (name, step) in STEPS {
        if out.is_terminal() {
            // Some steps take minutes. The outcome overwrites the line.
            write!(out, "…     {name}\r")?;
            out.flush()?;
        }
        match step(&release) {
            Ok(outcome) => writeln!(out, "ok    {name:10}  {}", indented(&outcome))?,
            Err(error) => {
                writeln!(out, "STOP  {name:10}  {}", indented(&format!("{error:#}")))?;
                failed.push(name);
                if !release.dry_run {
                    break;
                }
            }
        }
    }
    if release.dry_run || failed.is_empty() {
        write!(out, "\n{}", last_commands(&release))?;
    }
    ensure!(
        failed.is_empty(),
        "not ready to release: {}. Follow what is said there, commit, and run this again",
        failed.join(", ")
    );
    Ok(())
}

impl Release {
    fn read(root: PathBuf, dry_run: bool) -> Result<Self> {
        let (target, packages) = packages::read(&root)?;
        let version = match packages.first() {
            Some(package) => package.version.clone(),
            None => bail!("no crate of this workspace is to be published"),
        };
        Ok(Self {
            root,
            target,
            version,
            packages,
            dry_run,
        })
    }

    fn tag(&self) -> String {
        version::tag(&self.version)
    }

    fn changelog(&self) -> Result<String> {
        read(&self.root, "CHANGELOG.md")
    }
}

fn tree(release: &Release) -> Result<String> {
    let branch = git(&release.root, &["branch", "--show-current"])?;
    let remote = git(&release.root, &["rev-parse", "--abbrev-ref", "origin/HEAD"]);
    let default = remote.unwrap_or_else(|_| "origin/main".to_owned());
    let default = default.trim_start_matches("origin/");
    let changed = git(&release.root, &["status", "--porcelain"])?;
    ensure!(
        changed.is_empty(),
        "files differ from the last commit: commit them or put them aside\n{changed}"
    );
    ensure!(
        branch == default,
        "releases are made from `{default}`, and this is `{branch}`: merge it, then `git switch {default}`"
    );
    Ok(format!("clean, on {branch}"))
}

fn version_is_next(release: &Release) -> Result<String> {
    let (version, tag) = (&release.version, release.tag());
    version::check(version, RUNTIME_VERSION)?;
    for package in &release.packages {
        package.check_versions(version)?;
    }
    let tags = git(&release.root, &["tag", "--list", &tag])?;
    ensure!(
        tags.is_empty(),
        "{version} has been released: {tag} exists. Raise the patch in Cargo.toml, for the workspace and each crate"
    );
    let last = last_tag(&release.root);
    let after = last.map_or_else(
        || "the first one".to_owned(),
        |last| format!("after {last}"),
    );
    Ok(format!("{version}, {after}; runtime {RUNTIME_VERSION}"))
}

fn changelog_is_dated(release: &Release) -> Result<String> {
    let changelog = release.changelog()?;
    let section = changelog::section(&changelog, &release.version)?;
    Ok(format!("{}, {} entries", section.date, section.entries()))
}

fn repository_is_known(release: &Release) -> Result<String> {
    let address = address::current(&read(&release.root, "Cargo.toml")?)?;
    ensure!(
        address != address::PLACEHOLDER,
        "nobody has said where the repository is: `cargo xtask release --repository URL` writes it \
         wherever {address} stands"
    );
    for package in &release.packages {
        package.check_metadata(&address)?;
    }
    let line = address::dependency(&address, &release.tag());
    ensure!(
        read(&release.root, "README.md")?.contains(&line),
        "README.md doesn't say how to depend on this version: write `{line}`"
    );
    Ok(address)
}

fn generated_is_current(_release: &Release) -> Result<String> {
    regen::run(true)?;
    Ok("what the schema says".to_owned())
}

/// The commands left for a person to copy.
fn last_commands(release: &Release) -> String {
    let (version, tag) = (&release.version, release.tag());
    let publish = |it: &Package| format!("    cargo publish --locked --package {}\n", it.name);
    let publish: String = release.packages.iter().map(publish).collect();
    format!(
        "Publish in this order:\n\n{publish}\nand then\n\n\
        \x20   git tag --annotate {tag} --message 'codex-sdk {version}'\n\
        \x20   git push origin {tag}\n\n\
        The name `codex-sdk` belongs to another crate in the public registry. Publish to one of your own, with\n\
        `--registry NAME`, or only push the tag: a `git` dependency needs no more.\n"
    )
}

/// Replaces the current address wherever it appears.
fn fill(root: &Path, url: &str) -> Result<()> {
    address::check(url)?;
    let old = address::current(&read(root, "Cargo.toml")?)?;
    let mut out = io::stdout();
    let files = git(root, &["ls-files", "--", "*.md", "*Cargo.toml"])?;
    for name in files.lines() {
        let text = read(root, name)?;
        if let Some(filled) = address::fill(&text, &old, url) {
            fs::write(root.join(name), filled).with_context(|| format!("writing {name}"))?;
            writeln!(out, "{name}: {url} for {old}")?;
        }
    }
    Ok(())
}

/// The tag of the previous release.
fn last_tag(root: &Path) -> Option<String> {
    let describe = ["describe", "--tags", "--abbrev=0", "--match", "v[0-9]*"];
    git(root, &describe).ok()
}

fn git(root: &Path, arguments: &[&str]) -> Result<String> {
    let mut command = Command::new("git");
    command.args(arguments).current_dir(root);
    Ok(output(&mut command)?.trim_end().to_owned())
}

/// Runs a command to its end and returns its output. Its stderr is part of the error.
fn output(command: &mut Command) -> Result<String> {
    let name = command.get_program().display().to_string();
    let arguments: Vec<_> = command.get_args().map(|it| it.to_string_lossy()).collect();
    let name = format!("{name} {}", arguments.join(" "));
    let output = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("`{name}` can't be run"))?;
    ensure!(
        output.status.success(),
        "`{name}` failed ({})\n{}",
        output.status,
        String::from_utf8_lossy(&output.stderr).trim_end()
    );
    String::from_utf8(output.stdout).with_context(|| format!("reading what `{name}` prints"))
}

pub(crate) fn read(root: &Path, name: &str) -> Result<String> {
    fs::read_to_string(root.join(name)).with_context(|| format!("reading {name}"))
}

/// Indents all lines of a text after the first.
fn indented(text: &str) -> String {
    text.replace('\n', "\n                  ")
}
