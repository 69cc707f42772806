//! The documentation of this crate includes pages that lie outside of it, where Cargo wouldn't see them
//! change. Some are read as they are, without rustdoc: their names of items aren't written as links. The
//! copies made here have them as links, so that rustdoc finds a name that is gone.

use std::path::PathBuf;
use std::{env, fs, io};

#[path = "build/recipes.rs"]
mod recipes;

fn main() -> io::Result<()> {
    for path in ["../README.md", "../docs", "../crates"] {
        println!("cargo::rerun-if-changed={path}");
    }
    let out = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default());
    for page in ["faq.md", "migrating-from-python.md"] {
        let text = fs::read_to_string(PathBuf::from("../docs").join(page))?;
        fs::write(out.join(page), linked(&text))?;
    }
    recipes::write(&out.join("recipes.rs"))
}

/// The page with each path of an item as a link, such as `Codex::start`. What stands in a fence stays.
fn linked(page: &str) -> String {
    let mut fenced = false;
    let lines = page.lines().map(|line| {
        let fence = line.starts_with("```");
        fenced ^= fence;
        if fenced || fence {
            return line.to_owned();
        }
        let parts = line.split('`').enumerate().map(|(at, part)| match at % 2 {
            0 => part.to_owned(),
            _ if is_path(part) => format!("[`{part}`]"),
            _ => format!("`{part}`"),
        });
        parts.collect()
    });
    lines.map(|line: String| line + "\n").collect()
}

fn is_path(code: &str) -> bool {
    let of_path = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
    code.contains("::") && code.chars().all(of_path)
}
