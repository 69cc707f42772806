//! `cargo xtask book`: the pages of `docs` as a searchable book.

use std::io::Write as _;
use std::path::Path;
use std::process::Command;
use std::{fs, io};

use anyhow::{Context, Result, ensure};

use crate::regen::root;
use crate::release::{address, read};
use crate::tool::Tool;

const MDBOOK: Tool = Tool {
    name: "mdbook",
    version: "0.5.4",
    // With search, without serving and watching.
    options: &["--no-default-features", "--features", "search"],
};
/// The page made from the README.
const INTRODUCTION: &str = "introduction.md";

/// Builds the book and prints its location.
pub(crate) fn run(open: bool) -> Result<()> {
    let root = root()?;
    let book = root.join("target/book");
    collect(&root, &book)?;
    let mut command = Command::new(MDBOOK.program(&root)?);
    command.arg("build").arg(&book);
    if open {
        command.arg("--open");
    }
    succeed(&mut command)?;
    let page = book.join("html/index.html");
    writeln!(io::stdout(), "{}", page.display())?;
    Ok(())
}

/// Copies the pages to where mdBook expects them. Links to files that aren't pages lead to the
/// repository.
fn collect(root: &Path, book: &Path) -> Result<()> {
    let docs = root.join("docs");
    let source = book.join("src");
    if source.exists() {
        fs::remove_dir_all(&source)?;
    }
    fs::create_dir_all(&source)?;
    let settings = read(&docs, "book.toml")?;
    fs::write(
        book.join("book.toml"),
        format!("{settings}\n[build]\nbuild-dir = \"html\"\n"),
    )?;
    let address = address::current(&read(root, "Cargo.toml")?)?;
    let repository = format!("{address}/blob/v{}", env!("CARGO_PKG_VERSION"));
    for entry in fs::read_dir(&docs)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_owned();
        if path.extension().is_some_and(|it| it == "md") {
            let page = fs::read_to_string(&path)?;
            let page = page.replace("](../README.md)", &format!("]({INTRODUCTION})"));
            let page = page.replace("](../", &format!("]({repository}/"));
            fs::write(source.join(name), without_items(&page))?;
        } else if ["images", "plots"].iter().any(|it| name == *it) {
            copy(&path, &source.join(name))?;
        }
    }
    fs::write(
        source.join(INTRODUCTION),
        introduction(&read(root, "README.md")?, &repository),
    )?;
    Ok(())
}

/// A page without the links to items, which are names in brackets that only rustdoc resolves.
fn without_items(page: &str) -> String {
    let mut pieces = page.split("[`");
    let mut text = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        match piece.split_once("`]") {
            Some((name, rest)) if !rest.starts_with('(') && !name.contains('\n') => {
                text = text + "`" + name + "`" + rest;
            }
            _ => text = text + "[`" + piece,
        }
    }
    text
}

/// The README as a page; its links to other pages stay within the book.
fn introduction(readme: &str, repository: &str) -> String {
    let mut pieces = readme.split("](");
    let mut page = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let place = match piece.strip_prefix("docs/") {
            Some(page) => page.to_owned(),
            None if piece.starts_with("http") || piece.starts_with('#') => piece.to_owned(),
            None => format!("{repository}/{piece}"),
        };
        page = page + "](" + &place;
    }
    page
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        fs::copy(entry.path(), to.join(entry.file_name()))?;
    }
    Ok(())
}

fn succeed(command: &mut Command) -> Result<()> {
    let status = command
        .status()
        .with_context(|| format!("{} can't be run", command.get_program().display()))?;
    ensure!(
        status.success(),
        "{}: {status}",
        command.get_program().display()
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    #[test]
    fn only_links_that_lead_somewhere_stay() {
        let page = "[`a::b`], [`c`](c.md) and [`d`]: `e[0]`";
        assert_eq!(
            super::without_items(page),
            "`a::b`, [`c`](c.md) and `d`: `e[0]`"
        );
    }

    #[test]
    fn links_of_the_readme_lead_to_pages_or_to_the_repository() {
        let readme =
            "[a](docs/a.md) [b](tests/b.rs) ![c](docs/images/c.svg) [d](https://d) [e](#e)";
        assert_eq!(
            super::introduction(readme, "https://r/blob/v1"),
            "[a](a.md) [b](https://r/blob/v1/tests/b.rs) ![c](images/c.svg) [d](https://d) [e](#e)"
        );
    }
}
