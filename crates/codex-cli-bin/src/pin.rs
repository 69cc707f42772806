use crate::{Error, RUNTIME_VERSION};

const BUNDLED: &str = include_str!("../requirements.txt");

/// One exact version of the runtime, and the accepted hashes of its wheels or tarballs.
///
/// The default is the version this crate was made for, [`RUNTIME_VERSION`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pin {
    version: String,
    requirements: String,
}

/// Where the pinned package comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    /// A Python package index, which has a wheel for each platform.
    Index,
    /// An npm registry, which has a tarball for each platform.
    Npm,
}

impl Source {
    /// The package's name.
    pub(crate) fn package(self) -> &'static str {
        match self {
            Self::Index => "openai-codex-cli-bin",
            Self::Npm => "@openai/codex",
        }
    }

    /// The kind of file that the source provides.
    pub(crate) fn archive(self) -> &'static str {
        match self {
            Self::Index => "wheel",
            Self::Npm => "tarball",
        }
    }

    /// The hash option in a pin, for the kind of hash that the source publishes.
    fn hash(self) -> &'static str {
        match self {
            Self::Index => "--hash=sha256:",
            Self::Npm => "--hash=sha512:",
        }
    }

    fn digits(self) -> usize {
        match self {
            Self::Index => 64,
            Self::Npm => 128,
        }
    }

    /// The source of a requirement, and its version.
    fn split(requirement: &str) -> Option<(Self, &str)> {
        [Self::Index, Self::Npm].into_iter().find_map(|source| {
            let rest = requirement.strip_prefix(source.package())?;
            Some((source, rest.strip_prefix("==")?))
        })
    }
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
    /// Reads a pin in the format of pip's requirements files, with at least one hash and nothing
    /// else. It is one of
    /// - `openai-codex-cli-bin==VERSION --hash=sha256:HEX`, for wheels from a Python package index;
    /// - `@openai/codex==VERSION --hash=sha512:HEX`, for tarballs from an npm registry.
    ///
    /// npm publishes a tarball for each platform as `VERSION-PLATFORM`; the pin has only the
    /// version. The hash is the tarball's `integrity` in hexadecimal digits.
    ///
    /// # Errors
    /// [`Error::InvalidPin`] if it is anything else.
    pub fn parse(requirements: &str) -> Result<Self, Error> {
        let invalid = |reason: String| Error::InvalidPin { reason };
        let mut words = words(requirements);
        let (source, version) = words.next().and_then(Source::split).ok_or_else(|| {
            let [index, npm] = [Source::Index, Source::Npm].map(Source::package);
            invalid(format!(
                "it must start with `{index}==VERSION` or `{npm}==VERSION`"
            ))
        })?;
        // The version becomes a folder name.
        let harmless = |c: char| c.is_ascii_alphanumeric() || ".-+!_".contains(c);
        if !version.starts_with(|c: char| c.is_ascii_digit()) || !version.chars().all(harmless) {
            return Err(invalid("its version is not an exact version".to_owned()));
        }
        let mut hashes = 0;
        for word in words {
            let hash = word.strip_prefix(source.hash()).unwrap_or_default();
            if hash.len() != source.digits() || !hash.chars().all(|c| c.is_ascii_hexdigit()) {
                let option = source.hash();
                return Err(invalid(format!("only `{option}` may follow the version")));
            }
            hashes += 1;
        }
        if hashes == 0 {
            return Err(invalid("it has no hash".to_owned()));
        }
        Ok(Self {
            version: version.to_owned(),
            requirements: requirements.to_owned(),
        })
    }

    /// Returns the pinned version.
    pub fn version(&self) -> &str {
        &self.version
    }

    pub(crate) fn source(&self) -> Source {
        let requirement = words(&self.requirements).next();
        requirement
            .and_then(Source::split)
            .map_or(Source::Index, |(source, _)| source)
    }

    pub(crate) fn requirements(&self) -> &str {
        &self.requirements
    }

    /// Whether this hash, in hexadecimal digits, belongs to a pinned archive.
    pub(crate) fn allows(&self, hash: &str) -> bool {
        let option = self.source().hash();
        words(&self.requirements)
            .filter_map(|word| word.strip_prefix(option))
            .any(|allowed| allowed.eq_ignore_ascii_case(hash))
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
    fn the_archives_of_all_platforms_are_pinned() {
        let source = Pin::default().source();
        let platforms = match source {
            Source::Index => 8,
            Source::Npm => 6,
        };
        let hashes = words(BUNDLED).filter(|word| word.starts_with(source.hash()));
        assert_eq!(hashes.count(), platforms);
    }

    #[test]
    fn a_pin_says_where_its_package_comes_from() {
        for source in [Source::Index, Source::Npm] {
            let hash = "aB".repeat(source.digits() / 2);
            let text = format!("{}==1.0-a {}{hash}", source.package(), source.hash());
            let pin = Pin::parse(&text).unwrap();
            assert_eq!((pin.source(), pin.version()), (source, "1.0-a"));
            assert!(pin.allows(&hash.to_lowercase()));
        }
    }

    #[test]
    fn a_pin_is_exact_and_hashed() {
        let hash = format!("--hash=sha256:{}", "a".repeat(64));
        let npm_hash = format!("--hash=sha512:{}", "a".repeat(128));
        for refused in [
            String::new(),
            "openai-codex-cli-bin==1.0".to_owned(),
            format!("openai-codex-cli-bin>=1.0 {hash}"),
            format!("openai-codex-cli-bin==../up {hash}"),
            format!("openai-codex-cli-bin==1.0/.. {hash}"),
            format!("openai-codex-cli-bin==1.0 {hash} --pre"),
            format!("openai-codex-cli-bin==1.0 {hash}0"),
            format!("openai-codex-cli-bin==1.0 {hash}\nother==1.0 {hash}"),
            "@openai/codex==1.0".to_owned(),
            format!("@openai/codex@1.0 {npm_hash}"),
            format!("@openai/codex==latest {npm_hash}"),
            format!("@openai/codex==1.0 {npm_hash}0"),
            format!("@openai/codex==1.0 {npm_hash} --ignore-scripts=false"),
            format!("@openai/codex==1.0 {hash}"),
            format!("openai-codex-cli-bin==1.0 {npm_hash}"),
            format!("openai-codex-cli-bin==1.0 {hash} @openai/codex==1.0 {npm_hash}"),
        ] {
            assert!(
                matches!(Pin::parse(&refused), Err(Error::InvalidPin { .. })),
                "{refused}"
            );
        }
    }
}
