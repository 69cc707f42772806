//! Many threads at once on one client, with a line for each and one bar for all: 8, or 32 with `-- 32`.
#![expect(clippy::print_stdout, reason = "an example prints")]

use std::collections::BTreeMap;
use std::io::{IsTerminal, stdout};
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
    // The bars are on stderr, and hidden if that isn't a terminal.
    let bars = MultiProgress::new();
    let style = ProgressStyle::with_template("{spinner} {prefix:10} {wide_msg}")?;
    let all = ProgressBar::new(count.try_into()?);
    let all = bars.add(all.with_style(ProgressStyle::with_template(
        "{bar:30} {pos}/{len} answered",
    )?));
    let mut tasks = JoinSet::new();
    for number in 1..=count {
        let bar = ProgressBar::new_spinner().with_style(style.clone());
        let bar = bars.insert_before(&all, bar.with_prefix(format!("thread {number}")));
        tasks.spawn(ask(codex.clone(), number, bar));
    }

    let mut answers = BTreeMap::new();
    while let Some(done) = tasks.join_next().await {
        let (number, result) = done??;
        let answer = result.final_response.as_deref();
        let answer = answer.unwrap_or("(no answer)").to_owned();
        // Above the bars, where it stays and isn't shortened.
        bars.println(format!("✓ thread {number:<3} {answer}"))?;
        answers.insert(number, answer);
        all.inc(1);
    }
    all.finish_and_clear();
    // In a terminal, the answers are already shown.
    if bars.is_hidden() || !stdout().is_terminal() {
        for (number, answer) in &answers {
            println!("thread {number}: {answer}");
        }
    }
    println!("All {count} threads ran at once, on one client.");
    codex.close().await?;
    Ok(())
}

/// Runs one turn on a new thread. A slow turn doesn't hold up the others.
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
