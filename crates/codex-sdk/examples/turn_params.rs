//! A turn with every parameter set. The answer is JSON of a given shape, checked by the program.
#![expect(clippy::print_stdout, reason = "an example prints")]

use anyhow::{Context, ensure};
use codex_sdk::types::{Personality, ReasoningSummary};
use codex_sdk::{ApprovalMode, Codex, Sandbox};
use serde_json::{Value, json};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let codex = Codex::start().await?;
    let thread = codex.thread_start().ephemeral(true).await?;
    let schema = json!({
        "type": "object",
        "properties": {
            "summary": { "type": "string" },
            "steps": { "type": "array", "items": { "type": "string" } },
        },
        "required": ["summary", "steps"],
        "additionalProperties": false,
    });

    let result = thread
        .run("How is tea made? A summary, and the steps.")
        // For this turn and later turns of the thread.
        .model(thread.model())
        .effort("low")
        .summary(ReasoningSummary::Concise)
        .personality(Personality::None)
        .service_tier("default")
        .cwd(folder.path())
        .sandbox(Sandbox::ReadOnly)
        // The raw alternatives are `approval_policy` and `approvals_reviewer`.
        .approval_mode(ApprovalMode::DenyAll)
        // For this turn only.
        .turn_service_tier("default")
        .source("example")
        .output_schema(schema)
        .await?;

    let answer = result
        .final_response
        .context("the turn produced no answer")?;
    // The runtime passes the schema on but doesn't check the answer.
    let answer: Value = serde_json::from_str(&answer).context("the answer is not JSON")?;
    let summary = answer["summary"].as_str().context("no summary")?;
    let steps = answer["steps"].as_array().context("no steps")?;
    ensure!(!steps.is_empty(), "there is not one step");
    println!("{summary}");
    for (number, step) in (1..).zip(steps) {
        println!("{number}. {}", step.as_str().context("a step is no text")?);
    }
    codex.close().await?;
    Ok(())
}
