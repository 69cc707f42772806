//! The pictures of the pages: what is shown there is what programs show today. `cargo xtask pictures` draws them again.
#![cfg(unix)]

use std::fs;
use std::path::Path;
use std::process::Command;

use anstyle_svg::{Term, WIN10_CONSOLE};
use codex_e2e::{Stage, demo};
use rexpect::session::spawn_command;

use crate::examples::executable;

const DEADLINE: u64 = 60_000;

/// Whether the pictures are drawn, and not only compared.
pub(crate) fn draws() -> bool {
    std::env::var_os("CODEX_DRAW_PICTURES").is_some()
}

/// Where a picture of the pages is.
pub(crate) fn picture(name: &str) -> std::path::PathBuf {
    let images = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/images");
    Path::new(images).join(name)
}

#[codex_e2e_macros::test(flavor = "multi_thread")]
async fn the_picture_of_a_terminal_shows_what_the_chat_prints() {
    let stage = Stage::new().await.unwrap();
    for reply in demo::pictured() {
        stage.model.push(reply);
    }
    let workspace = stage.home.workspace();
    fs::write(
        workspace.join("greet.sh"),
        "#!/bin/sh\necho \"hello, world\"\n",
    )
    .unwrap();
    let folder = fs::canonicalize(workspace).unwrap();
    let mut chat = Command::new(executable("chat").await);
    // A terminal that can't move its cursor: what it shows is what is printed.
    chat.envs(stage.env())
        .env("TERM", "dumb")
        .current_dir(&folder);
    let shown = tokio::task::spawn_blocking(|| converse(chat))
        .await
        .unwrap();
    let shown = shown.replace(&*folder.to_string_lossy(), "~/greetings");
    let terminal = Term::new().palette(WIN10_CONSOLE);
    let drawn = terminal.render_svg(&format!("$ cargo run -p codex-sdk --example chat\n{shown}"));
    // What is dim has to be read, too.
    let drawn = drawn.replace("opacity: 0.4", "opacity: 0.6");
    let path = picture("terminal.svg");
    if draws() {
        fs::write(path, drawn).unwrap();
        return;
    }
    let there = fs::read_to_string(path).unwrap();
    assert_eq!(there, drawn, "`cargo xtask pictures` draws it again");
}

/// What a terminal shows of a chat.
fn converse(chat: Command) -> String {
    let mut chat = spawn_command(chat, Some(DEADLINE)).unwrap();
    let mut shown = String::new();
    for (prompt, said) in [
        ("you> ", "Let greet.sh greet somebody by name."),
        ("allow? [y/N] ", "y"),
        ("you> ", "/exit"),
    ] {
        let before = chat.exp_string(prompt).unwrap();
        // It doesn't echo what is typed.
        shown.extend([&*before, prompt, "\x1b[1m", said, "\x1b[0m\n"]);
        chat.send_line(said).unwrap();
    }
    shown.push_str(&chat.exp_eof().unwrap());
    shown.replace('\r', "")
}
