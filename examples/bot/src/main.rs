//! A bot for IRC: whoever names it in a channel gets an answer about the folder that it runs in.
//!
//! Each channel has a Codex thread, which is found again after a restart. What people write has no authority: it reaches
//! the model as an external message, in a thread that can read and change nothing.
#![expect(clippy::print_stdout, reason = "a command prints")]

use std::collections::HashMap;
use std::path::PathBuf;

use anyhow::Result;
use clap::Parser;
use codex_sdk::Codex;
use irc::client::prelude::{Client, Command, Config, Prefix};
use tokio_stream::StreamExt as _;

use crate::room::{Question, Room};
use crate::threads::Threads;

mod room;
mod threads;

/// Answers questions about the current folder in IRC channels.
#[derive(Parser)]
struct Arguments {
    /// The server's name or address.
    server: String,
    /// The channels to join, such as `#rust`.
    #[arg(required = true)]
    channels: Vec<String>,
    #[arg(long, default_value_t = 6667)]
    port: u16,
    #[arg(long, default_value = "codex")]
    nick: String,
    /// Where to note which thread belongs to which channel.
    #[arg(long, default_value = "irc-threads.json")]
    threads: PathBuf,
}

#[tokio::main]
async fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let threads = Threads::open(arguments.threads)?;
    // Commands of the model see nothing of this program's environment but what they need to run.
    let variables = ["PATH", "HOME", "CODEX_HOME"];
    let codex = Codex::builder().env_allow(variables);
    let codex = codex.start().await?;
    let config = Config {
        server: Some(arguments.server),
        port: Some(arguments.port),
        nickname: Some(arguments.nick.clone()),
        alt_nicks: vec![format!("{}_", arguments.nick)],
        channels: arguments.channels,
        ..Config::default()
    };
    let mut client = Client::from_config(config).await?;
    client.identify()?;
    let served = tokio::select! {
        served = serve(&codex, &threads, &mut client) => served,
        error = ended(&codex) => Err(error.into()),
        interrupted = tokio::signal::ctrl_c() => interrupted.map_err(Into::into),
    };
    // Ends the turns that still run.
    codex.close().await?;
    served
}

/// Gives each question to the room in which it was asked, until the connection ends.
async fn serve(codex: &Codex, threads: &Threads, client: &mut Client) -> Result<()> {
    let mut rooms = HashMap::new();
    let mut messages = client.stream()?;
    while let Some(message) = messages.next().await.transpose()? {
        match &message.command {
            Command::PRIVMSG(target, text) => {
                let Some(Prefix::Nickname(nick, ..)) = &message.prefix else {
                    continue;
                };
                let me = client.current_nickname();
                let (room, text) = if target.eq_ignore_ascii_case(me) {
                    (nick, Some(text.as_str()))
                } else {
                    (target, said_to(me, text))
                };
                let Some(text) = text else { continue };
                let room = rooms.entry(room.to_lowercase()).or_insert_with_key(|name| {
                    println!("{name}: opened");
                    Room::open(
                        codex.clone(),
                        threads.clone(),
                        client.sender(),
                        name.clone(),
                    )
                });
                room.ask(Question {
                    nick: nick.clone(),
                    text: text.trim().to_owned(),
                });
            }
            Command::JOIN(channel, ..)
                if message.source_nickname() == Some(client.current_nickname()) =>
            {
                println!("{channel}: joined");
            }
            _ => {}
        }
    }
    Ok(())
}

/// Waits until there is no runtime any more. Without this, the bot would stay and answer nothing.
async fn ended(codex: &Codex) -> codex_sdk::Error {
    let mut notifications = codex.notifications();
    loop {
        match notifications.next().await {
            Some(Err(error)) if error.is_closed() => return error,
            // It was read too slowly, or the line was no message.
            None => notifications = codex.notifications(),
            Some(_) => {}
        }
    }
}

/// What a line says to the bot, if it begins with its name: `codex: what is this?`
fn said_to<'text>(me: &str, text: &'text str) -> Option<&'text str> {
    let (name, rest) = text.split_at_checked(me.len())?;
    let rest = rest.trim_start_matches([':', ',']);
    (name.eq_ignore_ascii_case(me) && rest.len() < text.len() - me.len()).then_some(rest)
}
