//! Controlling two turns while they run: one is steered, the other interrupted.
#![expect(clippy::print_stdout, reason = "an example prints")]

use codex_sdk::{Codex, Condition, Sandbox, Thread, TurnHandle};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let codex = Codex::start().await?;
    let thread = new_thread(&codex).await?;
    let (first, instead) = (
        "Write a long poem about a harbour.",
        "Now only: one line, about its lighthouse.",
    );
    println!("> {first}");
    let mut turn = thread.turn(first).await?;
    first_words(&mut turn).await?;
    println!("> {instead}");
    match turn.steer(instead).await {
        Ok(_) => println!("The turn {} is steered.", turn.id()),
        // The turn may have ended in the meantime; programs must handle that.
        Err(error) if error.condition() == Some(Condition::NoActiveTurn) => {
            println!("It is too late to steer: {error}");
        }
        Err(error) => return Err(error.into()),
    }
    let result = turn.run().await?;
    let answer = result.final_response.unwrap_or_default();
    println!("It was {}, with this answer: {answer}", result.status);

    let thread = new_thread(&codex).await?;
    let endless = "Count to ten thousand, in words.";
    println!("\n> {endless}");
    let mut turn = thread.turn(endless).await?;
    first_words(&mut turn).await?;
    // The control works from another task while the handle is read here.
    let control = turn.control();
    let other = tokio::spawn(async move { control.interrupt().await });
    let mut events = 0;
    while let Some(event) = turn.next().await {
        event?;
        events += 1;
    }
    other.await??;
    let result = turn.run().await?;
    let status = result.status;
    println!("The other one was {status}, after {events} more notifications.");
    codex.close().await?;
    Ok(())
}

async fn new_thread(codex: &Codex) -> codex_sdk::Result<Thread> {
    let thread = codex.thread_start().sandbox(Sandbox::ReadOnly);
    thread.ephemeral(true).await
}

/// Reads until the model starts to answer.
async fn first_words(turn: &mut TurnHandle) -> codex_sdk::Result<()> {
    while let Some(event) = turn.next().await {
        if event?.text_delta().is_some() {
            break;
        }
    }
    Ok(())
}
