//! The test names that pages may mention.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// All test functions in the end-to-end suites, in the crates' suites and sources, and in `xtask`.
pub fn all(root: &Path) -> Result<BTreeSet<String>> {
    let mut pending = vec![root.join("tests/it"), root.join("xtask/src")];
    for package in entries(&root.join("crates"))? {
        let folders = [package.join("tests/it"), package.join("src")];
        pending.extend(folders.into_iter().filter(|folder| folder.is_dir()));
    }
    let mut names = BTreeSet::new();
    while let Some(path) = pending.pop() {
        if path.is_dir() {
            pending.extend(entries(&path)?);
        } else if path.extension().is_some_and(|it| it == "rs") {
            let text =
                fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
            names.extend(names_in(&text).map(str::to_owned));
        }
    }
    Ok(names)
}

/// Whether a test exists that a page names by its full name in backticks, or by its beginning and `…`.
/// `None` if the text is neither.
pub fn exists(test: &str, tests: &BTreeSet<String>) -> Option<bool> {
    test.strip_prefix('`')?.strip_suffix('`')?;
    Some(tests.iter().any(|name| stands_for(test, name)))
}

/// Whether this text on a page names the test.
pub fn stands_for(test: &str, name: &str) -> bool {
    let test = test.trim_matches('`');
    match test.strip_suffix('…') {
        // A number alone, without the `_` after it, would also match longer numbers.
        Some(beginning) => beginning.ends_with('_') && name.starts_with(beginning),
        None => name == test,
    }
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder).with_context(|| format!("reading {}", folder.display()))?;
    entries.map(|entry| Ok(entry?.path())).collect()
}

/// The functions marked as tests.
fn names_in(text: &str) -> impl Iterator<Item = &str> {
    let mut marked = false;
    text.lines().map(str::trim).filter_map(move |line| {
        let attributes = ["#[test]", "#[tokio::test", "#[codex_e2e_macros::test"];
        if attributes.iter().any(|it| line.starts_with(it)) {
            marked = true;
        }
        let (before, after) = line.split_once("fn ")?;
        let is_function = matches!(before, "" | "async ");
        let (name, _) = after.split_once('(').filter(|_| is_function)?;
        std::mem::take(&mut marked).then_some(name)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_functions_that_are_marked_are_tests() {
        // This file is read too: its own text must not look like tests.
        let text = "
            fn helper() {}
            @[test]
            @[expect(clippy::float_cmp, reason = \"in fn exact(it)\")]
            fn one() {}
            @[tokio::test(start_paused = true)]
            async fn two() { fn inner() {} }
            async fn three() {}
            @[codex_e2e_macros::test]
            async fn four() {}";
        let text = text.replace('@', "#");
        assert_eq!(names_in(&text).collect::<Vec<_>>(), ["one", "two", "four"]);
    }
}
