//! The Rust blocks of the pages and of the SDK's documentation, as modules of the program `recipes`. Those
//! that rustdoc runs itself aren't among them.

use std::fmt::Write;
use std::path::Path;
use std::{fs, io};

/// Compared with the tests that it shows, block by block (`tests/it/testing_your_app.rs`).
const COMPARED: &str = "testing-your-app";

/// Writes them into a file of modules, with a list of them.
pub(crate) fn write(file: &Path) -> io::Result<()> {
    let mut recipes = Recipes::default();
    recipes.page("readme", &fs::read_to_string("../README.md")?);
    for page in sorted("../docs")? {
        let stem = page.file_stem().unwrap_or_default().to_string_lossy();
        if page.extension().is_some_and(|kind| kind == "md") && stem != COMPARED {
            recipes.page(&stem.replace('-', "_"), &fs::read_to_string(&page)?);
        }
    }
    for folder in sorted("../crates")? {
        let name = folder.file_name().unwrap_or_default().to_string_lossy();
        let page = fs::read_to_string(folder.join("README.md"))?;
        recipes.page(&name.replace('-', "_"), &page);
    }
    recipes.sources(Path::new("../crates/codex-sdk/src"), "")?;
    let list = recipes.list;
    fs::write(
        file,
        format!(
            "{}\npub const ALL: &[(&str, Option<Recipe>)] = &[{list}];",
            recipes.modules
        ),
    )
}

fn sorted(folder: impl AsRef<Path>) -> io::Result<Vec<std::path::PathBuf>> {
    let entries = fs::read_dir(folder)?.map(|entry| Ok(entry?.path()));
    let mut paths = entries.collect::<io::Result<Vec<_>>>()?;
    paths.sort();
    Ok(paths)
}

#[derive(Default)]
struct Recipes {
    modules: String,
    list: String,
    names: Vec<String>,
}

impl Recipes {
    fn page(&mut self, name: &str, text: &str) {
        self.blocks(name, text, |info| info.starts_with("rust"));
    }

    /// The documentation in all files below this folder.
    fn sources(&mut self, folder: &Path, name: &str) -> io::Result<()> {
        for path in sorted(folder)? {
            let stem = path.file_stem().unwrap_or_default().to_string_lossy();
            let name = match &*stem {
                "mod" => name.to_owned(),
                _ if name.is_empty() => stem.into_owned(),
                _ => format!("{name}_{stem}"),
            };
            if path.is_dir() {
                self.sources(&path, &name)?;
                continue;
            }
            let source = fs::read_to_string(&path)?;
            let docs = source.lines().map(|line| {
                let line = line.trim_start();
                let doc = line
                    .strip_prefix("///")
                    .or_else(|| line.strip_prefix("//!"));
                doc.map_or("", |doc| doc.strip_prefix(' ').unwrap_or(doc))
            });
            let docs: Vec<_> = docs.collect();
            // What is neither is run by rustdoc, or must not compile.
            let unrun = |info: &str| info.contains("no_run") || info.contains("ignore");
            self.blocks(&name, &docs.join("\n"), unrun);
        }
        Ok(())
    }

    fn blocks(&mut self, file: &str, text: &str, wanted: impl Fn(&str) -> bool) {
        let text = format!("\n{text}");
        let mut parts = text.split("\n```").skip(1);
        while let Some(part) = parts.next() {
            let (info, block) = part.split_once('\n').unwrap_or((part, ""));
            if wanted(info) {
                // What rustdoc hides is part of it.
                let shown = block.lines().map(|line| match line {
                    "#" => "",
                    _ => line.strip_prefix("# ").unwrap_or(line),
                });
                self.add(file, &shown.collect::<Vec<_>>().join("\n"));
            }
            // The text behind its end.
            parts.next();
        }
    }

    fn add(&mut self, file: &str, block: &str) {
        let (name, called) = called(block);
        let mut path = format!("{file}::{name}");
        let namesakes = self.names.iter().filter(|it| **it == path).count();
        self.names.push(path.clone());
        if namesakes > 0 {
            let _ = write!(path, "_{}", namesakes + 1);
        }
        let module = path.replace("::", "_");
        let recipe = called.map(|text| {
            let _ = writeln!(self.modules, "pub mod {module} {{\n{text}\n}}");
            format!("{module}::recipe")
        });
        let recipe = recipe.map_or("None".to_owned(), |recipe| format!("Some({recipe})"));
        let _ = write!(self.list, "({path:?}, {recipe}),");
    }
}

/// The name of the first function in a block, and the block with a function `recipe` that calls it. There is
/// none if it takes something else than what a reader has at that point: a client, a thread, a prompt.
fn called(block: &str) -> (&str, Option<String>) {
    let function = block.lines().find_map(|line| {
        let (before, after) = line.split_once("fn ")?;
        let (name, rest) = after.split_once('(')?;
        let parameters = rest.split_once(')')?.0;
        matches!(before, "" | "async ").then_some((before, name, parameters))
    });
    let recipe = |body: &str| format!("pub fn recipe() -> anyhow::Result<()> {{ {body} }}");
    let Some((before, name, parameters)) = function else {
        let body = format!("crate::outcome((|| {{\n{block}\n}})())");
        return ("block", Some(recipe(&body)));
    };
    let Some(arguments) = arguments(parameters) else {
        return (name, None);
    };
    let call = format!("{name}({arguments})");
    let body = match (before, name) {
        ("async ", "main") | ("", _) if arguments.is_empty() => format!("crate::outcome({call})"),
        ("async ", _) => {
            let settings = setting(&arguments);
            let explained = explained(block);
            format!(
                "crate::block_on(async {{ {settings} let outcome = {call}.await; {explained} \
                 crate::outcome(outcome) }})"
            )
        }
        _ => format!("let (codex, thread) = crate::blocking_thread()?; crate::outcome({call})"),
    };
    (name, Some(format!("{block}\n{}", recipe(&body))))
}

fn arguments(parameters: &str) -> Option<String> {
    let parameters = parameters.split(", ").filter(|it| !it.is_empty());
    let arguments = parameters.map(|parameter| {
        let borrowed = if parameter.contains('&') { "&" } else { "" };
        Some(match parameter.split_once(':')?.0 {
            "codex" => format!("{borrowed}codex"),
            "thread" => format!("{borrowed}thread"),
            "thread_id" => "thread.id()".to_owned(),
            "prompt" => "\"Hello?\"".to_owned(),
            _ => return None,
        })
    });
    Some(arguments.collect::<Option<Vec<_>>>()?.join(", "))
}

/// Where these arguments come from.
fn setting(arguments: &str) -> &'static str {
    match (arguments.contains("codex"), arguments.contains("thread")) {
        (false, false) => "",
        (true, false) => "let codex = crate::client().await?;",
        (false, true) => "let (_codex, thread) = crate::thread().await?;",
        (true, true) => "let (codex, thread) = crate::stored_thread().await?;",
    }
}

/// The call of a second function, which is for the error of the first one.
fn explained(block: &str) -> &'static str {
    if block.contains("fn explain(error: &Error)") {
        "if let Err(error) = &outcome { explain(error); return Ok(()); }"
    } else {
        ""
    }
}
