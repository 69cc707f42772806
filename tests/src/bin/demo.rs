//! Runs a built example of `codex-sdk` with a scripted model: `demo PATH ARGUMENTS`. `cargo xtask demo`
//! starts it.

use std::env;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use codex_e2e::demo;

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    // Ctrl-C is for the example. This program runs the model, so it must not end before the example does.
    tokio::spawn(async { while tokio::signal::ctrl_c().await.is_ok() {} });
    let mut arguments = env::args_os().skip(1);
    let example: PathBuf = arguments.next().context("which example?")?.into();
    let name = example.file_stem().and_then(|name| name.to_str());
    let stage = demo::stage(name.context("which example?")?, None).await?;
    let status = tokio::process::Command::new(&example)
        .args(arguments)
        .envs(stage.env())
        .current_dir(stage.home.workspace())
        .status()
        .await
        .with_context(|| format!("{} can't be run", example.display()))?;
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    Ok(code.map_or(ExitCode::FAILURE, ExitCode::from))
}
