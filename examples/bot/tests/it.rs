//! The bot with a real runtime, a scripted model, and an IRC server that says what the test says.
#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a test fails by a panic")]

use std::process::Stdio;
use std::time::Duration;

use codex_e2e::{Stage, processes_in};
use codex_testkit::{Gate, Reply};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::json;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::{Child, Command};
use tokio::time::timeout;

/// The server's side of the connection of a bot that has joined `#lisbon`.
struct Server {
    lines: Lines<BufReader<OwnedReadHalf>>,
    writer: OwnedWriteHalf,
    bot: Child,
}

impl Server {
    async fn start(stage: &Stage) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port().to_string();
        let mut command = Command::new(env!("CARGO_BIN_EXE_bot"));
        command
            .args(["127.0.0.1", "#lisbon", "--port", &port])
            .envs(stage.env())
            .current_dir(stage.home.workspace())
            .stdin(Stdio::null())
            .kill_on_drop(true);
        let bot = command.spawn().unwrap();
        let (stream, _): (TcpStream, _) = within(listener.accept()).await.unwrap();
        let (reader, writer) = stream.into_split();
        let lines = BufReader::new(reader).lines();
        let mut server = Self { lines, writer, bot };
        server.expect("NICK codex").await;
        server
            .write(":irc 001 codex :Welcome\r\n:irc 376 codex :End of MOTD")
            .await;
        server.expect("JOIN #lisbon").await;
        server
    }

    async fn write(&mut self, line: &str) {
        let line = format!("{line}\r\n");
        self.writer.write_all(line.as_bytes()).await.unwrap();
    }

    /// Somebody writes to the channel, or to the bot.
    async fn say(&mut self, nick: &str, target: &str, text: &str) {
        let line = format!(":{nick}!{nick}@host PRIVMSG {target} :{text}");
        self.write(&line).await;
    }

    /// The next line that the bot sends, but for those of the protocol's housekeeping.
    async fn next(&mut self) -> String {
        loop {
            let line = within(self.lines.next_line()).await.unwrap().unwrap();
            if !["CAP ", "USER ", "PING ", "PONG "]
                .iter()
                .any(|it| line.starts_with(it))
            {
                return line;
            }
        }
    }

    async fn expect(&mut self, line: &str) {
        assert_eq!(self.next().await, line);
    }
}

async fn within<T>(event: impl Future<Output = T>) -> T {
    timeout(Duration::from_secs(60), event).await.unwrap()
}

#[codex_e2e_macros::test]
async fn a_channel_is_answered_and_remembered_after_a_restart() {
    let stage = Stage::new().await.unwrap();
    stage.model.push(Reply::text("A greeting."));
    stage.model.push(Reply::text("In English."));
    let mut server = Server::start(&stage).await;
    server.say("ada", "#lisbon", "codex: what is here?").await;
    server.expect("PRIVMSG #lisbon :ada: A greeting.").await;
    // Not to the bot.
    server.say("bob", "#lisbon", "codexes are books").await;
    server.bot.kill().await.unwrap();

    let mut server = Server::start(&stage).await;
    server
        .say("bob", "#lisbon", "Codex, in which language?")
        .await;
    server.expect("PRIVMSG #lisbon :bob: In English.").await;
    let requests = stage.model.requests();
    assert_eq!(requests.len(), 2);
    let last = requests[1].body.to_string();
    assert!(last.contains("ada asks: what is here?"), "{last}");
    assert!(last.contains("bob asks: in which language?"), "{last}");
    // Nobody's words: neither is a message of the user.
    assert_eq!(
        requests[1]
            .user_texts()
            .iter()
            .filter(|it| it.contains(" asks: "))
            .count(),
        0
    );
}

#[codex_e2e_macros::test]
async fn rooms_are_answered_at_the_same_time_and_long_answers_are_cut() {
    let stage = Stage::new().await.unwrap();
    let gate = Gate::new();
    stage.model.push(Reply::text("Slowly.").gate(&gate));
    stage.model.push(Reply::text("word ".repeat(200)));
    let mut server = Server::start(&stage).await;
    server.say("ada", "#lisbon", "codex: think").await;
    within(gate.reached()).await;
    // It waits for nobody, and in private there is no name before the answer.
    server.say("bob", "codex", "write a lot").await;
    for words in [80, 80, 40] {
        let line = server.next().await;
        let line = line.strip_prefix("PRIVMSG bob :").unwrap();
        assert_eq!(line.split_whitespace().count(), words, "{line}");
    }
    gate.release();
    server.expect("PRIVMSG #lisbon :ada: Slowly.").await;
}

#[codex_e2e_macros::test]
async fn a_flood_is_refused_and_a_failure_isnt_explained_to_strangers() {
    let stage = Stage::new().await.unwrap();
    let gate = Gate::new();
    let secret = "the account 4711 is closed";
    let refusal = json!({ "error": { "message": secret } });
    stage.model.push(Reply::status(400, refusal).gate(&gate));
    stage.model.default_reply(Reply::text("Yes."));
    let mut server = Server::start(&stage).await;
    server.say("ada", "#lisbon", "codex: first").await;
    within(gate.reached()).await;
    for number in 0..21 {
        server
            .say("bob", "#lisbon", &format!("codex: {number}"))
            .await;
    }
    server
        .expect("PRIVMSG #lisbon :bob: that is too much at once, ask again in a minute")
        .await;
    gate.release();
    server
        .expect("PRIVMSG #lisbon :ada: I can't answer that.")
        .await;
    for _ in 0..20 {
        server.expect("PRIVMSG #lisbon :bob: Yes.").await;
    }
}

#[codex_e2e_macros::test]
async fn the_bot_ends_with_its_runtime() {
    let stage = Stage::new().await.unwrap();
    let mut server = Server::start(&stage).await;
    let processes = processes_in(stage.home.path());
    let runtime = processes
        .iter()
        .find(|line| line.contains(" app-server"))
        .unwrap();
    let (id, _) = runtime.split_once(' ').unwrap();
    kill(Pid::from_raw(id.parse().unwrap()), Signal::SIGKILL).unwrap();
    let status = within(server.bot.wait()).await.unwrap();
    assert_eq!(status.code(), Some(1));
}
