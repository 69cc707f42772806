//! A picture and a question about it in one input. The program contains the picture as a data URL.
#![expect(clippy::print_stdout, reason = "an example prints")]

use codex_sdk::{Codex, InputItem, Sandbox};

/// Three vertical stripes: green, white, red. The runtime doesn't download pictures.
const FLAG: &str = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAGAAAABgCAMAAADVRocKAAAACVBMVEUAkkb////OKzdsRJOSAAAAPklEQVR42u3NMQ0AAAgDsIF/0UjYTdIaaFJMsUUEAoFAIBAIBAKBQCAQCAQCgUAgEAgEAoFAIBAIBALB1+AACpQkAY74Jn8AAAAASUVORK5CYII=";

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let codex = Codex::start().await?;
    let thread = codex
        .thread_start()
        .sandbox(Sandbox::ReadOnly)
        .ephemeral(true)
        .await?;
    let input = [
        InputItem::text("Which country's flag is this?"),
        InputItem::image(FLAG),
    ];
    let result = thread.run(input).await?;
    println!("{}", result.final_response.unwrap_or_default());
    codex.close().await?;
    Ok(())
}
