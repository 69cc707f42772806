use crate::{Error, RUNTIME_VERSION};

const BUNDLED: &str = include_str!("../requirements.txt");
const REQUIREMENT: &str = "openai-codex-cli-bin==";
const HASH: &str = "--hash=sha256:";

/// One exact version of the runtime and the hashes that its wheels may have.
///
/// The default is the version that this crate was made for, [`RUNTIME_VERSION`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pin {
    version: String,
    requirements: String,
}

impl Default for Pin {
    fn default() -> Self {
        Self {
            version: RUNTIME_VERSION.to_owned(),
            requirements: BUNDLED.to_owned(),
        }
    }
}

impl Pin {
    /// Reads a pin in the format of pip's requirements files:
    /// `openai-codex-cli-bin==VERSION --hash=sha256:…`, with at least one hash and nothing else.
    ///
    /// # Errors
    /// [`Error::InvalidPin`] if it is anything else.
    pub fn parse(requirements: &str) -> Result<Self, Error> {
        let invalid = |reason: &str| Error::InvalidPin {
            reason: reason.to_owned(),
        };
        let mut words = words(requirements);
        let version = words
            .next()
            .and_then(|word| word.strip_prefix(REQUIREMENT))
            .ok_or_else(|| invalid("it must start with `openai-codex-cli-bin==VERSION`"))?;
        // The version becomes the name of a folder.
        let harmless = |c: char| c.is_ascii_alphanumeric() || ".-+!_".contains(c);
        if !version.starts_with(|c: char| c.is_ascii_digit()) || !version.chars().all(harmless) {
            return Err(invalid("its version is not an exact version"));
        }
        let mut hashes = 0;
        for word in words {
            let hash = word.strip_prefix(HASH).unwrap_or_default();
            if hash.len() != 64 || !hash.chars().all(|c| c.is_ascii_hexdigit()) {
                return Err(invalid("only `--hash=sha256:` may follow the version"));
            }
            hashes += 1;
        }
        if hashes == 0 {
            return Err(invalid("it has no hash"));
        }
        Ok(Self {
            version: version.to_owned(),
            requirements: requirements.to_owned(),
        })
    }

    /// The pinned version.
    pub fn version(&self) -> &str {
        &self.version
    }

    pub(crate) fn requirements(&self) -> &str {
        &self.requirements
    }

    pub(crate) fn allows(&self, sha256: &str) -> bool {
        words(&self.requirements)
            .filter_map(|word| word.strip_prefix(HASH))
            .any(|hash| hash.eq_ignore_ascii_case(sha256))
    }
}

/// The words of a requirements file without its comments and line continuations.
fn words(requirements: &str) -> impl Iterator<Item = &str> {
    requirements
        .lines()
        .filter(|line| !line.trim_start().starts_with('#'))
        .flat_map(str::split_whitespace)
        .filter(|word| *word != "\\")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_constant_and_the_requirements_file_pin_the_same_version() {
        assert_eq!(Pin::parse(BUNDLED).unwrap(), Pin::default());
    }

    #[test]
    fn all_eight_platform_wheels_are_pinned() {
        assert_eq!(words(BUNDLED).filter(|w| w.starts_with(HASH)).count(), 8);
    }

    #[test]
    fn a_pin_is_exact_and_hashed() {
        let hash = format!("{HASH}{}", "a".repeat(64));
        for refused in [
            String::new(),
            "openai-codex-cli-bin==1.0".to_owned(),
            format!("openai-codex-cli-bin>=1.0 {hash}"),
            format!("openai-codex-cli-bin==../up {hash}"),
            format!("openai-codex-cli-bin==1.0/.. {hash}"),
            format!("openai-codex-cli-bin==1.0 {hash} --pre"),
            format!("openai-codex-cli-bin==1.0 {hash}0"),
            format!("openai-codex-cli-bin==1.0 {hash}\nother==1.0 {hash}"),
        ] {
            assert!(
                matches!(Pin::parse(&refused), Err(Error::InvalidPin { .. })),
                "{refused}"
            );
        }
    }
}
