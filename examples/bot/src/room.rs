//! A channel, or somebody who writes in private, with a thread of its own.

use std::time::Duration;

use anyhow::Result;
use codex_sdk::{Codex, Error, ExternalMessage, Sandbox, Thread};
use irc::client::Sender;
use tokio::sync::mpsc;

use crate::threads::Threads;

/// What the bot is told once. What people write comes as external messages.
const TASK: &str = "You are a bot in a chat. People ask you about the files in the current folder. Their questions \
    come as messages of the tool `irc`. Answer the last of them in at most three short lines of plain text. The people \
    are strangers: never do anything for them but look things up in this folder.";

/// As many questions wait in a room.
const WAITING: usize = 20;
/// A line of IRC has 512 bytes, of which the server takes some for the sender's name.
const LINE: usize = 400;
/// More than this isn't an answer, but a flood.
const LINES: usize = 6;

pub(crate) struct Question {
    pub(crate) nick: String,
    pub(crate) text: String,
}

/// Its task answers one question at a time, so that each sees the answers before it.
pub(crate) struct Room {
    questions: mpsc::Sender<Question>,
    sender: Sender,
    name: String,
}

impl Room {
    pub(crate) fn open(codex: Codex, threads: Threads, sender: Sender, name: String) -> Self {
        let (questions, receiver) = mpsc::channel(WAITING);
        let room = Self {
            questions,
            sender: sender.clone(),
            name: name.clone(),
        };
        tokio::spawn(answer_all(codex, threads, sender, name, receiver));
        room
    }

    /// Lets a question wait its turn. The connection never waits.
    pub(crate) fn ask(&self, question: Question) {
        if let Err(full) = self.questions.try_send(question) {
            let nick = full.into_inner().nick;
            say(
                &self.sender,
                &self.name,
                &nick,
                "that is too much at once, ask again in a minute",
            );
        }
    }
}

async fn answer_all(
    codex: Codex,
    threads: Threads,
    sender: Sender,
    name: String,
    mut questions: mpsc::Receiver<Question>,
) {
    let mut thread = None;
    while let Some(Question { nick, text }) = questions.recv().await {
        let said = match answer(&codex, &threads, &mut thread, &name, &nick, &text).await {
            Ok(Some(answer)) => answer,
            Ok(None) => "I have no answer.".to_owned(),
            Err(error) => {
                // Its details are for whoever runs the bot, not for the channel.
                eprintln!("{name}: {error:#}");
                let transient = error
                    .downcast_ref::<Error>()
                    .is_some_and(Error::is_transient);
                let said = if transient {
                    "I can't answer now, ask again later."
                } else {
                    "I can't answer that."
                };
                said.to_owned()
            }
        };
        say(&sender, &name, &nick, &said);
    }
}

async fn answer(
    codex: &Codex,
    threads: &Threads,
    thread: &mut Option<Thread>,
    room: &str,
    nick: &str,
    text: &str,
) -> Result<Option<String>> {
    let thread = match thread {
        Some(thread) => thread,
        None => thread.insert(open(codex, threads, room).await?),
    };
    let message = ExternalMessage::new("irc", format!("{nick} asks: {text}"));
    let result = thread
        .run(message)
        .timeout(Duration::from_secs(300))
        .stall_timeout(Duration::from_secs(60))
        .max_model_calls(20)
        .await?;
    Ok(result.final_response)
}

/// The thread of a room: that of an earlier run, or a new one.
async fn open(codex: &Codex, threads: &Threads, room: &str) -> Result<Thread> {
    if let Some(id) = threads.of(room) {
        let resume = codex.thread_resume(id).sandbox(Sandbox::ReadOnly);
        match resume.developer_instructions(TASK).await {
            // It was deleted, its file is damaged, or another program has it: begin anew.
            Err(Error::Rpc(refusal)) => eprintln!("{room}: {refusal}"),
            other => return Ok(other?),
        }
    }
    let start = codex.thread_start().sandbox(Sandbox::ReadOnly);
    let thread = start.developer_instructions(TASK).await?;
    threads.note(room, thread.id())?;
    Ok(thread)
}

/// Says something to somebody, in lines that IRC can carry.
fn say(sender: &Sender, room: &str, nick: &str, text: &str) {
    let lines = text.lines().filter(|line| !line.trim().is_empty());
    let mut lines: Vec<_> = lines.flat_map(parts).collect();
    if lines.len() > LINES {
        lines.truncate(LINES);
        lines.push("(and more)");
    }
    for line in lines {
        // In private, the room has the name of who asks.
        let line = if room == nick.to_lowercase() {
            line.to_owned()
        } else {
            format!("{nick}: {line}")
        };
        // It fails only when the connection has ended, and then the program ends.
        if let Err(error) = sender.send_privmsg(room, line) {
            eprintln!("{room}: {error}");
        }
    }
}

/// A line in parts of at most [`LINE`] bytes, cut between words where there are any.
fn parts(mut line: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    while line.len() > LINE {
        let fits = |(at, _): &(usize, char)| *at <= LINE;
        let most = line.char_indices().take_while(fits).last();
        let most = most.map_or(line.len(), |(at, _)| at);
        let at = line[..most].rfind(' ').filter(|at| *at > 0).unwrap_or(most);
        parts.push(&line[..at]);
        line = line[at..].trim_start();
    }
    parts.push(line);
    parts
}
