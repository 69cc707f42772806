//! The pages: what they print is what is printed, and what they point to is there.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use codex_e2e::{blocks, demo};
use tokio::io::AsyncWriteExt;

use crate::examples::{command, within};

/// The root of the repository.
fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// Whether the line is the pattern, in which each `…` stands for anything.
fn fits(pattern: &str, line: &str) -> bool {
    let mut parts = pattern.split('…');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = line.strip_prefix(first) else {
        return false;
    };
    let parts: Vec<_> = parts.collect();
    let Some((last, between)) = parts.split_last() else {
        return rest.is_empty();
    };
    for part in between {
        let Some(at) = rest.find(part) else {
            return false;
        };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(last)
}

/// Runs the demo that a block shows, and compares. A line of the block that is `y` was typed.
async fn compare(block: &str) {
    let (prompt, shown) = block.split_once('\n').unwrap();
    let demo = prompt.strip_prefix("$ cargo xtask demo ").unwrap();
    let (name, arguments) = demo.split_once(" -- ").unwrap_or((demo, ""));
    let mut arguments: Vec<_> = arguments.split_whitespace().collect();

    // The quickstart has its own script: a stage keeps it from everything else.
    let mut of = name;
    if name == "quickstart" {
        arguments.push("--scripted");
        of = "turn_result";
    }
    let stage = demo::stage(of, None).await.unwrap();
    let mut run = command(&stage, name, &arguments).await;
    let mut child = run
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(b"y\n").await.unwrap();
    let output = within(child.wait_with_output()).await.unwrap();
    // It found something, as it should.
    let code = i32::from(name == "ci_review");
    assert_eq!(output.status.code(), Some(code), "{name}: {output:?}");

    let printed = String::from_utf8(output.stdout).unwrap();
    let printed: Vec<_> = printed.lines().collect();
    let shown: Vec<_> = shown.lines().filter(|line| *line != "y").collect();
    let fit = printed.len() == shown.len()
        && shown
            .iter()
            .zip(&printed)
            .all(|(pattern, line)| fits(pattern, line));
    assert!(
        fit,
        "{name} is shown as\n{shown:#?}\nand prints\n{printed:#?}"
    );
}

#[codex_e2e_macros::test]
async fn the_pages_show_what_the_examples_print() {
    let mut compared = 0;
    for page in ["walkthrough.md", "getting-started.md", "cookbook.md"] {
        let page = fs::read_to_string(root().join("docs").join(page)).unwrap();
        for block in blocks(&page, "console") {
            compare(block).await;
            compared += 1;
        }
    }
    assert!(compared >= 10, "{compared} blocks");
}

/// All pages for people.
fn pages() -> Vec<PathBuf> {
    let docs = fs::read_dir(root().join("docs")).unwrap();
    let docs = docs.map(|entry| entry.unwrap().path());
    let own = [
        "README.md",
        "ARCHITECTURE.md",
        "CONTRIBUTING.md",
        "CHANGELOG.md",
        "SECURITY.md",
        "docs/parity/behaviours.md",
    ];
    let own = own.map(|name| root().join(name));
    let examples = root().join("crates/codex-sdk/examples/README.md");
    let pages = docs.chain(own).chain([examples]);
    let is_page = |path: &PathBuf| path.extension().is_some_and(|kind| kind == "md");
    pages.filter(is_page).collect()
}

#[test]
fn the_links_of_the_pages_lead_to_files_that_are_there() {
    let mut links = 0;
    for path in pages() {
        let page = fs::read_to_string(&path).unwrap();
        let targets = page.split("](").skip(1);
        let targets = targets
            .filter_map(|rest| rest.split_once(')'))
            .map(|(link, _)| link);
        for target in targets.filter(|target| !target.contains(':') && !target.starts_with('#')) {
            let (file, _) = target.split_once('#').unwrap_or((target, ""));
            let there = path.parent().unwrap().join(file).exists();
            assert!(there, "{} links to {target}", path.display());
            links += 1;
        }
    }
    assert!(links > 50, "{links} links");
}

#[test]
fn the_book_has_every_page() {
    let contents = fs::read_to_string(root().join("docs/SUMMARY.md")).unwrap();
    for entry in fs::read_dir(root().join("docs")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        let is_page = path.extension().is_some_and(|it| it == "md") && name != "SUMMARY.md";
        assert!(
            !is_page || contents.contains(&format!("]({name})")),
            "docs/SUMMARY.md lacks {name}"
        );
    }
}

/// The names of tests stand in backticks. A word there with as many parts as only a test's name has is one.
#[test]
fn the_tests_that_the_pages_name_are_there() {
    let mut sources = String::new();
    for folder in [
        "tests/it",
        "crates/codex-sdk/tests/it",
        "crates/codex-types/tests/it",
    ] {
        read_all(&root().join(folder), &mut sources);
    }
    for folder in [
        "crates/codex-cli-bin/tests/it",
        "crates/codex-testkit/tests/it",
    ] {
        read_all(&root().join(folder), &mut sources);
    }
    let is_name = |word: &&str| {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        word.chars().all(plain) && !word.starts_with('_') && word.matches('_').count() >= 4
    };
    for page in [
        "README.md",
        "docs/comparison.md",
        "docs/migrating-from-python.md",
        "docs/faq.md",
    ] {
        let text = fs::read_to_string(root().join(page)).unwrap();
        let named: BTreeSet<_> = text.split('`').filter(is_name).collect();
        for name in named {
            // A macro may write the function.
            let found = sources.contains(&format!("fn {name}("))
                || sources.contains(&format!(" {name}: \""));
            let is_option = name == "login_chatgpt_device_code";
            assert!(found || is_option, "{page} names {name}");
        }
    }
}

fn read_all(folder: &Path, sources: &mut String) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            read_all(&path, sources);
        } else {
            sources.push_str(&fs::read_to_string(path).unwrap());
        }
    }
}
