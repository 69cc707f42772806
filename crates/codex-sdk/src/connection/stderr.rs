//! The end of what the runtime writes to stderr, for errors.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use memchr::memmem;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::Command;

/// How much is kept.
const KEPT: usize = 4 * 1024;
/// What the name of a variable has in it whose value is a secret.
const SECRET: [&str; 5] = ["KEY", "TOKEN", "SECRET", "PASSW", "CREDENTIAL"];
/// A shorter value isn't one.
const SHORTEST: usize = 6;
const HIDDEN: &[u8] = b"[hidden]";

/// The tail of the runtime's stderr, regardless of its lines.
#[derive(Debug, Clone, Default)]
pub(crate) struct StderrTail {
    kept: Arc<Mutex<VecDeque<u8>>>,
    secrets: Arc<Secrets>,
}

/// The secrets in the environment of a process, the longest first.
#[derive(Default)]
struct Secrets(Vec<Vec<u8>>);

impl StderrTail {
    /// The tail of a process that this command starts. It shows no secret of its environment.
    pub(crate) fn of(command: &Command) -> Self {
        let variables = command.as_std().get_envs();
        let secrets = variables.filter_map(|(name, value)| {
            let name = name.to_string_lossy().to_uppercase();
            let value = value?.as_encoded_bytes();
            let is_secret = SECRET.iter().any(|part| name.contains(part));
            (is_secret && value.len() >= SHORTEST).then(|| value.to_vec())
        });
        let mut secrets: Vec<_> = secrets.collect();
        secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        Self {
            kept: Arc::default(),
            secrets: Arc::new(Secrets(secrets)),
        }
    }

    /// Drains `stderr` in chunks until it ends.
    pub(crate) async fn drain(self, mut stderr: impl AsyncRead + Unpin) {
        let mut chunk = vec![0; 16 * 1024];
        while let Ok(read @ 1..) = stderr.read(&mut chunk).await {
            self.keep(&chunk[..read]);
        }
    }

    /// Keeps the end of what was read.
    pub(crate) fn keep(&self, read: &[u8]) {
        let mut kept = self.kept();
        let new = &read[read.len().saturating_sub(KEPT)..];
        let excess = (kept.len() + new.len()).saturating_sub(KEPT);
        kept.drain(..excess);
        kept.extend(new);
    }

    /// What is kept, without terminal colours.
    pub(crate) fn text(&self) -> String {
        let kept = self.secrets.hide(self.kept().make_contiguous());
        let text = without_colours(&String::from_utf8_lossy(&kept));
        // The backtrace has no symbols.
        let text = text.split("\n\nStack backtrace:\n   0: <unknown>").next();
        text.unwrap_or_default().trim().to_owned()
    }

    fn kept(&self) -> MutexGuard<'_, VecDeque<u8>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Secrets {
    fn hide(&self, text: &[u8]) -> Vec<u8> {
        let mut text = text.to_vec();
        if text.len() == KEPT {
            // It may begin within one.
            let rests = self
                .0
                .iter()
                .flat_map(|secret| (1..secret.len()).map(|at| &secret[at..]));
            let cut = rests
                .filter(|rest| text.starts_with(rest))
                .map(<[u8]>::len)
                .max();
            if let Some(cut) = cut {
                text.splice(..cut, HIDDEN.iter().copied());
            }
        }
        for secret in &self.0 {
            let mut from = 0;
            while let Some(at) = memmem::find(&text[from..], secret) {
                let at = from + at;
                text.splice(at..at + secret.len(), HIDDEN.iter().copied());
                from = at + HIDDEN.len();
            }
        }
        text
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Secrets").field(&self.0.len()).finish()
    }
}

/// Removes the escape sequences that set colours: `ESC [ … letter`.
fn without_colours(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, sequence)) = rest.split_once('\u{1b}') {
        plain.push_str(before);
        let parameters = sequence.strip_prefix('[').unwrap_or(sequence);
        rest = parameters.trim_start_matches(|c: char| !c.is_ascii_alphabetic());
        rest = rest.get(1..).unwrap_or_default();
    }
    plain + rest
}

#[cfg(test)]
mod tests {
    use tokio::process::Command;

    use super::{KEPT, StderrTail, without_colours};

    #[test]
    fn colours_are_removed() {
        let coloured = "\u{1b}[2m12:00\u{1b}[0m \u{1b}[33m WARN\u{1b}[0m low";
        assert_eq!(without_colours(coloured), "12:00  WARN low");
        assert_eq!(without_colours("plain"), "plain");
        assert_eq!(without_colours("cut \u{1b}[3"), "cut ");
    }

    #[tokio::test]
    async fn stderr_without_a_line_end_stays_bounded() {
        let mut input = vec![b'x'; 10 * 1024 * 1024];
        input.extend_from_slice(b"the end");
        let tail = StderrTail::default();
        tail.clone().drain(&input[..]).await;
        let text = tail.text();
        assert!(text.ends_with("the end"));
        assert_eq!(text.len(), KEPT);
    }

    #[test]
    fn the_secrets_of_the_environment_are_hidden() {
        let mut command = Command::new("codex");
        command.envs([
            ("OPENAI_API_KEY", "sk-0123456789"),
            ("other_token", "sk-0123456789-and-more"),
            ("KEYBOARD", "us"),
            ("HOME", "/home/user"),
        ]);
        let tail = StderrTail::of(&command);
        tail.keep(b"no sk-0123456789-and-more, no sk-0123456789sk-0123456789 of us in /home/user");
        let shown = "no [hidden], no [hidden][hidden] of us in /home/user";
        assert_eq!(tail.text(), shown);
        assert!(!format!("{:?}", tail.secrets).contains("sk-"));

        // What is kept begins in the middle of one.
        let tail = StderrTail::of(&command);
        tail.keep(b"a key: sk-0123456789");
        tail.keep(&[b'.'; KEPT - 5]);
        assert!(tail.text().starts_with("[hidden]..."), "{}", tail.text());

        // A longer one comes after it.
        let tail = StderrTail::of(&command);
        tail.keep(b"a key: sk-0123456789");
        let rest = " sk-0123456789-and-more";
        tail.keep(&[&[b'.'; KEPT - 5][rest.len()..], rest.as_bytes()].concat());
        assert!(tail.text().starts_with("[hidden]..."), "{}", tail.text());
        assert!(tail.text().ends_with(". [hidden]"), "{}", tail.text());
    }
}
