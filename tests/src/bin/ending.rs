//! A program in which the model runs commands, and which then ends in a given way: `ending HOW COUNT`.
#![expect(clippy::print_stdout, reason = "it tells its test how far it is")]

use std::future::pending;
use std::{env, io, mem, process, thread};

use codex_sdk::types::ThreadItem;
use codex_sdk::{Codex, Notification, TurnHandle};

type Handles = (Codex, Vec<TurnHandle>);

fn main() -> anyhow::Result<()> {
    let mut arguments = env::args().skip(1);
    let ending = arguments.next().unwrap_or_default();
    let count = arguments.next().map_or(Ok(1), |count| count.parse())?;
    match &*ending {
        "dropped_outside_the_runtime" => {
            let tokio = tokio::runtime::Runtime::new()?;
            let handles = tokio.block_on(start(count))?;
            drop(tokio);
            drop(handles);
        }
        "dropped_beside_a_runtime_that_rests" => {
            let tokio = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()?;
            let handles = tokio.block_on(start(count))?;
            drop(handles);
            // Long enough for the client to end, which doesn't involve the async runtime.
            thread::sleep(std::time::Duration::from_secs(2));
            mem::forget(tokio);
        }
        ending => tokio::runtime::Runtime::new()?.block_on(end(ending, count))?,
    }
    Ok(())
}

async fn end(ending: &str, count: usize) -> anyhow::Result<()> {
    let (codex, turns) = start(count).await?;
    match ending {
        "closed" | "runtime_stopped_and_closed" => codex.close().await?,
        "dropped" | "runtime_stopped_and_dropped" => drop((codex, turns)),
        "forgotten" => mem::forget((codex, turns)),
        "failed" | "runtime_stopped_and_failed" => anyhow::bail!("failed as told"),
        "panicked" => panic!("panicked as told"),
        "aborted" => process::abort(),
        "exited" => process::exit(7),
        "runtime_killed" | "runtime_terminated" => {
            let mut events = codex.notifications();
            while events.next().await.is_some() {}
        }
        // Something else ends the process.
        _ => pending().await,
    }
    Ok(())
}

/// Starts a turn for each command, and waits for the test's signal.
async fn start(count: usize) -> anyhow::Result<Handles> {
    let codex = Codex::start().await?;
    let mut turns = Vec::new();
    for _ in 0..count {
        let thread = codex.thread_start().await?;
        let mut turn = thread.turn("Run it.").await?;
        let is_command = |event: Notification| match event {
            Notification::ItemStarted(it) => matches!(it.item, ThreadItem::CommandExecution(_)),
            _ => false,
        };
        while let Some(event) = turn.next().await {
            if is_command(event?) {
                break;
            }
        }
        turns.push(turn);
    }
    println!("running");
    io::stdin().read_line(&mut String::new())?;
    Ok((codex, turns))
}
