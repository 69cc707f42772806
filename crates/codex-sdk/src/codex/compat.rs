//! Version checks: the methods and options that older runtimes lack or would silently ignore.

use codex_cli_bin::RUNTIME_VERSION;
use serde::Serialize;
use serde_json::Value;

use crate::codex::gates::{GATES, LEAST};
use crate::error::{Error, Result};

/// A version, reduced to what comparisons need.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Version {
    parts: [u64; 3],
    /// A pre-release precedes its version.
    is_release: bool,
}

impl Version {
    /// Reads `0.163.0`, `v0.163.0`, `0.163`, `0.163.0-alpha.1`, `0.163.0.post1`. Returns `None` for text
    /// without a number, and for `0.0.0`, the version of a runtime built from source: it says nothing.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let text = text.strip_prefix(['v', 'V']).unwrap_or(text);
        let end = text.find(|c: char| c != '.' && !c.is_ascii_digit());
        let (numbers, rest) = text.split_at(end.unwrap_or(text.len()));
        let mut parts = [0; 3];
        let numbers = numbers.trim_end_matches('.').split('.');
        for (part, number) in parts.iter_mut().zip(numbers) {
            *part = number.parse().ok()?;
        }
        let is_release = rest.is_empty() || rest.starts_with(['+', 'p']);
        (parts != [0; 3]).then_some(Self { parts, is_release })
    }

    fn is_before(self, other: &str) -> bool {
        Self::parse(other).is_some_and(|other| self < other)
    }
}

/// Refuses a runtime that this SDK doesn't work with. An unknown version counts as a new one.
pub(crate) fn check_runtime(version: &str) -> Result<()> {
    match Version::parse(version) {
        Some(parsed) if parsed.is_before(LEAST) => Err(too_old(version)),
        _ => Ok(()),
    }
}

/// The refusal of a runtime that is too old to talk to; `version` is empty if it is too old to report one.
pub(crate) fn too_old(version: &str) -> Error {
    Error::UnsupportedRuntime {
        found: version.to_owned(),
        needs: LEAST,
        pinned: RUNTIME_VERSION,
    }
}

/// Whether this standard error means that the runtime is too old for the arguments of an app-server over
/// standard input.
pub(crate) fn refuses_arguments(stderr: &str) -> bool {
    stderr.contains("unexpected argument '--listen'")
        || stderr.contains("unrecognized subcommand 'app-server'")
}

/// Refuses a method that this runtime lacks, and an option that it would ignore. A runtime of unknown version
/// accepts everything.
pub(crate) fn check<P: Serialize>(version: &str, method: &str, params: &P) -> Result<()> {
    if version == RUNTIME_VERSION {
        return Ok(());
    }
    // Parameters that can't be written as JSON fail when they are sent.
    let params = || serde_json::from_str(&serde_json::to_string(params).ok()?).ok();
    check_params(version, method, &params)
}

/// [`check`] for a request that is ready to be sent.
pub(crate) fn check_line(version: &str, method: &str, line: &str) -> Result<()> {
    if version == RUNTIME_VERSION {
        return Ok(());
    }
    let params = || {
        let mut line: Value = serde_json::from_str(line).ok()?;
        line.get_mut("params").map(Value::take)
    };
    check_params(version, method, &params)
}

/// Not generic, so that it isn't compiled again for each method.
fn check_params(version: &str, method: &str, params: &dyn Fn() -> Option<Value>) -> Result<()> {
    let Some(parsed) = Version::parse(version) else {
        return Ok(());
    };
    let of_method = GATES.iter().filter(|(of, ..)| *of == method);
    let lacking = of_method.filter(|(.., since)| parsed.is_before(since));
    let lacking: Vec<_> = lacking.collect();
    if let Some((.., since)) = lacking.iter().find(|(_, option, _)| option.is_empty()) {
        return Err(lacks(version, method, since));
    }
    if lacking.is_empty() {
        return Ok(());
    }
    let params = params().unwrap_or_default();
    match lacking.iter().find(|(_, option, _)| uses(&params, option)) {
        Some((_, option, since)) => Err(lacks(version, option, since)),
        None => Ok(()),
    }
}

/// Whether the parameters have an option, or for `option=value`, that value in it.
fn uses(params: &Value, option: &str) -> bool {
    match option.split_once('=') {
        Some((option, value)) => params.get(option).is_some_and(|it| it == value),
        None => params.get(option).is_some(),
    }
}

/// Refuses what this SDK builds on a method and can't do with a runtime before `since`.
pub(crate) fn require(version: &str, what: &str, since: &'static str) -> Result<()> {
    match Version::parse(version) {
        Some(parsed) if parsed.is_before(since) => Err(lacks(version, what, since)),
        _ => Ok(()),
    }
}

fn lacks(version: &str, what: &str, since: &'static str) -> Error {
    Error::RuntimeTooOld {
        option: what.to_owned(),
        needs: since,
        found: version.to_owned(),
    }
}

