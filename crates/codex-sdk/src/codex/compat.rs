//! Options that older runtimes would ignore silently, refused before anything is sent.

use serde::Serialize;

use crate::error::{Error, Result};

/// The first version that knows all of the options below.
pub(crate) const NEEDS: &str = "0.151.0";
const NEEDS_PARTS: [u64; 3] = [0, 151, 0];

/// The options, by method.
const OPTIONS: [(&str, &[&str]); 3] = [
    (
        "turn/start",
        &["toolOutput", "turnTrigger", "serviceTierForTurn"],
    ),
    ("thread/resume", &["excludeTurns"]),
    ("thread/fork", &["excludeTurns"]),
];

/// Whether a runtime of this version knows the options. One without a version, 0.0.0, was built from
/// source, and is taken for a new one.
pub(crate) fn knows_options(version: &str) -> bool {
    let end = version.find(|c: char| c != '.' && !c.is_ascii_digit());
    let (numbers, rest) = version.split_at(end.unwrap_or(version.len()));
    let mut parts = numbers.split('.').map(str::parse::<u64>);
    let mut part = || parts.next().and_then(std::result::Result::ok);
    let (Some(major), Some(minor), Some(patch)) = (part(), part(), part()) else {
        return false;
    };
    let parts = [major, minor, patch];
    // A pre-release comes before its version.
    parts == [0, 0, 0] || parts > NEEDS_PARTS || (parts == NEEDS_PARTS && !rest.starts_with('-'))
}

/// Refuses an option that a runtime which fails [`knows_options`] doesn't know.
pub(crate) fn check<P: Serialize>(version: &str, method: &str, params: &P) -> Result<()> {
    let Some((_, options)) = OPTIONS.iter().find(|(gated, _)| *gated == method) else {
        return Ok(());
    };
    // What can't be written as JSON is told when it is sent.
    let params = serde_json::to_value(params).unwrap_or_default();
    let used = options.iter().find(|option| params.get(**option).is_some());
    match used {
        Some(option) => Err(Error::RuntimeTooOld {
            option: (*option).to_owned(),
            needs: NEEDS,
            found: version.to_owned(),
        }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::knows_options;

    #[test]
    fn parity_108_109_versions_are_compared_pre_releases_included() {
        for old in [
            "0.147.0",
            "0.149.0",
            "0.151.0-alpha.6",
            "unknown",
            "",
            "0.151",
        ] {
            assert!(!knows_options(old), "{old}");
        }
        for new in [
            "0.151.0",
            "0.151.0.post1",
            "0.153.0",
            "0.154.0-alpha.1",
            "0.154.0-alpha.1.2",
            "1.0.0",
            "0.0.0",
        ] {
            assert!(knows_options(new), "{new}");
        }
    }
}
