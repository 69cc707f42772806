//! A goal, which the runtime pursues over many turns. To the program they are one turn.
#![expect(clippy::print_stdout, reason = "an example prints")]

use codex_sdk::{Codex, Notification, Sandbox, types};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let codex = Codex::start().await?;
    // The runtime stores the goal with the thread: an ephemeral one can't have any.
    let thread = codex.thread_start().sandbox(Sandbox::ReadOnly).await?;
    let objective = "Name three rivers, one in each turn. After the third the goal is complete.";
    let mut goal = thread.goal(objective).token_budget(50_000).await?;
    println!("goal.id: {}", goal.id());
    while let Some(event) = goal.next().await {
        if let Notification::ItemCompleted(done) = event?
            && let types::ThreadItem::AgentMessage(message) = done.item
        {
            println!("message: {}", message.text);
        }
    }
    let result = goal.run().await?;
    println!("Status: {}", result.status);
    println!("Text: {}", result.final_response.unwrap_or_default());

    let stored = types::ThreadGoalGetParams::new(thread.id());
    if let Some(goal) = codex.request(stored).await?.goal {
        println!("goal.status: {}", goal.status);
        println!("goal.tokens: {}", goal.tokens_used);
    }
    codex.thread_archive(thread.id()).await?;
    codex.close().await?;
    Ok(())
}
