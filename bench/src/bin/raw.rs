//! The minimal client: it blocks on the runtime's output, splits lines, and looks for the ends of turns. It
//! has no types, answers nothing, and runs turns one after another.

use std::io::{BufRead, BufReader, Write};
use std::process::{ChildStdin, ChildStdout, Command, Stdio};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, ensure};
use codex_bench::measure::{Load, Watch};

const DELTA: &[u8] = b"{\"method\":\"item/agentMessage/delta\"";
const COMPLETED: &[u8] = b"{\"method\":\"turn/completed\"";
const BUFFER: usize = 64 << 10;

struct Client {
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    line: Vec<u8>,
}

impl Client {
    fn send(&mut self, line: &str) -> Result<()> {
        self.input.write_all(line.as_bytes())?;
        Ok(self.input.write_all(b"\n")?)
    }

    fn next(&mut self) -> Result<&[u8]> {
        self.line.clear();
        let bytes = self.output.read_until(b'\n', &mut self.line)?;
        ensure!(bytes > 0, "the runtime has left");
        Ok(&self.line)
    }

    fn reply(&mut self, id: usize) -> Result<serde_json::Value> {
        loop {
            let line: serde_json::Value = serde_json::from_slice(self.next()?)?;
            if line["id"] == id {
                return Ok(line["result"].clone());
            }
        }
    }
}

/// The time since this piece was written, in microseconds.
fn latency_us(line: &[u8]) -> Result<f64> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?;
    let line = str::from_utf8(line)?;
    let time = line.rsplit('"').nth(1).context("a piece without a time")?;
    Ok((now.as_secs_f64() - time.parse::<f64>()?) * 1e6)
}

fn main() -> Result<()> {
    let load = Load::from_args()?;
    let timed = std::env::var_os("PEER_RATE").is_some();
    let start = Watch::start();
    let mut child = Command::new(std::env::var("CODEX_BIN")?)
        .args(["app-server", "--listen", "stdio://"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?;
    let (input, output) = (child.stdin.take(), child.stdout.take());
    let mut client = Client {
        input: input.context("no input")?,
        output: BufReader::with_capacity(BUFFER, output.context("no output")?),
        line: Vec::new(),
    };
    client.send(
        r#"{"id":0,"method":"initialize","params":{"clientInfo":{"name":"raw","version":"1"}}}"#,
    )?;
    client.reply(0)?;
    client.send(r#"{"method":"initialized"}"#)?;
    let start_us = start.wall_us();
    client.send(r#"{"id":1,"method":"thread/start","params":{}}"#)?;
    let started = client.reply(1)?;
    let thread = started["thread"]["id"].as_str().context("no thread")?;
    let turns = Watch::start();
    let (mut deltas, mut latencies_us) = (0, Vec::new());
    for turn in 0..load.turns {
        let id = turn + 2;
        client.send(&format!(
            r#"{{"id":{id},"method":"turn/start","params":{{"threadId":"{thread}","input":[{{"type":"text","text":"go"}}]}}}}"#
        ))?;
        loop {
            let line = client.next()?;
            if line.starts_with(COMPLETED) {
                break;
            }
            if line.starts_with(DELTA) {
                deltas += 1;
                if timed {
                    latencies_us.push(latency_us(line)?);
                }
            }
        }
    }
    let mut report = turns.report(deltas, start_us);
    report.latencies_us = latencies_us;
    drop(client);
    child.wait()?;
    #[expect(clippy::print_stdout, reason = "what this program is for")]
    {
        println!("{}", serde_json::to_string(&report)?);
    }
    Ok(())
}
