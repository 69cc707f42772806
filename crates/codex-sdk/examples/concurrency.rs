//! Many threads at once on one client, each with a progress bar: `-- 32` is another number than 8.
#![expect(clippy::print_stdout, reason = "an example prints")]

use std::time::Duration;

use anyhow::Context;
use codex_sdk::{Codex, Sandbox, TurnResult};
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use tokio::task::JoinSet;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let count: usize = match std::env::args().nth(1) {
        Some(count) => count.parse().context("how many threads? Give a number")?,
        None => 8,
    };
    let codex = Codex::start().await?;
    // The bars are on stderr, and not there at all if that isn't a terminal.
    let bars = MultiProgress::new();
    let style = ProgressStyle::with_template("{spinner} {prefix}: {wide_msg}")?;
    let mut tasks = JoinSet::new();
    for number in 1..=count {
        let bar = ProgressBar::new_spinner().with_style(style.clone());
        let bar = bars.add(bar.with_prefix(format!("thread {number}")));
        tasks.spawn(ask(codex.clone(), number, bar));
    }

    let mut results = Vec::new();
    while let Some(result) = tasks.join_next().await {
        results.push(result??);
    }
    results.sort_by_key(|(number, _)| *number);
    for (number, result) in &results {
        let answer = result.final_response.as_deref().unwrap_or_default();
        println!("thread {number}: {}: {answer}", result.status);
    }
    println!("threads.count: {}", results.len());
    codex.close().await?;
    Ok(())
}

/// One thread with one turn. A slow one keeps none of the others waiting.
async fn ask(codex: Codex, number: usize, bar: ProgressBar) -> anyhow::Result<(usize, TurnResult)> {
    bar.enable_steady_tick(Duration::from_millis(100));
    let thread = codex
        .thread_start()
        .sandbox(Sandbox::ReadOnly)
        .ephemeral(true)
        .await?;
    let question = format!("In one short sentence: what is the number {number} known for?");
    let mut turn = thread.turn(question).await?;
    let mut text = String::new();
    while let Some(event) = turn.next().await {
        if let Some(delta) = event?.text_delta() {
            text.push_str(delta);
            bar.set_message(text.replace('\n', " "));
        }
    }
    let result = turn.run().await?;
    bar.finish_and_clear();
    Ok((number, result))
}
