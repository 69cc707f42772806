//! The chat, driven by a terminal.

use std::process::Command;

use codex_e2e::{Stage, demo, processes_in};
use rexpect::process::WaitStatus;
use rexpect::session::{PtySession, spawn_command};

use crate::examples::executable;

const PROMPT: &str = "you> ";
const DEADLINE: u64 = 60_000;

/// A stage, and a chat on it whose first prompt has come.
async fn chat() -> (Stage, PtySession) {
    let stage = demo::stage("chat", None).await.unwrap();
    let mut command = Command::new(executable("chat").await);
    command
        .envs(stage.env())
        .env("TERM", "xterm")
        .current_dir(stage.home.workspace());
    let chat = tokio::task::spawn_blocking(|| {
        let mut chat = spawn_command(command, Some(DEADLINE)).unwrap();
        chat.exp_string(PROMPT).unwrap();
        chat
    });
    (stage, chat.await.unwrap())
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
    assert_eq!(processes_in(stage.home.path()), Vec::<String>::new());
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
            answer.contains("\x1b[1mHello!\x1b[0m I am a *script*"),
            "{answer}"
        );
        assert!(
            answer.contains("[completed: 100 tokens in, 27 out]"),
            "{answer}"
        );

        chat.send_line("Look around.").unwrap();
        let asked = chat.exp_string("allow? [y/N] ").unwrap();
        assert!(asked.contains("Codex wants to run"), "{asked}");
        assert!(asked.contains("echo hello"), "{asked}");
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
        assert!(answer.contains("That was the change."), "{answer}");
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
