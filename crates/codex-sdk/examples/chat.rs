//! A chat in the terminal, with approvals asked on the spot, Ctrl-C for a turn, and what each cost.
//!
//! The answer is shown word by word, its Markdown in bold and dim. Changes are made below the current folder
//! and need your approval; a file's comes with its diff. `/help` lists what can be typed.
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

/// What the runtime wants to know. It is asked where the terminal is, between two pieces of the answer.
struct Question {
    text: String,
    answer: oneshot::Sender<Answer>,
}

enum Answer {
    Yes,
    No,
    /// Not this, and nothing further either.
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
    // Asked for once, Ctrl-C is an event and no longer the end of the program. That must be so before
    // the first prompt: after each the editor puts back what it found.
    let _ = timeout(Duration::ZERO, ctrl_c()).await;

    talk(&thread, &mut questions).await?;
    codex.close().await?;
    println!("Goodbye.");
    Ok(())
}

/// Turn after turn, until the user leaves.
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

/// One turn: shows what comes, asks what is asked, interrupts on Ctrl-C, and tells what it cost.
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
            // Before the questions: the command that one is about has come as an event.
            event = turn.next() => match event {
                Some(event) => show(&event?, &mut prose),
                None => break,
            },
            Some(question) = questions.recv() => {
                // Else the turn that it was for is over.
                if !question.answer.is_closed() {
                    let _ = question.answer.send(decide(editor, &question.text));
                }
            }
        }
    }
    // A message that was interrupted has no end of its own.
    print!("{}", prose.end());
    let result = turn.run().await?;
    // What an interrupted call of the model has cost, nobody is told.
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
        // The model can't be reached; the runtime goes on trying until it is interrupted.
        Notification::Error(trouble) if trouble.will_retry => {
            println!("{DIM}[{}]{PLAIN}", trouble.error.message);
        }
        _ => {}
    }
    // Nothing can be done about a terminal that is gone.
    let _ = io::stdout().flush();
}

/// Hands a question to whoever has the terminal.
fn put(ask: &mpsc::UnboundedSender<Question>, text: String) -> oneshot::Receiver<Answer> {
    let (answer, answered) = oneshot::channel();
    // Without a receiver the answer's sender is dropped, which is a refusal.
    let _ = ask.send(Question { text, answer });
    answered
}

/// Asks the user. Whatever isn't a yes is a no; Ctrl-C and Ctrl-D stop the turn too.
fn decide(editor: &mut DefaultEditor, text: &str) -> Answer {
    println!("\nCodex wants to {text}");
    match block_in_place(|| editor.readline("allow? [y/N] ")) {
        Ok(line) if line.trim().eq_ignore_ascii_case("y") => Answer::Yes,
        Ok(_) => Answer::No,
        Err(_) => Answer::Stop,
    }
}

/// An answer that comes piece by piece: its Markdown is styled, and its words are wrapped whole.
struct Prose {
    markdown: Markdown,
    wrap: Wrap,
}

impl Prose {
    fn new(width: Option<usize>) -> Self {
        let (markdown, wrap) = (Markdown::default(), Wrap::new(width));
        Self { markdown, wrap }
    }

    /// What can be shown now that this has come.
    fn shown(&mut self, text: &str) -> String {
        self.wrap.wrapped(&self.markdown.styled(text))
    }

    /// The rest of a message. The next one begins on a line of its own.
    fn end(&mut self) -> String {
        let Self { markdown, wrap } = std::mem::replace(self, Self::new(self.wrap.width));
        wrap.end(&markdown.end())
    }
}

/// Text whose words are wrapped whole. The last word is held back until a blank says that it is one.
struct Wrap {
    /// How many characters a line has. Without a terminal no line ends.
    width: Option<usize>,
    /// How many of them are taken.
    column: usize,
    /// What stands between the last word and the one that is held back. At the end of a line it is dropped.
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

    /// The word that was held back, with the blanks before it, or on a new line.
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

/// How many characters of this are seen: codes like [`BOLD`] are not.
fn columns(text: &str) -> usize {
    let mut parts = text.split('\x1b');
    let first = parts.next().unwrap_or_default();
    let rest = parts.filter_map(|part| part.split_once('m'));
    let seen = [first].into_iter().chain(rest.map(|(_, seen)| seen));
    seen.map(|seen| seen.chars().count()).sum()
}

/// Markdown that comes piece by piece: what is strong is bold, code is dim, and the rest is as it is.
#[derive(Default)]
struct Markdown {
    /// The asterisks or backticks at the end of what came, of which there may be more to come.
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

    /// What the marks mean, now that they are whole.
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

/// A change with the lines of its diff in red and green. That of a whole file is its text.
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
