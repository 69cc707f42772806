//! A program with a server; a test kills it.
#![expect(clippy::print_stdout, reason = "it tells its test where it is")]

use codex_sdk::Server;

#[tokio::main]
async fn main() -> codex_sdk::Result<()> {
    let server = Server::builder().start().await?;
    println!("{}", server.url());
    server.ended().await;
    Ok(())
}
