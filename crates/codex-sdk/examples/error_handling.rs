//! Handling errors: an overloaded runtime, a missing thread, a failed turn.
#![expect(clippy::print_stdout, reason = "an example prints")]

use anyhow::ensure;
use codex_sdk::{Codex, Condition, Error, RetryPolicy, Sandbox, retry_on_overload, types};

const NO_THREAD: &str = "01900000-0000-7000-8000-000000000000";

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let codex = Codex::start().await?;

    // An overloaded runtime rejects calls before it starts them: only those are retried.
    let policy = RetryPolicy::default().max_attempts(5);
    let models = retry_on_overload(policy, || codex.models()).await?;
    println!("The runtime offers {} models.", models.data.len());

    // `condition()` returns the meaning of an error, if it is known.
    match codex.thread_resume(NO_THREAD).await {
        Err(error) if error.condition() == Some(Condition::ThreadNotFound) => {
            println!("There is no such thread: {error}");
        }
        other => println!("unexpected: {other:?}"),
    }

    // A failed turn is an error, which still contains everything that came before.
    let thread = codex
        .thread_start()
        .sandbox(Sandbox::ReadOnly)
        .ephemeral(true)
        .await?;
    let good = thread.model().to_owned();
    match thread.run("Hello?").model("no-such-model").await {
        Ok(result) => println!("unexpected: {}", result.status),
        Err(error) => println!("No answer: {}", advice(&error)),
    }

    // The thread remains usable. It still has the bad model, so set another.
    let result = retry_on_overload(policy, || thread.turn("Say hello.").model(&*good)).await?;
    let result = result.run().await?;
    ensure!(result.status == types::TurnStatus::Completed);
    let answer = result.final_response.unwrap_or_default();
    println!("The thread still answers: {answer}");

    codex.close().await?;
    if let Err(error) = thread.run("Anybody there?").await {
        println!("The client is closed: {}", advice(&error));
    }
    Ok(())
}

/// Returns advice for an error.
fn advice(error: &Error) -> String {
    match error {
        Error::TurnFailed(failed) => {
            let items = failed.result.items.len();
            let condition = error.condition();
            let condition = condition.map_or("unknown", Condition::as_str);
            format!("{failed} (condition {condition}, items before it: {items})")
        }
        error if error.is_closed() => "start a new client".to_owned(),
        error if error.is_retryable() => "overloaded: try again later".to_owned(),
        error if error.is_timeout() => "too slow: it may still take effect".to_owned(),
        error => format!("give up: {error}"),
    }
}
