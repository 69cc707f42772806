//! Splits the runtime's output into lines, whatever their length, up to a cap.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt};

/// How much is kept of each end of a line over the cap, to tell whose it was.
const KEPT_OF_OVERLONG: usize = 32 * 1024;
/// A buffer that one long line has grown is given back once it is empty.
const KEPT_CAPACITY: usize = 1024 * 1024;
const READ_SIZE: usize = 64 * 1024;

/// What [`Lines::next`] found.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Line<'a> {
    /// A whole line, without its end.
    Whole(&'a [u8]),
    /// The beginning and the end of a line over the cap; what lay between was skipped.
    Overlong(&'a [u8], &'a [u8]),
    /// The end of the input.
    End {
        /// Bytes that came after the last line's end.
        unfinished: usize,
    },
}

#[derive(Debug)]
pub(crate) struct Lines<R> {
    input: R,
    buffer: Vec<u8>,
    /// Where the next line begins in `buffer`.
    start: usize,
    /// Up to where `buffer` was searched for a line's end.
    searched: usize,
    /// Bytes already thrown away from the middle of a line over the cap.
    skipped: usize,
    cap: usize,
}

impl<R: AsyncRead + Unpin> Lines<R> {
    pub(crate) fn new(input: R, cap: usize) -> Self {
        Self {
            input,
            buffer: Vec::with_capacity(READ_SIZE),
            start: 0,
            searched: 0,
            skipped: 0,
            cap,
        }
    }

    /// The next line, or the end.
    ///
    /// Many lines are taken from one read: this awaits only when no whole line is left.
    pub(crate) async fn next(&mut self) -> io::Result<Line<'_>> {
        loop {
            if let Some(offset) = memchr::memchr(b'\n', &self.buffer[self.searched..]) {
                return Ok(self.take(self.searched + offset));
            }
            self.searched = self.buffer.len();
            self.compact();
            if self.input.read_buf(&mut self.buffer).await? == 0 {
                let unfinished = self.skipped + self.buffer.len();
                return Ok(Line::End { unfinished });
            }
        }
    }

    fn take(&mut self, end: usize) -> Line<'_> {
        let line = self.start..end;
        self.start = end + 1;
        self.searched = self.start;
        let skipped = std::mem::take(&mut self.skipped);
        let line = &self.buffer[line];
        if skipped + line.len() <= self.cap {
            return Line::Whole(line);
        }
        let kept = line.len().min(KEPT_OF_OVERLONG);
        Line::Overlong(&line[..kept], &line[line.len() - kept..])
    }

    /// Makes room for the next read: drops the lines that were taken and, of a line over the cap,
    /// all but its ends.
    fn compact(&mut self) {
        self.buffer.drain(..self.start);
        self.searched -= self.start;
        self.start = 0;
        let kept = 2 * KEPT_OF_OVERLONG;
        if self.skipped + self.buffer.len() > self.cap.max(kept) && self.buffer.len() > kept {
            let middle = KEPT_OF_OVERLONG..self.buffer.len() - KEPT_OF_OVERLONG;
            self.skipped += middle.len();
            self.buffer.drain(middle);
            self.searched = self.buffer.len();
        }
        if self.buffer.is_empty() && self.buffer.capacity() > KEPT_CAPACITY {
            self.buffer.shrink_to(READ_SIZE);
        }
        if self.buffer.capacity() - self.buffer.len() < READ_SIZE / 4 {
            self.buffer.reserve(READ_SIZE);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{KEPT_OF_OVERLONG, Line, Lines};

    async fn all(input: &[u8], cap: usize) -> (Vec<(bool, Vec<u8>)>, usize) {
        let mut lines = Lines::new(input, cap);
        let mut found = Vec::new();
        loop {
            match lines.next().await.unwrap() {
                Line::Whole(line) => found.push((true, line.to_vec())),
                Line::Overlong(head, tail) => found.push((false, [head, tail].concat())),
                Line::End { unfinished } => return (found, unfinished),
            }
        }
    }

    #[tokio::test]
    async fn lines_come_whole_and_in_order() {
        let (lines, end) = all(b"one\n\nthree\nhalf", 100).await;
        let expected = [&b"one"[..], b"", b"three"];
        assert_eq!(lines, expected.map(|line| (true, line.to_vec())));
        assert_eq!(end, 4);
    }

    #[tokio::test]
    async fn a_line_over_the_cap_is_skipped_and_the_next_one_read() {
        let long = 40 * KEPT_OF_OVERLONG;
        let mut input = vec![b'x'; long];
        input.extend_from_slice(b" the end\nnext\n");
        let (lines, end) = all(&input, KEPT_OF_OVERLONG).await;
        assert_eq!(lines.len(), 2);
        let (whole, kept) = &lines[0];
        assert!(!whole && kept.starts_with(b"xxx") && kept.ends_with(b"x the end"));
        assert_eq!(kept.len(), 2 * KEPT_OF_OVERLONG);
        assert_eq!(lines[1], (true, b"next".to_vec()));
        assert_eq!(end, 0);
    }

    #[tokio::test]
    async fn the_cap_holds_for_lines_within_one_read_too() {
        let (lines, _) = all(b"12345\n123456\n1\n", 5).await;
        let whole: Vec<bool> = lines.iter().map(|(whole, _)| *whole).collect();
        assert_eq!(whole, [true, false, true]);
    }

    #[tokio::test]
    async fn a_long_line_grows_the_buffer_only_for_a_while() {
        let mut input = vec![b'x'; 8 * 1024 * 1024];
        input.push(b'\n');
        let mut lines = Lines::new(&input[..], usize::MAX);
        assert!(
            matches!(lines.next().await, Ok(Line::Whole(line)) if line.len() == 8 * 1024 * 1024)
        );
        assert!(matches!(lines.next().await, Ok(Line::End { .. })));
        assert!(lines.buffer.capacity() <= super::KEPT_CAPACITY);
    }
}
