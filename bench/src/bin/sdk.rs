//! This SDK, as a program would use it. `SDK_WORKERS` threads carry it; without it, the one of `main`.

use anyhow::{Result, ensure};
use codex_bench::{Load, Report, Watch, rss_kib};
use codex_sdk::{Codex, Notification, Thread};
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
    let codex = Codex::builder()
        .codex_bin(std::env::var("CODEX_BIN")?)
        .start()
        .await?;
    let start_us = start.wall_us();
    let mut threads = Vec::new();
    for _ in 0..load.threads {
        threads.push(codex.thread_start().await?);
    }
    let turns = Watch::start();
    let mut running = JoinSet::new();
    for thread in threads {
        running.spawn(all_turns(thread, load.turns));
    }
    let mut deltas = 0;
    while let Some(read) = running.join_next().await {
        deltas += read??;
    }
    let report = Report {
        deltas,
        cpu_us: turns.cpu_us(),
        wall_us: turns.wall_us(),
        start_us,
        rss_kib: rss_kib(),
    };
    if std::env::var_os("SDK_DEBUG").is_some() {
        eprintln!(
            "{}",
            std::fs::read_to_string("/proc/self/io")?
                .lines()
                .take(4)
                .collect::<Vec<_>>()
                .join(" ")
        );
        for task in std::fs::read_dir("/proc/self/task")? {
            let path = task?.path();
            let status = std::fs::read_to_string(path.join("status"))?;
            let sched = std::fs::read_to_string(path.join("schedstat"))?;
            for line in status
                .lines()
                .filter(|l| l.contains("ctxt") || l.contains("Name"))
            {
                eprint!("{line} ");
            }
            eprintln!("{sched}");
        }
    }
    codex.close().await?;
    Ok(report)
}

async fn all_turns(thread: Thread, turns: usize) -> Result<usize> {
    let mut deltas = 0;
    for _ in 0..turns {
        let mut turn = thread.turn("go").await?;
        let mut completed = false;
        while let Some(event) = turn.next().await {
            match event? {
                Notification::ItemAgentMessageDelta(_) => deltas += 1,
                Notification::TurnCompleted(_) => completed = true,
                _ => {}
            }
        }
        ensure!(completed, "a turn without an end");
    }
    Ok(deltas)
}
