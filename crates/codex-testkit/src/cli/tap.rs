use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Write};

use super::summary::Tap;

/// Prints a summary line for each message in a file or on standard input.
pub(crate) fn tap(file: Option<&OsStr>) -> io::Result<()> {
    let mut input: Box<dyn BufRead> = match file {
        Some(path) => Box::new(BufReader::new(File::open(path).map_err(|error| {
            io::Error::new(
                error.kind(),
                format!("cannot open {}: {error}", path.display()),
            )
        })?)),
        None => Box::new(io::stdin().lock()),
    };
    let mut out = io::stdout().lock();
    let mut tap = Tap::default();
    // Bytes, not text: a line that isn't UTF-8 must not end the tap.
    let mut line = Vec::new();
    while input.read_until(b'\n', &mut line)? > 0 {
        match writeln!(out, "{}", tap.line(line.trim_ascii())) {
            // The reader, such as `head`, has seen enough.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => break,
            other => other?,
        }
        line.clear();
    }
    Ok(())
}
