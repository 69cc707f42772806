//! Project tasks: `cargo xtask <task>`.
//!
//! One file per task; `main` only dispatches.

#![expect(unreachable_pub, reason = "nothing reaches into a binary")]

use std::ffi::OsString;
use std::path::PathBuf;

use anyhow::Result;
use clap::{Parser, Subcommand};

mod bench;
mod codegen;
mod demo;
mod docs;
mod emit;
mod extract;
mod fields;
mod layout;
mod model;
mod normalise;
mod parity;
mod regen;
mod release;
mod runtime;
mod schema;

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Project tasks")]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Emit the schema from the pinned runtime and generate the types from it.
    Regen {
        /// Change nothing: fail if the checked-in files are not what would be generated.
        #[arg(long)]
        check: bool,
    },
    /// Compare with the official Python SDK: its public names, and the table that says where each is.
    Parity {
        /// Change nothing: fail if the checked-in names are not those of the package.
        #[arg(long)]
        check: bool,
        /// The folder with the package `openai_codex`; without it, `pip` installs one of the pinned version.
        #[arg(long, value_name = "DIR")]
        package: Option<PathBuf>,
    },
    /// Run an example of the SDK with a scripted model; without a name, list them.
    Demo {
        /// The example.
        name: Option<String>,
        /// What the example is given.
        #[arg(last = true, value_name = "ARGUMENTS")]
        arguments: Vec<OsString>,
    },
    /// Measure what the client costs, beside its peers, and write docs/performance.md.
    Bench {
        /// Write nothing: fail if a figure misses its limit.
        #[arg(long)]
        check: bool,
        /// The cases; without any, all of them.
        #[arg(value_name = "CASE")]
        cases: Vec<String>,
    },
    /// Run the checklist of a release, and print the commands that publish it.
    Release(release::Options),
    /// The pinned runtime, by hand.
    #[command(subcommand)]
    Runtime(runtime::Runtime),
}

fn main() -> Result<()> {
    match Cli::parse().task {
        Task::Regen { check } => regen::run(check),
        Task::Parity { check, package } => parity::run(check, package.as_deref()),
        Task::Demo { name, arguments } => demo::run(name.as_deref(), &arguments),
        Task::Bench { check, cases } => bench::run(check, &cases),
        Task::Release(options) => release::run(&options),
        Task::Runtime(command) => runtime::run(command),
    }
}
