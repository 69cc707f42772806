//! The chat, driven by a terminal.

use std::process::Command;

use codex_e2e::{Stage, demo, left_in};
use codex_testkit::Reply;
use rexpect::process::WaitStatus;
use rexpect::session::{PtySession, spawn_command};

use crate::examples::executable;

const PROMPT: &str = "you> ";
const DEADLINE: u64 = 60_000;

/// A stage, and a chat on it whose first prompt has come.
async fn chat() -> (Stage, PtySession) {
    let stage = demo::stage("chat", None).await.unwrap();
    let chat = start(&stage, Command::new(executable("chat").await)).await;
    (stage, chat)
}

async fn start(stage: &Stage, mut command: Command) -> PtySession {
    command
        .envs(stage.env())
        .env("TERM", "xterm")
        .current_dir(stage.home.workspace());
    let chat = tokio::task::spawn_blocking(|| {
        let mut chat = spawn_command(command, Some(DEADLINE)).unwrap();
        chat.exp_string(PROMPT).unwrap();
        chat
    });
    chat.await.unwrap()
}

/// Types a line and returns what comes before the next prompt.
fn say(chat: &mut PtySession, line: &str) -> String {
    chat.send_line(line).unwrap();
    chat.exp_string(PROMPT).unwrap()
}

fn ends(mut chat: PtySession, stage: &Stage) {
    chat.exp_string("Goodbye.").unwrap();
    chat.exp_eof().unwrap();
    assert!(matches!(
        chat.process().wait(),
        Ok(WaitStatus::Exited(_, 0))
    ));
    assert_eq!(left_in(stage.home.path()), Vec::<String>::new());
}

#[codex_e2e_macros::test(flavor = "multi_thread")]
async fn a_chat_streams_asks_is_interrupted_and_left() {
    let (stage, mut chat) = chat().await;
    tokio::task::block_in_place(|| {
        // A blank line is no turn.
        say(&mut chat, "");
        say(&mut chat, "   ");
        assert_eq!(stage.model.requests().len(), 0);
        let answer = say(&mut chat, "Hello!");
        assert!(
            answer.contains("\x1b[1mHello!\x1b[0m I am a \x1b[0m\x1b[1mscript\x1b[0m"),
            "{answer}"
        );
        assert!(
            answer.contains("[completed: 100 tokens in, 27 out]"),
            "{answer}"
        );

        chat.send_line("Look around.").unwrap();
        let asked = chat.exp_string("allow? [y/N] ").unwrap();
        let (before, question) = asked.split_once("Codex wants to run").unwrap();
        assert!(
            before.contains("$ /bin/bash -lc 'echo hello'"),
            "{before:?}"
        );
        assert!(question.contains("echo hello"), "{question}");
        assert!(
            asked.contains("because: to see whether anybody is there"),
            "{asked}"
        );
        let answer = say(&mut chat, "y");
        assert!(answer.contains("Somebody is there."), "{answer}");
        assert!(answer.contains("[completed]"), "{answer}");

        let poem = stage.home.workspace().join("poem.md");
        chat.send_line("Write.").unwrap();
        let asked = chat.exp_string("allow? [y/N] ").unwrap();
        assert!(asked.contains("poem.md"), "{asked}");
        assert!(asked.contains("\x1b[32m+It is wide."), "{asked}");
        assert!(!poem.exists());
        let answer = say(&mut chat, "y");
        assert!(
            answer.contains("That was the change that I had in mind."),
            "{answer}"
        );
        assert_eq!(
            std::fs::read_to_string(poem).unwrap(),
            "# The sea\nIt is wide.\n"
        );

        chat.send_line("Tell a story.").unwrap();
        chat.exp_string("it began like this:").unwrap();
        chat.send_control('c').unwrap();
        let end = chat.exp_string(PROMPT).unwrap();
        assert!(end.contains("[interrupted]"), "{end}");

        // The program goes on, and so does the thread.
        chat.send_control('c').unwrap();
        let hint = chat.exp_string(PROMPT).unwrap();
        assert!(hint.contains("/exit or Ctrl-D leaves"), "{hint}");
        let answer = say(&mut chat, "Still there?");
        assert!(answer.contains("That was all"), "{answer}");
        chat.send_line("/exit").unwrap();
        ends(chat, &stage);
    });
}

#[codex_e2e_macros::test(flavor = "multi_thread")]
async fn a_chat_takes_no_for_an_answer_and_ends_with_its_input() {
    let (stage, mut chat) = chat().await;
    tokio::task::block_in_place(|| {
        say(&mut chat, "Hello!");
        chat.send_line("Look around.").unwrap();
        chat.exp_string("allow? [y/N] ").unwrap();
        // Whatever isn't a yes is a no.
        let answer = say(&mut chat, "");
        assert!(answer.contains("[declined]"), "{answer}");

        chat.send_line("Write.").unwrap();
        chat.exp_string("allow? [y/N] ").unwrap();
        // Here Ctrl-C is a no, and the end of the turn.
        chat.send_control('c').unwrap();
        let end = chat.exp_string(PROMPT).unwrap();
        assert!(end.contains("[interrupted]"), "{end}");
        assert!(!stage.home.workspace().join("poem.md").exists());
        chat.send_control('d').unwrap();
        ends(chat, &stage);
    });
}

#[codex_e2e_macros::test(flavor = "multi_thread")]
async fn a_chat_wraps_words_whole_at_the_width_of_the_terminal() {
    let mut narrow = Command::new("sh");
    narrow.args(["-c", r#"stty cols 30; exec "$0""#]);
    narrow.arg(executable("chat").await);
    // Its model has one answer for everything.
    let stage = demo::stage("concurrency", None).await.unwrap();
    let mut chat = start(&stage, narrow).await;
    // Each of 9 characters, and of 10 bytes; the styled one begins what would be a fourth on a line.
    let words =
        "caféteria caféteria caféteria **caféteria** caféteria\n\n  indented, caféteria caféteria";
    stage.model.push(Reply::deltas(words.split_inclusive('é')));
    tokio::task::block_in_place(|| {
        // The session reads each byte as a character.
        let answer = say(&mut chat, "Where?");
        let answer = answer.chars().map(|c| u8::try_from(c).unwrap()).collect();
        let answer = String::from_utf8(answer).unwrap();
        let expected = "caféteria caféteria caféteria\r\n\x1b[0m\x1b[1mcaféteria\x1b[0m caféteria\r\n\r\n  \
                        indented, caféteria\r\ncaféteria\x1b[0m\r\n";
        assert!(answer.contains(expected), "{answer:?}");
        chat.send_line("/exit").unwrap();
        ends(chat, &stage);
    });
}

#[codex_e2e_macros::test(flavor = "multi_thread")]
async fn a_chat_keeps_its_commands_from_the_model() {
    let (stage, mut chat) = chat().await;
    tokio::task::block_in_place(|| {
        let help = say(&mut chat, "/help");
        for typed in ["/help  ", "/exit  ", "Ctrl-C  ", "Ctrl-D  "] {
            assert!(help.contains(typed), "{help}");
        }
        let unknown = say(&mut chat, "/hepl");
        assert!(unknown.contains("no command /hepl"), "{unknown}");
        assert!(unknown.contains("/help"), "{unknown}");
        assert_eq!(stage.model.requests().len(), 0);
        // More than one word isn't a command.
        say(&mut chat, "/tmp is what?");
        assert_eq!(stage.model.requests().len(), 1);
        chat.send_line("/exit").unwrap();
        ends(chat, &stage);
    });
}
