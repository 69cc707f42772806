//! An app-server that only writes. On each turn it writes `PEER_DELTAS` pieces of text, either as fast as
//! they are read or at `PEER_RATE` a second. Each piece contains the time it was written.

use std::fmt::Write as _;
use std::io::{BufRead, Stdout, Write, stdin, stdout};
use std::thread::sleep;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use codex_testkit::peer::shapes;
use serde_json::{Value, json};

/// The size of one write if there is no rate.
const CHUNK: usize = 32 << 10;

fn main() -> Result<()> {
    let number = |name| -> Result<u32> { Ok(std::env::var(name).map_or(Ok(0), |it| it.parse())?) };
    let rate = number("PEER_RATE")?;
    let mut peer = Peer {
        out: stdout(),
        count: 0,
        pause: (rate > 0).then(|| Duration::from_secs(1) / rate),
        deltas: number("PEER_DELTAS")?,
    };
    for line in stdin().lock().lines() {
        let request: Value = serde_json::from_str(&line?)?;
        if !request["id"].is_null() {
            peer.answer(&request)?;
        }
    }
    Ok(())
}

struct Peer {
    out: Stdout,
    count: usize,
    pause: Option<Duration>,
    deltas: u32,
}

impl Peer {
    fn answer(&mut self, request: &Value) -> Result<()> {
        self.count += 1;
        let name = self.count.to_string();
        let result = match request["method"].as_str() {
            Some("initialize") => shapes::initialize_response(),
            Some("thread/start") => shapes::thread_start_response(&name),
            Some("turn/start") => shapes::turn_start_response(&name),
            _ => json!({}),
        };
        self.write(&json!({"id": request["id"], "result": result}).to_string())?;
        if request["method"] == "turn/start" {
            let thread = request["params"]["threadId"].as_str().context("a thread")?;
            self.play(thread, &name)?;
        }
        Ok(())
    }

    fn play(&mut self, thread: &str, turn: &str) -> Result<()> {
        let of_turn = |method, status| {
            let params = json!({"threadId": thread, "turn": shapes::turn(turn, status)});
            format!(r#"{{"method":"{method}","params":{params}}}"#)
        };
        self.write(&of_turn("turn/started", "inProgress"))?;
        let head = format!(
            r#"{{"method":"item/agentMessage/delta","params":{{"threadId":"{thread}","turnId":"{turn}","itemId":"i","delta":""#
        );
        let mut lines = String::new();
        let mut next = Instant::now();
        for _ in 0..self.deltas {
            if let Some(pause) = self.pause {
                next += pause;
                sleep(next.saturating_duration_since(Instant::now()));
            }
            let now = SystemTime::now().duration_since(UNIX_EPOCH)?;
            writeln!(lines, "{head}{:.6}\"}}}}", now.as_secs_f64())?;
            if self.pause.is_some() || lines.len() > CHUNK {
                self.out.write_all(lines.as_bytes())?;
                self.out.flush()?;
                lines.clear();
            }
        }
        self.out.write_all(lines.as_bytes())?;
        self.write(&of_turn("turn/completed", "completed"))
    }

    fn write(&mut self, line: &str) -> Result<()> {
        self.out.write_all(line.as_bytes())?;
        self.out.write_all(b"\n")?;
        Ok(self.out.flush()?)
    }
}
