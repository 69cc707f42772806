//! A program that starts a turn with a tool command and then ends in the way that it is told.
#![expect(clippy::print_stdout, reason = "it tells its test how far it is")]

use std::{future::pending, process};

use codex_sdk::{Codex, Notification, TurnHandle, types::ThreadItem};

fn main() -> anyhow::Result<()> {
    let ending = std::env::args().nth(1).unwrap_or_default();
    let tokio = tokio::runtime::Runtime::new()?;
    if ending == "dropped_outside_the_runtime" {
        let handles = tokio.block_on(start())?;
        drop(tokio);
        drop(handles);
        return Ok(());
    }
    tokio.block_on(end(&ending))
}

async fn end(ending: &str) -> anyhow::Result<()> {
    let (codex, turn) = start().await?;
    match ending {
        "closed" => codex.close().await?,
        "dropped" => drop((codex, turn)),
        "forgotten" => std::mem::forget((codex, turn)),
        "failed" => anyhow::bail!("failed as told"),
        "panicked" => panic!("panicked as told"),
        "aborted" => process::abort(),
        "exited" => process::exit(7),
        // Something else ends it.
        _ => pending().await,
    }
    Ok(())
}

async fn start() -> anyhow::Result<(Codex, TurnHandle)> {
    let codex = Codex::start().await?;
    let thread = codex.thread_start().await?;
    let mut turn = thread.turn("sleep").await?;
    while let Some(event) = turn.next().await {
        if let Notification::ItemStarted(started) = event?
            && matches!(started.item, ThreadItem::CommandExecution(_))
        {
            println!("running");
            // The test says when.
            std::io::stdin().read_line(&mut String::new())?;
            return Ok((codex, turn));
        }
    }
    anyhow::bail!("the turn ended")
}
