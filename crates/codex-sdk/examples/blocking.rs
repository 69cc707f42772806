//! A program without an async runtime: `block_on()` replaces `.await`, iterators replace streams.
//!
//! Needs `--features blocking`.
#![expect(clippy::print_stdout, reason = "an example prints")]

use std::io::Write;
use std::{io, thread};

use codex_sdk::Sandbox;
use codex_sdk::blocking::Codex;

fn main() -> anyhow::Result<()> {
    let codex = Codex::start().block_on()?;
    println!("Codex {}", codex.metadata().server_version);
    let conversation = codex
        .thread_start()
        .sandbox(Sandbox::ReadOnly)
        .ephemeral(true)
        .block_on()?;

    let mut turn = conversation.turn("Say hello, slowly.").block_on()?;
    for event in &mut turn {
        print!("{}", event?.text_delta().unwrap_or_default());
        io::stdout().flush()?;
    }
    let result = turn.run().block_on()?;
    println!("\nThe turn was {}.", result.status);

    // Turns of different threads run at the same time.
    let others: Vec<_> = ["red", "blue"]
        .map(|colour| {
            let codex = codex.clone();
            thread::spawn(move || -> codex_sdk::Result<_> {
                let thread = codex.thread_start().ephemeral(true).block_on()?;
                let question = format!("Name something {colour}, in one word.");
                Ok((colour, thread.run(question).block_on()?))
            })
        })
        .into();
    for other in others {
        let (colour, result) = other
            .join()
            .map_err(|_| anyhow::anyhow!("a thread panicked"))??;
        let answer = result.final_response.unwrap_or_default();
        println!("Something {colour}: {answer}");
    }
    codex.close().block_on()?;
    Ok(())
}
