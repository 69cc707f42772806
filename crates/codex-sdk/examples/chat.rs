//! A chat in the terminal with approval prompts, Ctrl-C to interrupt a turn, and the cost of each turn.
//!
//! The answer is streamed word by word, with its Markdown in bold and dim. Changes are made below the current folder
//! and need your approval; for a file you see the diff. `/help` lists the commands.
#![expect(clippy::print_stdout, reason = "an example prints")]

use std::io;
use std::io::Write;
use std::mem::take;
use std::pin::pin;
use std::time::Duration;

use codex_sdk::types::{
    CommandExecutionApprovalDecision as Command, FileChangeApprovalDecision as File,
    FileUpdateChange, PatchChangeKind, ThreadItem, TurnStatus,
};
use codex_sdk::{Codex, Error, Notification, Sandbox, Thread};
use rustyline::DefaultEditor;
use rustyline::error::ReadlineError;
use tokio::signal::ctrl_c;
use tokio::sync::{mpsc, oneshot};
use tokio::task::block_in_place;
use tokio::time::timeout;

/// A question from the runtime. The terminal asks it between two pieces of the answer.
struct Question {
    text: String,
    answer: oneshot::Sender<Answer>,
}

enum Answer {
    Yes,
    No,
    /// No, and end the turn.
    Stop,
}

const HELP: &str = "\
/help    prints this
/exit    leaves, as does /quit
Ctrl-C   interrupts an answer, or clears the line
Ctrl-D   leaves";

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let (ask, mut questions) = mpsc::unbounded_channel();
    let asks = ask.clone();
    let codex = Codex::builder()
        .on_command_approval(move |_context, params| {
            let command = params.command.unwrap_or_default();
            let reason = params.reason.map(|reason| format!("\n  because: {reason}"));
            let text = format!("run  {command}{}", reason.unwrap_or_default());
            let answer = put(&asks, text);
            async {
                Ok(match answer.await? {
                    Answer::Yes => Command::Accept,
                    Answer::No => Command::Decline,
                    Answer::Stop => Command::Cancel,
                })
            }
        })
        .on_file_change_approval(move |context, _params| {
            let changes: Vec<_> = context.changes().iter().map(shown).collect();
            let text = format!("change  {}", changes.join("\n"));
            let answer = put(&ask, text);
            async {
                Ok(match answer.await? {
                    Answer::Yes => File::Accept,
                    Answer::No => File::Decline,
                    Answer::Stop => File::Cancel,
                })
            }
        })
        .start()
        .await?;
    let thread = codex.thread_start().sandbox(Sandbox::ReadOnly).await?;
    println!(
        "Codex {}, model {}",
        codex.metadata().server_version,
        thread.model()
    );
    println!("Ctrl-C interrupts an answer, /exit or Ctrl-D leaves, /help says more.\n");
    // Once awaited, Ctrl-C is an event and no longer ends the program. Do this before the first prompt: after each
    // prompt, the editor restores the state it found.
    let _ = timeout(Duration::ZERO, ctrl_c()).await;

    talk(&thread, &mut questions).await?;
    codex.close().await?;
    println!("Goodbye.");
    Ok(())
}

/// Runs turn after turn until the user leaves.
async fn talk(
    thread: &Thread,
    questions: &mut mpsc::UnboundedReceiver<Question>,
) -> anyhow::Result<()> {
    let mut editor = DefaultEditor::new()?;
    loop {
        match block_in_place(|| editor.readline("you> ")).map(|line| line.trim().to_owned()) {
            Ok(line) => match &*line {
                "" => {}
                "/exit" | "/quit" => return Ok(()),
                "/help" => println!("{HELP}\n"),
                word if word.starts_with('/') && !word.contains(char::is_whitespace) => {
                    println!("There is no command {word}; /help lists those that there are.\n");
                }
                _ => {
                    editor.add_history_entry(&line)?;
                    match turn(thread, line, &mut editor, questions).await {
                        Err(error) if error.is_closed() => return Err(error.into()),
                        Err(error) => println!("\nThe turn failed: {error}\n"),
                        Ok(()) => {}
                    }
                }
            },
            Err(ReadlineError::Interrupted) => println!("(/exit or Ctrl-D leaves)"),
            Err(ReadlineError::Eof) => return Ok(()),
            Err(error) => return Err(error.into()),
        }
    }
}

