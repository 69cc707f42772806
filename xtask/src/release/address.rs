//! The repository's address. It is in Cargo.toml, and on each page that shows a `git` dependency.

use anyhow::{Context, Result, ensure};

/// The placeholder until there is an address. `invalid` is reserved and never resolves.
pub(super) const PLACEHOLDER: &str = "https://example.invalid/codex-sdk";

/// The address in the workspace's manifest.
pub(crate) fn current(manifest: &str) -> Result<String> {
    let manifest: toml::Table = manifest.parse().context("reading Cargo.toml")?;
    let address = manifest["workspace"]["package"].get("repository");
    address
        .and_then(|it| it.as_str())
        .map(str::to_owned)
        .context("Cargo.toml has no `repository` under `[workspace.package]`: add it")
}

/// Fails unless the address is valid in a manifest.
pub(super) fn check(url: &str) -> Result<()> {
    let rest = url.strip_prefix("https://").unwrap_or_default();
    let plain = |c: char| c.is_ascii_alphanumeric() || "-._~/:".contains(c);
    ensure!(
        rest.contains('/') && !rest.ends_with('/') && rest.chars().all(plain),
        "{url:?} is no address of a repository: give one such as {PLACEHOLDER}"
    );
    Ok(())
}

/// The line that makes a program depend on the SDK.
pub(super) fn dependency(address: &str, tag: &str) -> String {
    format!("codex-sdk = {{ git = \"{address}\", tag = \"{tag}\"")
}

/// Replaces the old address in a text with the new one; `None` if the text doesn't contain it.
///
/// The old address must match as a whole, not as the start of another.
pub(super) fn fill(text: &str, old: &str, new: &str) -> Option<String> {
    let continues = |c: char| c.is_ascii_alphanumeric() || "-_~/".contains(c);
    let mut filled = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(old) {
        let (before, after) = rest.split_at(at);
        let after = &after[old.len()..];
        filled += before;
        filled += if after.starts_with(continues) {
            old
        } else {
            new
        };
        rest = after;
    }
    filled += rest;
    (filled != text).then_some(filled)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEW: &str = "https://forge.example.org/some/codex-sdk.rs";

    #[test]
    fn the_address_is_filled_in_wherever_it_stands() {
        let manifest = format!("[workspace.package]\nrepository = \"{PLACEHOLDER}\"\n");
        assert_eq!(current(&manifest).unwrap(), PLACEHOLDER);
        let filled = fill(&manifest, PLACEHOLDER, NEW).unwrap();
        assert_eq!(current(&filled).unwrap(), NEW);

        let page = format!("See {PLACEHOLDER}.\n{}", dependency(PLACEHOLDER, "v1.2.3"));
        let filled = fill(&page, PLACEHOLDER, NEW).unwrap();
        assert_eq!(filled, format!("See {NEW}.\n{}", dependency(NEW, "v1.2.3")));
        // It works again when the repository moves.
        assert_eq!(fill(&filled, NEW, PLACEHOLDER).unwrap(), page);
    }

    #[test]
    fn other_addresses_stay() {
        assert_eq!(fill("nothing", PLACEHOLDER, NEW), None);
        let longer = format!("{PLACEHOLDER}-py {PLACEHOLDER}/issues");
        assert_eq!(fill(&longer, PLACEHOLDER, NEW), None);
    }

    #[test]
    fn what_is_no_address_is_refused() {
        check(PLACEHOLDER).unwrap();
        check(NEW).unwrap();
        for url in [
            "",
            "codex-sdk",
            "http://a/b",
            "https://a",
            "https://a/b/",
            "https://a/\"b",
        ] {
            assert!(check(url).is_err(), "{url}");
        }
    }

    #[test]
    fn a_manifest_without_one_says_so() {
        let error = current("[workspace.package]\n").unwrap_err().to_string();
        assert!(error.contains("no `repository`"), "{error}");
    }
}
