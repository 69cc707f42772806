use codex_sdk::{Codex, Sandbox};

#[tokio::main]
async fn main() -> codex_sdk::Result<()> {
    let codex = Codex::builder().install_runtime(true).start().await?;
    let thread = codex.thread_start().sandbox(Sandbox::ReadOnly).await?;
    let result = thread.run("Summarise this folder in one sentence.").await?;
    println!("{}", result.final_response.unwrap_or_default());
    codex.close().await
}
