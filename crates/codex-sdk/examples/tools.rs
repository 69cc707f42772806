//! A function in this program that the model calls, with its arguments as a Rust type.
#![expect(clippy::print_stdout, reason = "an example prints")]

use codex_sdk::schemars::JsonSchema;
use codex_sdk::{Codex, Sandbox, Tool, schemars};
use serde::Deserialize;

#[derive(Deserialize, JsonSchema)]
struct Forecast {
    /// The name of a city.
    city: String,
    /// How many days ahead, from 0 to 3.
    days: u8,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let description = "The weather forecast for a city.";
    let forecast = Tool::new("forecast", description, |args: Forecast| async move {
        println!("The model asks for {} in {} days.", args.city, args.days);
        if args.days > 3 {
            // The model gets this error and can call again. The turn doesn't fail.
            return Err("there is no forecast for more than 3 days".into());
        }
        Ok(format!(
            "{} in {} days: sunny, 24 °C.",
            args.city, args.days
        ))
    });

    let codex = Codex::start().await?;
    let thread = codex
        .thread_start()
        .tool(forecast)
        .sandbox(Sandbox::ReadOnly)
        .ephemeral(true)
        .await?;
    let question = "Ask for the forecast for Lisbon, 9 days ahead; if there is none, 2 days ahead.";
    println!("> {question}\n");
    let result = thread.run(question).await?;
    println!("{}", result.final_response.unwrap_or_default());
    codex.close().await?;
    Ok(())
}