/// Runs one turn: shows events, asks questions, interrupts on Ctrl-C, and prints the cost.
async fn turn(
    thread: &Thread,
    input: String,
    editor: &mut DefaultEditor,
    questions: &mut mpsc::UnboundedReceiver<Question>,
) -> Result<(), Error> {
    let mut turn = thread.turn(input).await?;
    let mut interrupt = pin!(ctrl_c());
    let width = editor.dimensions().map(|(columns, _)| columns.into());
    let mut prose = Prose::new(width);
    loop {
        tokio::select! {
            biased;
            _ = &mut interrupt => {
                turn.interrupt().await?;
                interrupt.set(ctrl_c());
            }
            // Events come before questions: the command in a question has already arrived as an event.
            event = turn.next() => match event {
                Some(event) => show(&event?, &mut prose),
                None => break,
            },
            Some(question) = questions.recv() => {
                // If it is closed, the question's turn is over.
                if !question.answer.is_closed() {
                    let _ = question.answer.send(decide(editor, &question.text));
                }
            }
        }
    }
    // An interrupted message never completes.
    print!("{}", prose.end());
    let result = turn.run().await?;
    // The cost of an interrupted model call is unknown.
    let whole = result.status == TurnStatus::Completed;
    let usage = result.turn_usage().filter(|_| whole);
    let usage = usage.map_or(String::new(), |usage| {
        let (input, output) = (usage.input_tokens, usage.output_tokens);
        format!(": {input} tokens in, {output} out")
    });
    println!("\n{DIM}[{}{usage}]{PLAIN}\n", result.status);
    Ok(())
}

fn show(event: &Notification, prose: &mut Prose) {
    match event {
        Notification::ItemAgentMessageDelta(delta) => print!("{}", prose.shown(&delta.delta)),
        Notification::ItemStarted(started) => {
            if let ThreadItem::CommandExecution(command) = &started.item {
                println!("{DIM}$ {}{PLAIN}", command.command);
            }
        }
        Notification::ItemCompleted(done) => match &done.item {
            ThreadItem::AgentMessage(_) => println!("{}", prose.end()),
            ThreadItem::CommandExecution(command) => {
                let output = command.aggregated_output.as_deref().unwrap_or_default();
                println!("{DIM}{output}[{}]{PLAIN}", command.status);
            }
            ThreadItem::FileChange(change) => println!("{DIM}[{}]{PLAIN}", change.status),
            _ => {}
        },
        // The model can't be reached; the runtime retries until the turn is interrupted.
        Notification::Error(trouble) if trouble.will_retry => {
            println!("{DIM}[{}]{PLAIN}", trouble.error.message);
        }
        _ => {}
    }
    // If the terminal is gone, there is nothing to do.
    let _ = io::stdout().flush();
}

/// Sends a question to the task that owns the terminal.
fn put(ask: &mpsc::UnboundedSender<Question>, text: String) -> oneshot::Receiver<Answer> {
    let (answer, answered) = oneshot::channel();
    // Without a receiver, the answer's sender is dropped, which refuses the request.
    let _ = ask.send(Question { text, answer });
    answered
}

/// Asks the user. Anything but `y` means no; Ctrl-C and Ctrl-D also stop the turn.
fn decide(editor: &mut DefaultEditor, text: &str) -> Answer {
    println!("\nCodex wants to {text}");
    match block_in_place(|| editor.readline("allow? [y/N] ")) {
        Ok(line) if line.trim().eq_ignore_ascii_case("y") => Answer::Yes,
        Ok(_) => Answer::No,
        Err(_) => Answer::Stop,
    }
}

/// An answer that arrives in pieces: its Markdown is styled, and lines break between words.
struct Prose {
    markdown: Markdown,
    wrap: Wrap,
}

impl Prose {
    fn new(width: Option<usize>) -> Self {
        let (markdown, wrap) = (Markdown::default(), Wrap::new(width));
        Self { markdown, wrap }
    }

    /// Returns what can be shown after this piece.
    fn shown(&mut self, text: &str) -> String {
        self.wrap.wrapped(&self.markdown.styled(text))
    }

