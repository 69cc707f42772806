//! What the crate is made of, and what it keeps away from.

use std::fs;
use std::path::Path;

/// What a browser doesn't have, and what types don't need.
const OUTSIDE: [&str; 9] = [
    "env", "fs", "io", "net", "os", "process", "thread", "time", "*",
];

#[test]
fn it_depends_on_serde_and_serde_json_only() {
    let manifest = include_str!("../../Cargo.toml");
    let mut section = "";
    let mut found = Vec::new();
    for line in manifest.lines() {
        if line.starts_with('[') {
            section = line;
        } else if section.contains("dependencies") && section != "[dev-dependencies]" {
            let name = line.split(['.', ' ', '=']).next().unwrap();
            found.extend((!name.is_empty()).then_some((section, name)));
        }
    }
    assert_eq!(
        found,
        [
            ("[dependencies]", "serde"),
            ("[dependencies]", "serde_json")
        ]
    );
}

#[test]
fn it_does_no_io_and_asks_for_no_time() {
    let mut files = Vec::new();
    sources(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("src"),
        &mut files,
    );
    assert!(files.len() > 20, "{files:?}");
    for (name, text) in files {
        let outside: Vec<_> = modules_of_std(&text)
            .into_iter()
            .filter(|it| OUTSIDE.contains(&it.as_str()))
            .collect();
        assert!(outside.is_empty(), "{name} uses std::{outside:?}");
    }
}

#[test]
fn uses_are_found_however_they_are_written() {
    let source =
        "use std::{fmt,\n    fs::{self, File}, };\nuse ::std ::net::TcpStream; mystd::env::x();
        let now = std::time::Instant::now(); use std::*;";
    assert_eq!(modules_of_std(source), ["fmt", "fs", "net", "time", "*"]);
}

fn sources(folder: &Path, files: &mut Vec<(String, String)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, files);
        } else {
            files.push((
                path.display().to_string(),
                fs::read_to_string(&path).unwrap(),
            ));
        }
    }
}

/// The modules of `std` that a source names.
fn modules_of_std(source: &str) -> Vec<String> {
    let mut source = source.split_whitespace().collect::<Vec<_>>().join(" ");
    for (spaced, tight) in [(" ::", "::"), (":: ", "::")] {
        source = source.replace(spaced, tight);
    }
    let mut modules = Vec::new();
    for (position, _) in source.match_indices("std::") {
        let part_of_a_name = |it: char| it.is_alphanumeric() || it == '_';
        if source[..position].ends_with(part_of_a_name) {
            continue;
        }
        let path = &source[position + "std::".len()..];
        match path.strip_prefix('{') {
            Some(group) => modules.extend(group_of(group).iter().map(|it| first_name(it))),
            None => modules.push(first_name(path)),
        }
    }
    modules
}

/// The paths of a group, up to its end.
fn group_of(text: &str) -> Vec<&str> {
    let mut depth = 0;
    let mut start = 0;
    let mut paths = Vec::new();
    for (position, character) in text.char_indices() {
        match character {
            '{' => depth += 1,
            '}' if depth > 0 => depth -= 1,
            ',' | '}' if depth == 0 => {
                paths.push(text[start..position].trim());
                start = position + 1;
                if character == '}' {
                    break;
                }
            }
            _ => {}
        }
    }
    paths.retain(|it| !it.is_empty());
    paths
}

fn first_name(path: &str) -> String {
    let name = |it: &char| it.is_alphanumeric() || matches!(it, '_' | '*');
    path.chars().take_while(name).collect()
}
