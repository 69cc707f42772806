//! One turn and everything in its result: the status, the answer, the items, the times, the usage.
#![expect(clippy::print_stdout, reason = "an example prints")]

use anyhow::Context;
use codex_sdk::types::ThreadItem;
use codex_sdk::{Codex, Sandbox};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let codex = Codex::start().await?;
    let thread = codex
        .thread_start()
        .sandbox(Sandbox::ReadOnly)
        .ephemeral(true)
        .await?;

    let question = "Name one virtue of small programs.";
    println!("> {question}\n");
    let turn = thread.turn(question).await?;
    println!("thread    {}", turn.thread_id());
    println!("turn      {}", turn.id());

    // `thread.run("…")` combines both steps.
    let result = turn.run().await?;
    println!("status    {}", result.status);
    let answer = result.final_response.as_deref();
    println!(
        "answer    {}",
        answer.context("the turn produced no answer")?
    );

    let items: Vec<_> = result.items.iter().map(ThreadItem::tag).collect();
    println!("items     {}", items.join(", "));
    if let Some(milliseconds) = result.duration_ms {
        println!("duration  {milliseconds} ms");
    }
    // The cost of this turn; `result.usage` is the thread's total so far.
    if let Some(usage) = result.turn_usage() {
        let (input, output) = (usage.input_tokens, usage.output_tokens);
        println!("usage     {input} tokens in, {output} out");
    }
    codex.close().await?;
    Ok(())
}
