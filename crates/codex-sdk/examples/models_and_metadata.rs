//! The runtime's metadata and the models it offers.
#![expect(clippy::print_stdout, reason = "an example prints")]

use codex_sdk::Codex;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let codex = Codex::start().await?;
    let metadata = codex.metadata();
    println!("version     {}", metadata.server_version);
    println!("user agent  {}", metadata.user_agent);
    println!("home        {}", metadata.codex_home);
    println!("platform    {}", metadata.platform_os);

    let visible = codex.models().await?.data;
    println!("\nIt offers {} models:", visible.len());
    for model in &visible {
        let efforts = model.supported_reasoning_efforts.iter();
        let efforts: Vec<_> = efforts
            .map(|option| option.reasoning_effort.as_str())
            .collect();
        let default = if model.is_default { " (default)" } else { "" };
        let name = format!("{}{default}", model.id);
        println!("  {name:<24} effort {}", efforts.join(", "));
    }

    // Lists are paged; `stream()` reads all pages.
    let mut all = codex.models().include_hidden(true).limit(2).stream();
    let mut count = 0;
    while let Some(model) = all.next().await {
        model?;
        count += 1;
    }
    println!("With the hidden ones there are {count}.");
    codex.close().await?;
    Ok(())
}
