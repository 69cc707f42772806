//! A program that starts a client and prints the result: `starting`. With `given-up` it cancels the start
//! after a moment, while the runtime is still being located, and ends.
#![expect(clippy::print_stdout, reason = "it tells its test what it saw")]

use std::time::Duration;

use codex_sdk::Codex;

#[tokio::main]
async fn main() {
    if std::env::args().nth(1).as_deref() == Some("given-up") {
        let start = Codex::builder().install_runtime(true).start();
        let given_up = tokio::time::timeout(Duration::from_millis(200), start).await;
        println!(
            "{}",
            if given_up.is_err() {
                "given up"
            } else {
                "done"
            }
        );
        return;
    }
    match Codex::start().await {
        Ok(codex) => println!("started {}", codex.metadata().server_version),
        Err(error) => println!("{:?}: {error}", error.condition()),
    }
}
