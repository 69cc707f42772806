//! A picture from the disk and a question about it; `-- FILE` replaces the default picture.
#![expect(clippy::print_stdout, reason = "an example prints")]

use std::path::PathBuf;

use codex_sdk::{Codex, InputItem, Sandbox};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let own = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/images/flag.png");
    let path: PathBuf = std::env::args_os().nth(1).map_or(own.into(), PathBuf::from);

    let codex = Codex::start().await?;
    let thread = codex
        .thread_start()
        .sandbox(Sandbox::ReadOnly)
        .ephemeral(true)
        .await?;
    // A missing file is an error before anything is sent.
    let input = [
        InputItem::text("What is in this picture? Answer in one sentence."),
        InputItem::local_image(&path),
    ];
    let result = thread.run(input).await?;
    println!("{}", result.final_response.unwrap_or_default());
    codex.close().await?;
    Ok(())
}
