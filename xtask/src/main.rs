//! Project tasks: `cargo xtask <task>`.
//!
//! One file per task; `main` only dispatches.

#![expect(unreachable_pub, reason = "nothing reaches into a binary")]

use anyhow::Result;
use clap::{Parser, Subcommand};

mod codegen;
mod docs;
mod emit;
mod extract;
mod fields;
mod layout;
mod model;
mod normalise;
mod regen;
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
    /// The pinned runtime, by hand.
    #[command(subcommand)]
    Runtime(runtime::Runtime),
}

fn main() -> Result<()> {
    match Cli::parse().task {
        Task::Regen { check } => regen::run(check),
        Task::Runtime(command) => runtime::run(command),
    }
}
