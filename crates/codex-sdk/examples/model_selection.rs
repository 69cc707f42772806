//! Choosing one of the runtime's models and its effort, for a plain turn and a structured one.
#![expect(clippy::print_stdout, reason = "an example prints")]

use anyhow::Context;
use codex_sdk::{Codex, Sandbox, types};
use serde_json::{Value, json};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let codex = Codex::start().await?;
    let models = codex.models().await?.data;
    let model = choose(&models).context("the runtime offers no model")?;
    // Efforts are listed from lowest to highest.
    let efforts = &model.supported_reasoning_efforts;
    let effort = efforts.last().map(|option| &option.reasoning_effort);
    let effort = effort.unwrap_or(&model.default_reasoning_effort);
    println!("The model is {}, its effort {}.", model.id, effort.as_str());

    let thread = codex
        .thread_start()
        .model(&*model.model)
        .sandbox(Sandbox::ReadOnly)
        .ephemeral(true)
        .await?;
    let plain = thread.run("Name a prime number.").effort(effort.clone());
    let plain = plain.await?;
    println!(
        "A prime number: {}",
        plain.final_response.unwrap_or_default()
    );

    let schema = json!({
        "type": "object",
        "properties": { "prime": { "type": "integer" } },
        "required": ["prime"],
        "additionalProperties": false,
    });
    let structured = thread
        .run("Name a larger one.")
        .model(&*model.model)
        .effort(effort.clone())
        .summary(types::ReasoningSummary::Auto)
        .output_schema(schema)
        .await?;
    let answer = structured.final_response.context("no answer")?;
    let answer: Value = serde_json::from_str(&answer).context("the answer is not JSON")?;
    println!("A larger one, from JSON: {}", answer["prime"]);
    codex.close().await?;
    Ok(())
}

/// Returns the default among the models that no other one supersedes, or else the first of them.
fn choose(models: &[types::Model]) -> Option<&types::Model> {
    let current = || models.iter().filter(|model| model.upgrade.is_none());
    let default = current().find(|model| model.is_default);
    default.or_else(|| current().next()).or(models.first())
}