/// Logs how this runtime's version differs from the pinned one.
pub(crate) fn warn_unless_pinned(version: &str) {
    let pinned = RUNTIME_VERSION;
    if version == pinned {
        return;
    }
    let (found, expected) = (Version::parse(version), Version::parse(pinned));
    match found
        .zip(expected)
        .map(|(found, expected)| found.cmp(&expected))
    {
        Some(std::cmp::Ordering::Less) => tracing::warn!(
            version,
            pinned,
            "this runtime is older than the pinned one: options that it lacks are refused"
        ),
        Some(std::cmp::Ordering::Greater) => tracing::warn!(
            version,
            pinned,
            "this runtime is newer than the pinned one: what is new in it is `Unrecognized`"
        ),
        Some(std::cmp::Ordering::Equal) => {
            tracing::warn!(
                version,
                pinned,
                "this runtime is a build of the pinned version"
            );
        }
        None => tracing::warn!(
            version,
            pinned,
            "this runtime doesn't say its version, and is taken for a new one"
        ),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{GATES, LEAST, Version, check, check_runtime};
    use crate::error::Error;

    #[test]
    fn parity_108_109_versions_are_compared_pre_releases_included() {
        let parse = |text| Version::parse(text).unwrap();
        let ascending = [
            "0.9",
            "0.147.0",
            "0.149",
            "0.151.0-alpha.6",
            "0.151.0",
            "0.151.1",
            "v0.170.0",
            "1",
            "1.0.1",
        ];
        for pair in ascending.windows(2) {
            assert!(parse(pair[0]) < parse(pair[1]), "{pair:?}");
        }
        for same in [
            "v0.151",
            "0.151.",
            " 0.151.0 ",
            "0.151.0.post1",
            "0.151.0+linux",
            "0.151.0.0",
        ] {
            assert_eq!(parse(same), parse("0.151.0"), "{same}");
        }
        for early in ["0.151.0a1", "0.151.0rc1", "0.151.0.dev1", "0.151-beta"] {
            assert!(parse(early) < parse("0.151.0"), "{early}");
        }
    }

    #[test]
    fn what_says_nothing_is_not_old() {
        for unknown in [
            "",
            "dev",
            "unknown",
            "v",
            "0.0.0",
            "0.0.0-dev",
            "vNext",
            "-1",
            "99999999999999999999.0",
        ] {
            assert_eq!(Version::parse(unknown), None, "{unknown}");
            assert!(check_runtime(unknown).is_ok(), "{unknown}");
            let params = json!({ "turnTrigger": "timer" });
            assert!(check(unknown, "turn/start", &params).is_ok(), "{unknown}");
        }
    }

    #[test]
    fn every_option_is_refused_below_its_version_and_only_there() {
        for &(method, option, since) in GATES.iter().filter(|(_, option, _)| !option.is_empty()) {
            // `null` too: it may mean something.
            let (name, value) = option.split_once('=').unwrap_or((option, ""));
            let value = if value.is_empty() {
                json!(null)
            } else {
                json!(value)
            };
            let params = json!({ name: value, "other": 1 });
            let early = format!("{since}-alpha.1");
            // A method that is newer itself is refused as a whole, and an option before its value.
            let mut of_method = GATES.iter().filter(|(of, ..)| *of == method);
            let oldest = of_method
                .rfind(|(_, older, _)| older.is_empty() || *older == name && name != option);
            for old in [oldest.map_or(LEAST, |(.., since)| since), &early] {
                let error = check(old, method, &params).unwrap_err();
                let Error::RuntimeTooOld {
                    option: named,
                    needs,
                    found,
                    ..
                } = error
                else {
                    panic!("{error:?}");
                };
                assert_eq!((&*named, needs, &*found), (option, since, old));
                assert!(check(old, method, &json!({ "other": 1 })).is_ok());
                assert!(check(old, "other/method", &params).is_ok());
            }
            assert!(check(since, method, &params).is_ok(), "{method} {option}");
            let found = Version::parse(since).unwrap();
            assert!(!found.is_before(LEAST), "{option}");
        }
    }

    #[test]
    fn a_method_that_is_younger_than_the_runtime_is_refused_by_its_name() {
        let error = check("0.150.0", "thread/items/list", &json!({ "threadId": "t" })).unwrap_err();
        assert_eq!(
            error.to_string(),
            "this runtime is \"0.150.0\", and `thread/items/list` needs Codex 0.151.0 or newer: \
             use the pinned one, or do without"
        );
        assert!(check("0.151.0", "thread/items/list", &json!({})).is_ok());
        assert!(check("0.132.0", "unknown/method", &json!({})).is_ok());
    }

    #[test]
    fn a_runtime_below_the_least_is_refused() {
        for old in ["0.63.0", "0.128.0", "v0.131.9", "0.132.0-alpha.1"] {
            let error = check_runtime(old).unwrap_err();
            assert!(
                matches!(error, Error::UnsupportedRuntime { .. }),
                "{error:?}"
            );
        }
        assert!(check_runtime(LEAST).is_ok());
    }
}
