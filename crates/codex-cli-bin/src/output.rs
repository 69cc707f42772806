/// The maximum length of a kept line.
const LINE: usize = 400;

/// The prefixes of npm's error lines: now, and before version 10.
const NPM: [&str; 2] = ["npm error ", "npm ERR! "];
/// Details that npm prints before the error itself.
const NPM_DETAILS: [&str; 5] = ["code ", "syscall ", "errno ", "path ", "dest "];

/// The last line that says what went wrong, else the last line, without credentials. npm is
/// different: it reports the error first and ends with the location of its log.
pub(crate) fn telling_line(output: &str) -> Option<String> {
    if let Some(line) = npm_line(output) {
        // In the URL of a scoped package, the text before `@` is not a password.
        return Some(shorten(&line.replace("/@openai", "/%40openai")));
    }
    let lines = || {
        output
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty())
    };
    let is_error = |line: &&str| {
        let line = line.to_ascii_lowercase();
        line.starts_with("error") || line.starts_with("cause:")
    };
    let mut line = lines().rfind(is_error).or_else(|| lines().next_back())?;
    // pip's error is the same if it can't reach the index; only its warnings name the cause.
    if line.contains("No matching distribution")
        && let Some(start) = output.rfind("connection broken by")
    {
        line = output[start..].lines().next()?;
    }
    Some(shorten(line))
}

fn npm_line(output: &str) -> Option<&str> {
    output
        .lines()
        .filter_map(|line| NPM.iter().find_map(|start| line.strip_prefix(start)))
        .map(str::trim)
        .find(|line| !line.is_empty() && !NPM_DETAILS.iter().any(|word| line.starts_with(word)))
}

fn shorten(line: &str) -> String {
    redact(line).chars().take(LINE).collect()
}

/// Removes user names, passwords and query strings from the URLs in `line`.
fn redact(line: &str) -> String {
    let mut redacted = String::with_capacity(line.len());
    let mut rest = line;
    while let Some(start) = rest.find("://") {
        let (before, url) = rest.split_at(start + 3);
        let end = url.find(char::is_whitespace).unwrap_or(url.len());
        let (url, after) = url.split_at(end);
        redacted.push_str(before);
        // The last `@`: a password may contain one too, despite the standard.
        let url = match url.rsplit_once('@') {
            Some((_, host)) => {
                redacted.push_str("***@");
                host
            }
            None => url,
        };
        match url.split_once('?') {
            Some((path, _)) => redacted.extend([path, "?***"]),
            None => redacted.push_str(url),
        }
        rest = after;
    }
    redacted + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_that_tells_most_is_kept() {
        for (output, line) in [
            ("", None),
            (
                "a\n\n  No module named pip \n\n",
                Some("No module named pip"),
            ),
            ("ERROR: bad\n[notice] new pip\n", Some("ERROR: bad")),
            (
                "WARNING: after connection broken by 'E'\nERROR: No matching distribution found",
                Some("connection broken by 'E'"),
            ),
            ("error: a\n  cause: b\n\nhint: c\n", Some("cause: b")),
            (
                "npm error code E1\nnpm error notarget None\nnpm error A complete log: x",
                Some("notarget None"),
            ),
            (
                "npm error network request to http://me:s3cret@host/@openai%2fcodex failed",
                Some("network request to http://***@host/%40openai%2fcodex failed"),
            ),
            ("npm ERR! errno 2\nnpm ERR! \nnpm ERR! a\n", Some("a")),
        ] {
            assert_eq!(telling_line(output).as_deref(), line);
        }
    }

    #[test]
    fn no_credential_of_an_index_is_shown() {
        for (line, redacted) in [
            ("no url: a@b?c", "no url: a@b?c"),
            (
                "at https://me:s3cret@host/x, then",
                "at https://***@host/x, then",
            ),
            (
                "https://me:p@ss/w@host/x http://h",
                "https://***@host/x http://h",
            ),
            ("(https://host/x?token=s3cret)", "(https://host/x?***"),
        ] {
            assert_eq!(redact(line), redacted);
        }
    }
}
