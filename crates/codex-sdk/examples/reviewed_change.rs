//! A change in a repository: made by the model, approved by you, then reviewed by the model.
#![expect(clippy::print_stdout, reason = "an example prints")]

use std::io;

use codex_sdk::schemars::JsonSchema;
use codex_sdk::types::FileChangeApprovalDecision::{Accept, Decline};
use codex_sdk::{Codex, Sandbox, schemars};
use serde::Deserialize;

#[derive(Deserialize, JsonSchema)]
struct Review {
    /// Whether the change can be committed as it is.
    good: bool,
    /// What is wrong with it, a sentence each.
    problems: Vec<String>,
}

#[tokio::main]
async fn main() -> codex_sdk::Result<()> {
    let codex = Codex::builder()
        .install_runtime(true)
        .on_file_change_approval(|context, _params| async move {
            for change in context.changes() {
                println!("--- {}\n{}", change.path, change.diff);
            }
            let yes = tokio::task::spawn_blocking(|| asked("Apply this change?")).await??;
            Ok(if yes { Accept } else { Decline })
        })
        .start()
        .await?;

    // Read-only: every change needs an approval, and commands can look but not touch.
    let thread = codex.thread_start().sandbox(Sandbox::ReadOnly).await?;
    let task =
        "In greet.sh, greet whoever is named as the first argument, and the world otherwise.";
    let result = thread.run(task).await?;
    println!("{}\n", result.final_response.unwrap_or_default());

    // Another thread knows nothing of how the change was made.
    let reviewer = codex.thread_start().sandbox(Sandbox::ReadOnly).await?;
    let question =
        "Review greet.sh: it should greet its first argument, or the world if there is none.";
    let review = reviewer.run_as::<Review>(question).await?.value;
    println!(
        "{}",
        if review.good {
            "good to commit"
        } else {
            "not good yet"
        }
    );
    for problem in review.problems {
        println!("- {problem}");
    }
    codex.close().await
}

/// Asks the person at the terminal. Whatever isn't a yes is a no.
fn asked(question: &str) -> io::Result<bool> {
    println!("{question} [y/N]");
    let mut line = String::new();
    io::stdin().read_line(&mut line)?;
    Ok(line.trim() == "y")
}
