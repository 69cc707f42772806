//! This SDK as a program uses it. It runs on `SDK_WORKERS` threads; without that variable, on `main`'s.
//! The conversation threads are divided among `SDK_CLIENTS` clients, and `SDK_VIEWERS` viewers watch each of
//! them. With `SDK_IDLE` it only opens the threads, and its report has no turns.

use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Result, ensure};
use codex_bench::measure::{Load, Report, Watch};
use codex_sdk::{Codex, Notification, Thread, ThreadWatch};
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinSet;

fn main() -> Result<()> {
    let load = Load::from_args()?;
    let report = runtime()?.block_on(run(load))?;
    #[expect(clippy::print_stdout, reason = "what this program is for")]
    {
        println!("{}", serde_json::to_string(&report)?);
    }
    Ok(())
}

fn runtime() -> Result<Runtime> {
    let mut builder = match std::env::var("SDK_WORKERS") {
        Ok(workers) => {
            let mut builder = Builder::new_multi_thread();
            builder.worker_threads(workers.parse()?);
            builder
        }
        Err(_) => Builder::new_current_thread(),
    };
    Ok(builder.enable_all().build()?)
}

async fn run(load: Load) -> Result<Report> {
    let start = Watch::start();
    let mut clients = Vec::new();
    for _ in 0..std::env::var("SDK_CLIENTS").map_or(Ok(1), |it| it.parse())? {
        let builder = Codex::builder().codex_bin(std::env::var("CODEX_BIN")?);
        clients.push(builder.start().await?);
    }
    let start_us = start.wall_us();
    let mut threads = Vec::new();
    for codex in clients.iter().cycle().take(load.threads) {
        threads.push(codex.thread_start().await?);
    }
    if std::env::var_os("SDK_IDLE").is_some() {
        return Ok(Watch::start().report(0, start_us));
    }
    let turns = Watch::start();
    let mut running = JoinSet::new();
    let viewers: usize = std::env::var("SDK_VIEWERS").map_or(Ok(0), |it| it.parse())?;
    let mut looking = JoinSet::new();
    for thread in threads {
        for _ in 0..viewers {
            looking.spawn(look(thread.watch()));
        }
        running.spawn(all_turns(thread, load.turns));
    }
    let mut read = Read::default();
    while let Some(of_thread) = running.join_next().await {
        let of_thread = of_thread??;
        read.deltas += of_thread.deltas;
        read.latencies_us.extend(of_thread.latencies_us);
    }
    let mut report = turns.report(read.deltas, start_us);
    report.latencies_us = read.latencies_us;
    for codex in clients {
        codex.close().await?;
    }
    Ok(report)
}

/// Watches until the end.
async fn look(mut watch: ThreadWatch) {
    while let Some(Ok(_)) = watch.next().await {}
}

#[derive(Default)]
struct Read {
    deltas: usize,
    latencies_us: Vec<f64>,
}

async fn all_turns(thread: Thread, turns: usize) -> Result<Read> {
    let timed = std::env::var_os("PEER_RATE").is_some();
    let mut read = Read::default();
    for _ in 0..turns {
        let mut turn = thread.turn("go").await?;
        let mut completed = false;
        while let Some(event) = turn.next().await {
            match event? {
                Notification::ItemAgentMessageDelta(it) => {
                    read.deltas += 1;
                    if timed {
                        let now = SystemTime::now().duration_since(UNIX_EPOCH)?;
                        read.latencies_us
                            .push((now.as_secs_f64() - it.delta.parse::<f64>()?) * 1e6);
                    }
                }
                Notification::TurnCompleted(_) => completed = true,
                _ => {}
            }
        }
        ensure!(completed, "a turn without an end");
    }
    Ok(read)
}
