//! A goal that the runtime pursues over many turns. To the program they are one turn.
#![expect(clippy::print_stdout, reason = "an example prints")]

use codex_sdk::{Codex, Notification, Sandbox, types};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let codex = Codex::start().await?;
    // The runtime stores the goal with the thread, so the thread can't be ephemeral.
    let thread = codex.thread_start().sandbox(Sandbox::ReadOnly).await?;
    let objective = "Name three rivers, one in each turn. After the third the goal is complete.";
    println!("> {objective}\n");
    let mut goal = thread.goal(objective).token_budget(50_000).await?;
    println!("The goal runs as turn {}", goal.id());
    while let Some(event) = goal.next().await {
        if let Notification::ItemCompleted(done) = event?
            && let types::ThreadItem::AgentMessage(message) = done.item
        {
            println!("{}", message.text);
        }
    }
    let result = goal.run().await?;
    println!("The turn was {}.", result.status);

    let stored = types::ThreadGoalGetParams::new(thread.id());
    if let Some(goal) = codex.request(stored).await?.goal {
        let (status, tokens) = (goal.status, goal.tokens_used);
        println!("The goal is {status} and took {tokens} tokens.");
    }
    codex.thread_archive(thread.id()).await?;
    codex.close().await?;
    Ok(())
}
