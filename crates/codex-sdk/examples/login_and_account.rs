//! A browser login: starting it, cancelling it and waiting for it; then the account that is logged in.
//!
//! An existing login stays. With `-- --login`, the login isn't cancelled: finish it in the browser.
#![expect(clippy::print_stdout, reason = "an example prints")]

use codex_sdk::Codex;
use codex_sdk::types::Account;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let stays = std::env::args().any(|argument| argument == "--login");
    let codex = Codex::start().await?;

    // Without a browser on this machine, use `login_chatgpt_device_code`; with a key, `login_api_key`.
    let login = codex.login_chatgpt().await?;
    if stays {
        println!("Open this page: {}", login.auth_url());
    } else {
        let page = login.auth_url().split('?').next();
        println!(
            "A login has begun, on the page {}",
            page.unwrap_or_default()
        );
        let cancelled = login.cancel().await?;
        println!("It was given up, and is {}.", cancelled.status);
    }
    let end = login.wait().await?;
    match end.error {
        Some(error) => println!("It failed: {error}"),
        None if end.success => println!("It succeeded."),
        None => println!("It failed."),
    }

    match codex.account().await?.account {
        Some(Account::Chatgpt(account)) => {
            let email = account
                .email
                .unwrap_or_else(|| "somebody without an address".into());
            println!("You are logged in to ChatGPT as {email}.");
        }
        Some(account) => println!("You are logged in, by {}.", account.tag()),
        None => println!("Nobody is logged in."),
    }
    codex.close().await?;
    Ok(())
}
