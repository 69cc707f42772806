//! Project tasks: `cargo xtask <task>`.
//!
//! One file per task; `main` only dispatches.

#![expect(unreachable_pub, reason = "nothing reaches into a binary")]

use std::ffi::OsString;
use std::path::PathBuf;

use anyhow::Result;
use clap::{Parser, Subcommand};

mod bench;
mod book;
mod bump;
mod codegen;
mod compat;
mod coverage;
mod demo;
mod deny;
mod docs;
mod emit;
mod entries;
mod extract;
mod fields;
mod fuzz;
mod generate;
mod handlers;
mod history;
mod layout;
mod model;
mod normalise;
mod packages;
mod parity;
mod pictures;
mod problems;
mod regen;
mod release;
mod reliability;
mod retired;
mod runtime;
mod runtimes;
mod schema;
mod soak;
mod targets;
mod tool;
mod trial;

#[derive(Parser)]
#[command(bin_name = "cargo xtask", about = "Project tasks")]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Emit the schema from the pinned runtime and generate the types from it.
    Regen {
        /// Change nothing; fail if the checked-in files differ from the generated ones.
        #[arg(long)]
        check: bool,
        /// Try another runtime of any version: write the types to a separate folder, and list everything
        /// that the generator can't decide by itself.
        #[arg(long, value_name = "PATH", conflicts_with = "check")]
        codex: Option<PathBuf>,
        /// The folder for the trial; `target/trial/VERSION` by default.
        #[arg(long, value_name = "DIR", requires = "codex")]
        out: Option<PathBuf>,
    },
    /// Move the whole workspace to another version of the runtime, and report what changed.
    Bump(bump::Bump),
    /// Compare with the official Python SDK: its public names, and the table of their counterparts.
    Parity {
        /// Change nothing; fail if the checked-in names differ from those of the package.
        #[arg(long)]
        check: bool,
        /// The folder with the package `openai_codex`; by default, `pip` installs one.
        #[arg(long, value_name = "DIR")]
        package: Option<PathBuf>,
    },
    /// Run an example of the SDK with a scripted model; without a name, list them.
    Demo {
        /// The name of the example.
        name: Option<String>,
        /// The arguments for the example.
        #[arg(last = true, value_name = "ARGUMENTS")]
        arguments: Vec<OsString>,
    },
    /// Measure the client's overhead, compared with its peers, and write docs/performance.md.
    Bench {
        /// Write nothing; fail if a figure misses its limit.
        #[arg(long)]
        check: bool,
        /// The cases; by default all of them.
        #[arg(value_name = "CASE")]
        cases: Vec<String>,
    },
    /// Try the SDK with other runtimes, side by side, and write docs/compatibility.md.
    Compat(compat::Compat),
    /// Build the pages as a searchable book; installs mdBook if it is missing.
    Book {
        /// Open the book in a browser.
        #[arg(long)]
        open: bool,
    },
    /// Redraw the pictures on the pages, using the tests that compare them.
    Pictures,
    /// Check licences and sources of the dependencies against deny.toml; installs cargo-deny if it is missing.
    Deny {
        /// Also look for known vulnerabilities, in a database that is fetched.
        #[arg(long)]
        advisories: bool,
    },
    /// Run all tests, and print how many lines of each crate they reach; installs cargo-llvm-cov if it is missing.
    Coverage {
        /// Write the table to docs/reliability.md.
        #[arg(long)]
        write: bool,
    },
    /// Feed random input to what reads the runtime's messages; needs a nightly compiler.
    Fuzz {
        /// One of `fuzz/targets`; by default each of them.
        target: Option<String>,
        /// How long each target runs.
        #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..))]
        seconds: u64,
    },
    /// Let a client work for a long time, and print what it takes meanwhile; fails if anything grows.
    Soak {
        #[arg(long, default_value_t = 10.0)]
        minutes: f64,
        /// Write the table to docs/reliability.md, with a plot.
        #[arg(long)]
        write: bool,
    },
    /// Type-check the libraries and their tests for other systems.
    Targets {
        /// By default each of Windows, macOS, Linux on arm64 and with musl, and, for the types alone, WebAssembly.
        target: Option<String>,
    },
    /// Run the fault suite, and write its outcomes to docs/reliability.md.
    Reliability,
    /// Run the release checklist, and print the commands that publish it.
    Release(release::Options),
    /// Manage the pinned runtime by hand.
    #[command(subcommand)]
    Runtime(runtime::Runtime),
}

fn main() -> Result<()> {
    match Cli::parse().task {
        Task::Regen {
            codex: Some(codex),
            out,
            ..
        } => trial::run(&codex, out.as_deref()),
        Task::Regen { check, .. } => regen::run(check),
        Task::Bump(bump) => bump::run(&bump),
        Task::Parity { check, package } => parity::run(check, package.as_deref()),
        Task::Demo { name, arguments } => demo::run(name.as_deref(), &arguments),
        Task::Bench { check, cases } => bench::run(check, &cases),
        Task::Compat(compat) => compat::run(&compat),
        Task::Book { open } => book::run(open),
        Task::Pictures => pictures::run(),
        Task::Reliability => reliability::run(),
        Task::Deny { advisories } => deny::run(advisories),
        Task::Coverage { write } => coverage::run(write),
        Task::Soak { minutes, write } => soak::run(minutes, write),
        Task::Targets { target } => targets::run(target.as_deref()),
        Task::Fuzz { target, seconds } => fuzz::run(target.as_deref(), seconds),
        Task::Release(options) => release::run(&options),
        Task::Runtime(command) => runtime::run(command),
    }
}
