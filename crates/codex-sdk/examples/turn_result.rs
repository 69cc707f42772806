//! One turn, and all that its result holds: the status, the answer, the items, the times, the usage.
#![expect(clippy::print_stdout, reason = "an example prints")]

use anyhow::Context;
use codex_sdk::{Codex, Sandbox};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let codex = Codex::start().await?;
    let thread = codex
        .thread_start()
        .sandbox(Sandbox::ReadOnly)
        .ephemeral(true)
        .await?;

    let turn = thread.turn("Name one virtue of small programs.").await?;
    println!("thread_id: {}", turn.thread_id());
    println!("turn_id: {}", turn.id());

    // `thread.run("…")` is both steps in one.
    let result = turn.run().await?;
    println!("status: {}", result.status);
    let answer = result.final_response.as_deref();
    println!("text: {}", answer.context("the turn brought no answer")?);

    println!("items.count: {}", result.items.len());
    for item in &result.items {
        println!("item: {}", item.tag());
    }
    if let Some(milliseconds) = result.duration_ms {
        println!("duration_ms: {milliseconds}");
    }
    // What this turn cost; `result.usage` is what the thread has cost so far.
    if let Some(usage) = result.turn_usage() {
        let (input, output) = (usage.input_tokens, usage.output_tokens);
        println!("usage: {input} tokens in, {output} out");
    }
    codex.close().await?;
    Ok(())
}
