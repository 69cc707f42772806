//! An answer as a value of a Rust type: its schema is made strict, and the model must follow it.
#![expect(clippy::print_stdout, reason = "an example prints")]

use codex_sdk::schemars::JsonSchema;
use codex_sdk::{Codex, Error, Sandbox, schemars};
use serde::Deserialize;

/// What the comments say is what the model is told.
#[derive(Debug, Deserialize, JsonSchema)]
struct River {
    name: String,
    /// In kilometres.
    length: u32,
    /// Where it ends; nothing if it ends in another river.
    sea: Option<String>,
    traffic: Traffic,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Traffic {
    None,
    Boats,
    Ships,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let codex = Codex::start().await?;
    let thread = codex
        .thread_start()
        .sandbox(Sandbox::ReadOnly)
        .ephemeral(true)
        .await?;
    let question = "Which are the two longest rivers of Portugal?";
    println!("> {question}\n");
    match thread.run_as::<Vec<River>>(question).await {
        Ok(answer) => {
            for river in &answer.value {
                let sea = river.sea.as_deref().unwrap_or("another river");
                let traffic = match river.traffic {
                    Traffic::None => "nothing",
                    Traffic::Boats => "boats",
                    Traffic::Ships => "ships",
                };
                let (name, length) = (&river.name, river.length);
                println!("{name:<10} {length:>4} km, into {sea}, with {traffic} on it");
            }
        }
        // The answer that the model gave instead.
        Err(Error::Answer(answer)) => println!("not in that form: {answer}\n{:?}", answer.text),
        Err(error) => return Err(error.into()),
    }
    codex.close().await?;
    Ok(())
}
