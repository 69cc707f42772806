//! `cargo xtask regen --codex PATH`: generates the types for another runtime.
//!
//! The checkout stays unchanged. A separate folder gets the schema, the types and their tests, as a
//! workspace that compiles by itself.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use toml_edit::{Array, DocumentMut, value};

use crate::codegen::Files;
use crate::extract::Emitted;
use crate::generate::generate;
use crate::problems::Problems;
use crate::regen::{inputs, read, root, schema_files};
use crate::{codegen, entries, extract};

/// The crate that is copied; generated files replace their originals.
const CRATE: &str = "crates/codex-types";

pub fn run(codex: &Path, out: Option<&Path>) -> Result<()> {
    let root = root()?;
    let emitted = extract::emit(codex)?;
    let folder = out.map_or_else(
        || root.join("target/trial").join(&emitted.version),
        Path::to_owned,
    );
    let problems = Problems::default();
    write(&root, &emitted, &folder, &problems)?;
    eprint!("{problems}");
    let manifest = folder.join("Cargo.toml");
    eprintln!(
        "the types of runtime {} are in {}; test them: cargo test --manifest-path {}",
        emitted.version,
        folder.display(),
        manifest.display()
    );
    Ok(())
}

/// Fills the folder.
fn write(root: &Path, emitted: &Emitted, folder: &Path, problems: &Problems) -> Result<()> {
    let generated = generate(&inputs(root, emitted.clone())?, problems)?;
    let mut copied = Files::of(codegen::REGEN);
    copied.add("Cargo.toml", manifest(root, &emitted.version)?);
    copied.add("Cargo.lock", text(&root.join("Cargo.lock"))?);
    copy(root, Path::new(CRATE), &mut copied)?;
    // Its tests read the decisions, so write them as proposed.
    let overrides = read(root, "overrides.toml")?;
    let overrides = entries::changed(&overrides, problems.all().iter())?;
    copied.add("schema/overrides.toml", overrides);
    copied.ensure(folder, false)?;
    schema_files(emitted).ensure(folder, false)?;
    generated.files.ensure(folder, false)
}

/// Adds every file of a folder.
fn copy(root: &Path, folder: &Path, files: &mut Files) -> Result<()> {
    for entry in fs::read_dir(root.join(folder))? {
        let entry = entry?;
        let path = folder.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(root, &path, files)?;
        } else {
            files.add(&path, text(&root.join(&path))?);
        }
    }
    Ok(())
}

/// The workspace's manifest, for the types alone.
fn manifest(root: &Path, version: &str) -> Result<String> {
    let mut manifest: DocumentMut = text(&root.join("Cargo.toml"))?.parse()?;
    let workspace = &mut manifest["workspace"];
    workspace["members"] = value(Array::from_iter([CRATE]));
    workspace["package"]["version"] = value(version);
    let table = workspace.as_table_mut().context("no [workspace]")?;
    table.remove("default-members");
    let dependencies = workspace["dependencies"].as_table_mut();
    dependencies
        .context("no dependencies of the workspace")?
        .retain(|_, it| it.get("path").is_none());
    Ok(manifest.to_string())
}

fn text(path: &PathBuf) -> Result<String> {
    fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))
}
