//! The notifications of a turn as they arrive: its start, its items, the answer word by word, its end.
#![expect(clippy::print_stdout, reason = "an example prints")]

use std::io;
use std::io::Write;

use anyhow::ensure;
use codex_sdk::types::ThreadItem;
use codex_sdk::{Codex, Notification, Sandbox};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let codex = Codex::start().await?;
    let thread = codex
        .thread_start()
        .sandbox(Sandbox::ReadOnly)
        .ephemeral(true)
        .await?;

    let question = "Describe the sea in two sentences.";
    println!("> {question}\n");
    let mut turn = thread.turn(question).await?;
    let (mut events, mut completed) = (0, false);
    while let Some(event) = turn.next().await {
        events += 1;
        match event? {
            Notification::TurnStarted(started) => println!("The turn {} starts.", started.turn.id),
            Notification::ItemStarted(started) => println!("  {} starts", started.item.tag()),
            Notification::ItemAgentMessageDelta(delta) => {
                print!("{}", delta.delta);
                io::stdout().flush()?;
            }
            Notification::ItemCompleted(done) => {
                if let ThreadItem::AgentMessage(_) = done.item {
                    println!();
                }
                println!("  {} is complete", done.item.tag());
            }
            Notification::TurnCompleted(done) => {
                completed = true;
                println!("The turn is {}.", done.turn.status);
            }
            // There are 85 kinds, and newer runtimes have more. Each has a method.
            other => println!("  {}", other.method()),
        }
    }
    ensure!(completed, "the stream ended without `turn/completed`");
    println!("These were {events} notifications.");

    // The result also contains what was streamed.
    let result = turn.run().await?;
    let answer = result.final_response.unwrap_or_default();
    println!("The answer as a whole: {answer}");
    codex.close().await?;
    Ok(())
}
