//! Prints what passes between a client and `codex app-server`, a line for each message.
//!
//! ```sh
//! cargo run -p codex-types --example tap -- recording.jsonl
//! tee sent.jsonl | codex app-server | cargo run -p codex-types --example tap
//! ```
//!
//! It needs nothing but these types: no runtime, no client, no executor.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::{env, io};

#[path = "tap/summary.rs"]
mod summary;

fn main() -> io::Result<()> {
    let mut input: Box<dyn BufRead> = match env::args_os().nth(1) {
        Some(path) => Box::new(BufReader::new(File::open(path)?)),
        None => Box::new(io::stdin().lock()),
    };
    let mut out = io::stdout().lock();
    let mut tap = summary::Tap::default();
    // Bytes and not text: a line that isn't UTF-8 must not end the tap.
    let mut line = Vec::new();
    while input.read_until(b'\n', &mut line)? > 0 {
        let printed = writeln!(out, "{}", tap.line(line.trim_ascii()));
        match printed {
            // Whoever read along, such as `head`, has seen enough.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => break,
            other => other?,
        }
        line.clear();
    }
    Ok(())
}
