//! An app-server that does nothing but write: on each turn so many pieces of text (`PEER_DELTAS`), as
//! fast as they are read, or so many a second (`PEER_RATE`). Each piece is the time when it was written.

use std::io::{BufRead, Write, stdin, stdout};
use std::thread::sleep;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use codex_testkit::peer::shapes;
use serde_json::{Value, json};

fn main() -> Result<()> {
    let number =
        |name| -> Result<usize> { Ok(std::env::var(name).map_or(Ok(0), |it| it.parse())?) };
    let (deltas, rate) = (number("PEER_DELTAS")?, number("PEER_RATE")?);
    let mut peer = Peer {
        out: stdout(),
        count: 0,
        pause: (rate > 0).then(|| Duration::from_secs(1) / u32::try_from(rate).unwrap_or(u32::MAX)),
        deltas,
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
    out: std::io::Stdout,
    count: usize,
    pause: Option<Duration>,
    deltas: usize,
}

impl Peer {
    fn answer(&mut self, request: &Value) -> Result<()> {
        self.count += 1;
        let name = self.count.to_string();
        let result = match request["method"].as_str() {
            Some("initialize") => {
                json!({"userAgent": "codex_cli_rs/0.163.0", "codexHome": "/", "platformFamily": "unix", "platformOs": "linux"})
            }
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
        let turn_of = |status| json!({"id": turn, "items": [], "status": status});
        let of = |method: &str, status| {
            json!({"method": method, "params": {"threadId": thread, "turn": turn_of(status)}})
                .to_string()
        };
        self.write(&of("turn/started", "inProgress"))?;
        let head = format!(
            r#"{{"method":"item/agentMessage/delta","params":{{"threadId":"{thread}","turnId":"{turn}","itemId":"i","delta":""#
        );
        let mut lines = String::new();
        let mut next = Instant::now();
        for _ in 0..self.deltas {
            let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_nanos();
            lines.push_str(&format!("{head}{now}\"}}}}\n"));
            if let Some(pause) = self.pause {
                next += pause;
                sleep(next.saturating_duration_since(Instant::now()));
                self.out.write_all(lines.as_bytes())?;
                self.out.flush()?;
                lines.clear();
            } else if lines.len() > 32 << 10 {
                self.out.write_all(lines.as_bytes())?;
                lines.clear();
            }
        }
        self.out.write_all(lines.as_bytes())?;
        self.write(&of("turn/completed", "completed"))
    }

    fn write(&mut self, line: &str) -> Result<()> {
        self.out.write_all(line.as_bytes())?;
        self.out.write_all(b"\n")?;
        Ok(self.out.flush()?)
    }
}
