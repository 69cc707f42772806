/// How much of a line is kept.
const LINE: usize = 400;

/// The last line that says what went wrong, else the last line, without credentials.
pub(crate) fn telling_line(output: &str) -> Option<String> {
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
    // pip's error is the same for an index that it can't reach; only its warnings tell.
    if line.contains("No matching distribution")
        && let Some(start) = output.rfind("connection broken by")
    {
        line = output[start..].lines().next()?;
    }
    Some(redact(line).chars().take(LINE).collect())
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
        // The last `@`: a password may have one too, whatever the standard says.
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
