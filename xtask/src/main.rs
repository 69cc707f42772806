//! Project tasks.

mod runtime;

use anyhow::Result;
use clap::Parser;

/// The tasks of this repository
#[derive(Debug, Parser)]
#[command(name = "cargo xtask")]
enum Task {
    /// The pinned runtime, by hand
    #[command(subcommand)]
    Runtime(runtime::Runtime),
}

fn main() -> Result<()> {
    match Task::parse() {
        Task::Runtime(command) => runtime::run(command),
    }
}
