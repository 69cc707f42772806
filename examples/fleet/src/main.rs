//! Jobs from a queue in PostgreSQL, spread over several Codex servers. When a worker or a server is killed, no job is
//! lost and no result is written twice; `work.rs` explains how.
#![expect(clippy::print_stdout, reason = "a command prints")]

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use clap::{Parser, Subcommand};

use crate::progress::Progress;
use crate::queue::Queue;
use crate::servers::Servers;
use crate::work::Worker;

mod progress;
mod queue;
mod servers;
mod work;

/// Runs prompts from a queue in PostgreSQL on several Codex servers.
#[derive(Parser)]
struct Arguments {
    /// The database: `postgres://user:password@host/database`.
    #[arg(long, env = "DATABASE_URL", hide_env_values = true)]
    database: String,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Adds a job for each line of a file.
    Enqueue { file: PathBuf },
    /// Runs jobs until each is done or has failed. Run as many workers as you like; any can be killed at any time.
    Work {
        /// A server: `ws://host:port`, `wss://host:port` or `unix:///path`. Repeat it for more; its token is read from
        /// `FLEET_TOKEN`. All workers must use the same address for the same server.
        #[arg(long = "server", value_name = "URL", required = true)]
        servers: Vec<String>,
        /// How many jobs this worker runs at once.
        #[arg(long, default_value_t = 4)]
        at_once: usize,
        /// Seconds until other workers take over the jobs of a killed one.
        #[arg(long, value_name = "SECONDS", default_value_t = 30)]
        lease: u64,
        /// Seconds after which a job leaves a server that is down. Its turn may have completed there, so by default it
        /// waits.
        #[arg(long, value_name = "SECONDS")]
        give_up: Option<u64>,
    },
    /// Shows how many jobs are waiting, running, done and failed.
    Status,
}

#[tokio::main]
async fn main() -> Result<()> {
    let Arguments { database, command } = Arguments::parse();
    let lease = match &command {
        Command::Work { lease, .. } => Duration::from_secs(1.max(*lease)),
        _ => Duration::ZERO,
    };
    let queue = Queue::open(&database, lease).await?;
    match command {
        Command::Enqueue { file } => enqueue(&queue, &file).await,
        Command::Work {
            servers,
            at_once,
            give_up,
            ..
        } => {
            let progress = Progress::default();
            let token = std::env::var("FLEET_TOKEN").ok();
            let servers = Servers::connect(servers, token.as_deref(), &progress);
            let give_up = give_up.map(Duration::from_secs);
            let worker = Worker {
                queue,
                servers,
                progress,
                give_up,
            };
            worker.work(at_once.max(1)).await
        }
        Command::Status => {
            for (state, server, count) in queue.counts().await? {
                println!("{state:8} {count:6}  {server}");
            }
            Ok(())
        }
    }
}

async fn enqueue(queue: &Queue, file: &Path) -> Result<()> {
    let text = std::fs::read_to_string(file);
    let text = text.with_context(|| format!("can't read {}", file.display()))?;
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let prompts: Vec<String> = lines.map(str::to_owned).collect();
    ensure!(
        !prompts.is_empty(),
        "{} is empty: put a prompt on each line",
        file.display()
    );
    queue.add(&prompts).await?;
    println!("Added {} jobs.", prompts.len());
    Ok(())
}
