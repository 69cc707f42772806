//! Splits the runtime's output into lines, whatever their length, up to a cap.

/// How much is kept of each end of a line over the cap, to tell whom it was for.
const KEPT_OF_OVERLONG: usize = 32 * 1024;
/// A buffer that one long line has grown beyond this is shrunk once it is empty.
const KEPT_CAPACITY: usize = 1024 * 1024;
const READ_SIZE: usize = 64 * 1024;

/// What [`Lines::next`] found.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Line<'a> {
    /// A whole line, without its end.
    Whole(&'a [u8]),
    /// The beginning and the end of a line over the cap; what lay between was skipped.
    Overlong(&'a [u8], &'a [u8]),
}

/// What was read and not yet taken. One read can hold many lines.
#[derive(Debug)]
pub(crate) struct Lines {
    /// All of it is initialised; the data read is in `start..end`.
    buffer: Vec<u8>,
    /// Where the next line begins.
    start: usize,
    /// How far it was searched for the end of a line.
    searched: usize,
    end: usize,
    /// Bytes already discarded from the middle of a line over the cap.
    skipped: usize,
    cap: usize,
}

impl Lines {
    pub(crate) fn new(cap: usize) -> Self {
        Self {
            buffer: vec![0; READ_SIZE],
            start: 0,
            searched: 0,
            end: 0,
            skipped: 0,
            cap,
        }
    }

    /// The next line in what was read.
    pub(crate) fn next(&mut self) -> Option<Line<'_>> {
        let unsearched = &self.buffer[self.searched..self.end];
        let Some(offset) = memchr::memchr(b'\n', unsearched) else {
            self.searched = self.end;
            return None;
        };
        Some(self.take(self.searched + offset))
    }

    /// Where the next read goes, once no whole line is left.
    pub(crate) fn space(&mut self) -> &mut [u8] {
        self.compact();
        &mut self.buffer[self.end..]
    }

    /// Records that this many bytes were read into [`Self::space`].
    pub(crate) fn filled(&mut self, bytes: usize) {
        self.end += bytes;
    }

    /// Bytes after the end of the last line.
    pub(crate) fn unfinished(&self) -> usize {
        self.skipped + self.end - self.start
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
        self.buffer.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
        let kept = 2 * KEPT_OF_OVERLONG;
        if self.skipped + self.end > self.cap.max(kept) && self.end > kept {
            self.skipped += self.end - kept;
            let tail = self.end - KEPT_OF_OVERLONG;
            self.buffer.copy_within(tail..self.end, KEPT_OF_OVERLONG);
            self.end = kept;
        }
        self.searched = self.end;
        if self.end == 0 && self.buffer.len() > KEPT_CAPACITY {
            self.buffer.truncate(READ_SIZE);
            self.buffer.shrink_to_fit();
        }
        if self.buffer.len() - self.end < READ_SIZE / 4 {
            // A long line costs one copy each time that the buffer doubles.
            self.buffer.resize(2 * self.buffer.len(), 0);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::{KEPT_CAPACITY, KEPT_OF_OVERLONG, Line, Lines};

    /// All lines of an input, and the length of the last one if it has no end.
    fn all(mut input: &[u8], cap: usize) -> (Vec<(bool, Vec<u8>)>, usize) {
        let mut lines = Lines::new(cap);
        let mut found = Vec::new();
        loop {
            while let Some(line) = lines.next() {
                found.push(match line {
                    Line::Whole(line) => (true, line.to_vec()),
                    Line::Overlong(head, tail) => (false, [head, tail].concat()),
                });
            }
            match input.read(lines.space()).unwrap() {
                0 => return (found, lines.unfinished()),
                read => lines.filled(read),
            }
        }
    }

    #[test]
    fn lines_come_whole_and_in_order() {
        let (lines, end) = all(b"one\n\nthree\nhalf", 100);
        let expected = [&b"one"[..], b"", b"three"];
        assert_eq!(lines, expected.map(|line| (true, line.to_vec())));
        assert_eq!(end, 4);
    }

    #[test]
    fn a_line_over_the_cap_is_skipped_and_the_next_one_read() {
        let long = 40 * KEPT_OF_OVERLONG;
        let mut input = vec![b'x'; long];
        input.extend_from_slice(b" the end\nnext\n");
        let (lines, end) = all(&input, KEPT_OF_OVERLONG);
        assert_eq!(lines.len(), 2);
        let (whole, kept) = &lines[0];
        assert!(!whole && kept.starts_with(b"xxx") && kept.ends_with(b"x the end"));
        assert_eq!(kept.len(), 2 * KEPT_OF_OVERLONG);
        assert_eq!(lines[1], (true, b"next".to_vec()));
        assert_eq!(end, 0);
    }

    #[test]
    fn the_cap_holds_for_lines_within_one_read_too() {
        let (lines, _) = all(b"12345\n123456\n1\n", 5);
        let whole: Vec<bool> = lines.iter().map(|(whole, _)| *whole).collect();
        assert_eq!(whole, [true, false, true]);
    }

    #[test]
    fn a_long_line_grows_the_buffer_only_for_a_while() {
        let mut lines = Lines::new(usize::MAX);
        let long = 8 * 1024 * 1024;
        while lines.end < long {
            let space = lines.space();
            space.fill(b'x');
            let bytes = space.len();
            lines.filled(bytes);
            assert_eq!(lines.next(), None);
        }
        lines.space()[0] = b'\n';
        lines.filled(1);
        assert!(matches!(lines.next(), Some(Line::Whole(line)) if line.len() >= long));
        lines.space();
        assert!(lines.buffer.capacity() <= KEPT_CAPACITY);
    }
}