    /// Returns the rest of a message. The next message begins on a new line.
    fn end(&mut self) -> String {
        let Self { markdown, wrap } = std::mem::replace(self, Self::new(self.wrap.width));
        wrap.end(&markdown.end())
    }
}

/// Word-wrapped text. The last word is held back until a blank completes it.
struct Wrap {
    /// The characters in a line. Without a terminal, lines aren't wrapped.
    width: Option<usize>,
    /// The characters used in the current line.
    column: usize,
    /// The blanks between the last word and the one held back. They are dropped at the end of a line.
    blanks: String,
    word: String,
}

impl Wrap {
    fn new(width: Option<usize>) -> Self {
        let (blanks, word) = (String::new(), String::new());
        Self {
            width,
            column: 0,
            blanks,
            word,
        }
    }

    fn wrapped(&mut self, text: &str) -> String {
        let mut wrapped = String::new();
        for c in text.chars() {
            if !c.is_whitespace() {
                self.word.push(c);
                continue;
            }
            wrapped.push_str(&self.placed());
            if c == '\n' {
                self.blanks.clear();
                self.column = 0;
                wrapped.push(c);
            } else {
                self.blanks.push(c);
            }
        }
        wrapped
    }

    /// The word that was held back, after its blanks or on a new line.
    fn placed(&mut self) -> String {
        let (blanks, word) = (take(&mut self.blanks), take(&mut self.word));
        if word.is_empty() {
            self.blanks = blanks;
            return word;
        }
        let columns = columns(&word);
        let end = self.column + blanks.chars().count() + columns;
        if self.column > 0 && self.width.is_some_and(|width| end > width) {
            self.column = columns;
            return format!("\n{word}");
        }
        self.column = end;
        blanks + &word
    }

    fn end(mut self, text: &str) -> String {
        self.wrapped(text) + &self.placed()
    }
}

/// The number of visible characters; codes such as [`BOLD`] don't count.
fn columns(text: &str) -> usize {
    let mut parts = text.split('\x1b');
    let first = parts.next().unwrap_or_default();
    let rest = parts.filter_map(|part| part.split_once('m'));
    let seen = [first].into_iter().chain(rest.map(|(_, seen)| seen));
    seen.map(|seen| seen.chars().count()).sum()
}

/// Markdown that arrives in pieces: strong text is bold, code is dim, the rest is unchanged.
#[derive(Default)]
struct Markdown {
    /// The asterisks or backticks at the end of the text so far; more may follow.
    marks: String,
    strong: bool,
    code: bool,
}

impl Markdown {
    fn styled(&mut self, text: &str) -> String {
        let mut styled = String::new();
        for c in text.chars() {
            if !self.marks.ends_with(c) {
                styled.push_str(&self.marked());
            }
            match c {
                '*' | '`' => self.marks.push(c),
                _ => styled.push(c),
            }
        }
        styled
    }

    /// Interprets the marks, which are now complete.
    fn marked(&mut self) -> String {
        let marks = take(&mut self.marks);
        match &*marks {
            "`" | "```" => self.code = !self.code,
            "**" if !self.code => self.strong = !self.strong,
            _ => return marks,
        }
        let strong = if self.strong { BOLD } else { "" };
        let code = if self.code { DIM } else { "" };
        format!("{PLAIN}{strong}{code}")
    }

    fn end(mut self) -> String {
        self.marked() + PLAIN
    }
}

const BOLD: &str = "\x1b[1m";
const DIM: &str = "\x1b[2m";
const PLAIN: &str = "\x1b[0m";

/// A change with its diff in red and green. For a whole file, the diff is its text.
fn shown(change: &FileUpdateChange) -> String {
    let sign = match change.kind {
        PatchChangeKind::Add => "+",
        PatchChangeKind::Delete => "-",
        _ => "",
    };
    let lines = change.diff.lines().map(|line| {
        let line = format!("{sign}{line}");
        match line.as_bytes().first() {
            Some(b'+') => format!("\n\x1b[32m{line}{PLAIN}"),
            Some(b'-') => format!("\n\x1b[31m{line}{PLAIN}"),
            _ => format!("\n{line}"),
        }
    });
    format!("{}{}", change.path, lines.collect::<String>())
}
