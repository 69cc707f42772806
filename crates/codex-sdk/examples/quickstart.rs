//! The basics on a fresh machine: installs the runtime if it is missing, runs one turn, streams it.
//!
//! With a Codex login the turn is real: read-only, in a temporary folder, on a thread that isn't kept. Without a
//! login, or with `--scripted`, the model is scripted and everything else is real.
#![expect(clippy::print_stdout, reason = "an example prints")]

use std::io;
use std::io::Write;

use codex_sdk::{Codex, Notification, Sandbox, TurnResult, runtime, types};
use codex_testkit::{CodexHome, Reply, ScriptedModel, Usage};

const QUESTION: &str = "In one sentence: what does a Rust SDK for Codex do?";

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    if let Err(runtime::Error::NotInstalled { .. }) = runtime::locate() {
        runtime::install(runtime::terminal_progress())?;
    }
    let scripted = std::env::args().any(|argument| argument == "--scripted");
    let own = if scripted { None } else { with_login().await? };
    // The scripted model and its home must live as long as the client.
    let (codex, _script) = if let Some(codex) = own {
        (codex, None)
    } else {
        let reason = if scripted {
            "As asked"
        } else {
            "No Codex login was found"
        };
        println!(
            "{reason}: the model is a script; the runtime, the protocol and the SDK are real."
        );
        let (codex, script) = with_script().await?;
        (codex, Some(script))
    };

    let folder = tempfile::tempdir()?;
    let thread = codex
        .thread_start()
        .cwd(folder.path())
        .sandbox(Sandbox::ReadOnly)
        .ephemeral(true)
        .await?;
    let version = &codex.metadata().server_version;
    println!(
        "Codex {version}, model {}\n\n> {QUESTION}\n",
        thread.model()
    );

    let mut turn = thread.turn(QUESTION).await?;
    while let Some(event) = turn.next().await {
        match event? {
            Notification::ItemAgentMessageDelta(delta) => {
                print!("{}", delta.delta);
                io::stdout().flush()?;
            }
            // Offline, the runtime retries repeatedly.
            Notification::Error(trouble) if trouble.will_retry => {
                eprintln!("{}", trouble.error.message);
            }
            _ => {}
        }
    }
    let result = turn.run().await?;

    print(&result);
    codex.close().await?;
    Ok(())
}

fn print(result: &TurnResult) {
    let answer = result.final_response.as_deref().unwrap_or_default();
    println!("\n\nanswer    {answer}");
    println!("status    {}", result.status);
    if let Some(usage) = result.turn_usage() {
        let (input, output) = (usage.input_tokens, usage.output_tokens);
        println!("usage     {input} tokens in, {output} out");
    }
    println!("duration  {} ms", result.duration_ms.unwrap_or_default());
}

/// Returns a client with the user's own configuration if it contains a login.
async fn with_login() -> anyhow::Result<Option<Codex>> {
    let home = std::env::var_os("CODEX_HOME").map(Into::into);
    let home = home.or_else(|| Some(std::env::home_dir()?.join(".codex")));
    if !home.is_some_and(|home: std::path::PathBuf| home.is_dir()) {
        return Ok(None);
    }
    // Plugins aren't needed here, and would be downloaded first.
    let codex = Codex::builder().config("features.plugins", false);
    let codex = codex.start().await?;
    let account = codex
        .request(types::GetAccountParams::default())
        .await?
        .account;
    Ok(match account {
        Some(types::Account::Chatgpt(account)) => {
            let email = account.email.unwrap_or_default();
            println!("This uses the ChatGPT account {email} for one short turn.");
            Some(codex)
        }
        Some(account) => {
            println!(
                "This uses the account of kind {} for one short turn.",
                account.tag()
            );
            Some(codex)
        }
        None => None,
    })
}

/// Returns a client with a scripted model.
async fn with_script() -> anyhow::Result<(Codex, (ScriptedModel, CodexHome))> {
    let model = ScriptedModel::start().await?;
    let words =
        "It starts the Codex runtime, speaks its protocol in types, and streams the answer.";
    let usage = Usage {
        input: 120,
        output: 17,
        ..Usage::default()
    };
    let reply = Reply::deltas(words.split_inclusive(' ')).usage(usage);
    model.push(reply.delay(std::time::Duration::from_millis(40)));
    let home = CodexHome::builder().model(&model).build()?;
    let codex = Codex::builder().envs(home.env()).cwd(home.workspace());
    let codex = codex.start().await?;
    Ok((codex, (model, home)))
}
