//! A program that decides by rules which commands and file changes may leave the sandbox.
#![expect(clippy::print_stdout, reason = "an example prints")]

use std::path::Component;

use codex_sdk::types::{
    CommandExecutionApprovalDecision as Command, FileChangeApprovalDecision as File,
};
use codex_sdk::{Codex, Sandbox};

const TASK: &str = "Ask for permission where you need it. Create notes.txt with the line `hello`, by a \
    patch. Then run `touch done.txt`. Then run `rm notes.txt`. If something is refused, go on.";

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    // All changes stay in this folder.
    let folder = tempfile::tempdir()?;
    let root = folder.path().canonicalize()?;
    let own = root.clone();
    let codex = Codex::builder()
        .on_command_approval(|_context, params| async move {
            let command = params.command.unwrap_or_default();
            let harmless = is_harmless(&command);
            println!("Codex wants to run {command}");
            tell(harmless);
            // With `Decline` the turn goes on; `Cancel` would interrupt it.
            Ok(if harmless {
                Command::Accept
            } else {
                Command::Decline
            })
        })
        .on_file_change_approval(move |context, _params| {
            let inside = |path: &str| {
                let path = root.join(path);
                let climbs = path.components().any(|part| part == Component::ParentDir);
                path.starts_with(&root) && !climbs
            };
            let changes = context.changes();
            let harmless = changes.iter().all(|change| inside(&change.path));
            for change in changes {
                let diff = change.diff.trim_end();
                println!("Codex wants to change {}\n{diff}", change.path);
            }
            tell(harmless);
            async move {
                Ok(if harmless {
                    File::Accept
                } else {
                    File::Decline
                })
            }
        })
        .start()
        .await?;

    // With an approval handler, the client's threads ask by default.
    let thread = codex
        .thread_start()
        .cwd(&own)
        .sandbox(Sandbox::ReadOnly)
        .ephemeral(true)
        .await?;
    let result = thread.run(TASK).await?;
    println!("{}", result.final_response.unwrap_or_default());
    let files = own.read_dir()?.flatten();
    let names = files.map(|file| file.file_name().display().to_string());
    let mut names: Vec<_> = names.collect();
    names.sort();
    println!("The folder now holds {}.", names.join(" and "));
    codex.close().await?;
    Ok(())
}

fn tell(allowed: bool) {
    let decision = if allowed { "Allowed." } else { "Refused." };
    println!("{decision}\n");
}

/// Compares the whole command, including the shell that runs it: `touch done.txt; …` is another command.
fn is_harmless(command: &str) -> bool {
    let shells = ["/bin/bash", "/bin/zsh", "/bin/sh"];
    let allowed = shells.map(|shell| format!("{shell} -lc 'touch done.txt'"));
    allowed.iter().any(|it| it == command)
}
