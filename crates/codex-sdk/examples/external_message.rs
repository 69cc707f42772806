//! A turn started by an external message: the model sees it as tool output, not as an instruction.
#![expect(clippy::print_stdout, reason = "an example prints")]

use codex_sdk::types::ThreadItem;
use codex_sdk::{Codex, ExternalMessage, Sandbox};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let codex = Codex::start().await?;
    let thread = codex
        .thread_start()
        .sandbox(Sandbox::ReadOnly)
        .ephemeral(true)
        .await?;
    let task = "When a message comes from Slack, say in one sentence what it is about.";
    let result = thread.run(task).await?;
    let answer = result.final_response.unwrap_or_default();
    println!("The model was given a task, and said: {answer}");

    // It has less authority than the user and approves nothing; its names are not verified.
    let message = ExternalMessage::new("slack", "Build 512 is red: the linker was killed.")
        .namespace("notifications");
    let result = thread.run(message).source("slack_notification").await?;
    let kinds: Vec<_> = result.items.iter().map(ThreadItem::tag).collect();
    println!(
        "The turn of the message has the items {}.",
        kinds.join(" and ")
    );
    println!(
        "The model said: {}",
        result.final_response.unwrap_or_default()
    );
    codex.close().await?;
    Ok(())
}
