//! A conversation that outlives its program: one client starts it, another resumes it by its id.
#![expect(clippy::print_stdout, reason = "an example prints")]

use codex_sdk::{Codex, Sandbox};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let codex = Codex::start().await?;
    let thread = codex.thread_start().sandbox(Sandbox::ReadOnly).await?;
    println!("Started the thread {}", thread.id());
    println!("> Think of a fruit, and name it.");
    let first = thread.run("Think of a fruit, and name it.").await?;
    println!("{}", first.final_response.unwrap_or_default());
    // The id is all that you need to store.
    let thread_id = thread.id().to_owned();
    codex.close().await?;

    let codex = Codex::start().await?;
    // The model still knows the history; this only keeps it from being sent to the program.
    let thread = codex.thread_resume(&thread_id).include_turns(false).await?;
    println!("Resumed the thread {}", thread.id());
    println!("> What colour is it?");
    let second = thread.run("What colour is it?").await?;
    println!("{}", second.final_response.unwrap_or_default());

    let stored = thread.read().include_turns(true).await?.thread;
    println!("It has {} turns.", stored.turns.len());
    codex.thread_archive(&thread_id).await?;
    codex.close().await?;
    Ok(())
}
