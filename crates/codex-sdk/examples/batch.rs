//! A batch of prompts, a few at a time. None is lost: those with a transient error are retried.
//!
//! The default is 20 prompts; `-- 50` runs 50.
#![expect(clippy::print_stdout, reason = "an example prints")]

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::{Context, ensure};
use codex_sdk::{Codex, Result, RetryPolicy, Sandbox, TurnResult, retry_on_transient};
use indicatif::{ProgressBar, ProgressStyle};
use tokio::task::JoinSet;

/// How many prompts run at once.
const AT_ONCE: usize = 4;

/// How often a prompt was retried, by the cause.
type Again = Arc<Mutex<BTreeMap<String, usize>>>;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let count: usize = match std::env::args().nth(1) {
        Some(count) => count.parse().context("how many prompts? Give a number")?,
        None => 20,
    };
    let prompts =
        (1..=count).map(|number| format!("In one short sentence: what is {number} known for?"));
    let mut waiting: VecDeque<_> = (1..).zip(prompts).collect();

    let codex = Codex::start().await?;
    let again = Again::default();
    // On stderr, and hidden if that isn't a terminal.
    let bar = ProgressBar::new(count.try_into()?);
    bar.set_style(ProgressStyle::with_template(
        "{bar:40} {pos} of {len} {msg}",
    )?);
    let mut running = JoinSet::new();
    let mut results = BTreeMap::new();
    loop {
        while running.len() < AT_ONCE
            && let Some((number, prompt)) = waiting.pop_front()
        {
            let (codex, again, bar) = (codex.clone(), Arc::clone(&again), bar.clone());
            running.spawn(async move { (number, ask(&codex, &prompt, &again, &bar).await) });
        }
        let Some(done) = running.join_next().await else {
            break;
        };
        let (number, result) = done?;
        results.insert(number, result);
        bar.inc(1);
    }
    bar.finish_and_clear();
    codex.close().await?;
    report(&results, &again)
}

/// Runs a prompt until it has an answer or fails with a permanent error.
///
/// Each attempt has its own thread, so it doesn't see the partial work of an earlier one.
async fn ask(codex: &Codex, prompt: &str, again: &Again, bar: &ProgressBar) -> Result<TurnResult> {
    let policy = RetryPolicy::default()
        .max_attempts(10)
        .initial_delay(Duration::from_millis(500))
        .max_delay(Duration::from_secs(60));
    let attempt = async || {
        let start = codex.thread_start().sandbox(Sandbox::ReadOnly);
        let thread = start.ephemeral(true).await?;
        let stall = Duration::from_secs(300);
        let result = thread.run(prompt).stall_timeout(stall).await;
        if let Err(error) = &result
            && let Some(condition) = error.condition()
            && error.is_transient()
        {
            bar.set_message(format!("({condition})"));
            if let Ok(mut again) = again.lock() {
                *again.entry(condition.to_string()).or_default() += 1;
            }
        }
        result
    };
    retry_on_transient(policy, attempt).await
}

/// Prints every answer and every failure, then the totals.
fn report(results: &BTreeMap<usize, Result<TurnResult>>, again: &Again) -> anyhow::Result<()> {
    for (number, result) in results {
        match result {
            Ok(result) => {
                let answer = result.final_response.as_deref();
                println!("{number:>3}. {}", answer.unwrap_or("(no answer)"));
            }
            Err(error) => println!("{number:>3}. failed: {error}"),
        }
    }
    let answered = results.values().filter(|result| result.is_ok()).count();
    println!("\n{answered} of {} prompts were answered.", results.len());
    if let Ok(again) = again.lock()
        && !again.is_empty()
    {
        println!("Attempts that failed for a passing reason:");
        for (condition, count) in again.iter() {
            println!("  {condition:<20} {count:>3}");
        }
    }
    ensure!(
        answered == results.len(),
        "see the failures above, and run those prompts again"
    );
    Ok(())
}
