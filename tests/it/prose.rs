//! Phrases that no engineer says, and what to say instead: in the pages, the documentation and the messages.

use std::fs;
use std::path::{Path, PathBuf};

/// As they are in running text, in lower case.
const PHRASES: [(&str, &str); 19] = [
    ("tells of ", "reports"),
    ("tell of ", "report"),
    ("told of ", "is told"),
    ("goes to `tracing`", "is logged through `tracing`"),
    ("in silence", "silently"),
    ("mend ", "fix"),
    (" is had", "is opened"),
    (" are had", "are opened"),
    ("last words", "stderr ended with"),
    ("answered truly", "gets the true answer"),
    ("be done beside", "excludes"),
    ("belong into", "put … in"),
    ("belongs into", "put … in"),
    ("what nobody else has", "how it compares"),
    ("without a network", "offline"),
    ("a person with", "somebody with"),
    ("the turn brought", "the turn produced"),
    ("it brought", "it produced"),
    ("awaiting it brings", "awaiting it returns"),
];

/// Where people read: pages, and sources for what they document and print.
const PLACES: [&str; 9] = [
    "README.md",
    "ARCHITECTURE.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    "SECURITY.md",
    "docs",
    "crates",
    "xtask/src",
    "examples",
];

#[test]
fn nothing_is_said_that_nobody_would_say() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut files = Vec::new();
    for place in PLACES {
        collect(&root.join(place), &mut files);
    }
    assert!(files.len() > 200, "{} files", files.len());
    let mut found = Vec::new();
    for file in files {
        let text = running(&fs::read_to_string(&file).unwrap());
        for (phrase, instead) in PHRASES {
            for (at, _) in text.match_indices(phrase) {
                let around: String = text[..at].chars().rev().take(40).collect();
                let around: String = around.chars().rev().collect();
                found.push(format!(
                    "{}: …{around}[{phrase}]: {instead}",
                    file.display()
                ));
            }
        }
    }
    assert!(found.is_empty(), "{found:#?}");
}

/// The files below a place that are ours to write.
fn collect(place: &Path, files: &mut Vec<PathBuf>) {
    if place.is_dir() {
        for entry in fs::read_dir(place).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy();
            // What comes from the schema, what comes from the code, and what isn't read by people.
            if !["generated", "api", "tests"].contains(&&*name) {
                collect(&path, files);
            }
        }
    } else if place.extension().is_some_and(|it| it == "md" || it == "rs") {
        files.push(place.to_owned());
    }
}

/// Text without its line breaks and marks of comments, in lower case.
fn running(text: &str) -> String {
    let lines = text.lines().map(|line| {
        let line = line.trim_start();
        let line = line.trim_start_matches("//").trim_start_matches(['/', '!']);
        line.trim()
    });
    lines.collect::<Vec<_>>().join(" ").to_lowercase()
}
