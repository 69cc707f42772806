//! `cargo xtask regen`: schema from the pinned runtime, types from the schema.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};

use crate::codegen::Files;
use crate::emit::{self, Provenance};
use crate::extract::{self, Emitted};
use crate::fields;
use crate::model::{Model, Overrides};
use crate::normalise;

/// Regenerates everything, or with `check` fails with what would change.
pub fn run(check: bool) -> Result<()> {
    let root = root()?;
    let emitted = match extract::locate() {
        Some(codex) => {
            let emitted = extract::emit(&codex)?;
            schema_files(&emitted).ensure(&root, check)?;
            emitted
        }
        None => {
            eprintln!("no runtime found: the schema is taken as it is checked in");
            let recorded = recorded(&root)?;
            // Nothing else may write it, so it must match its hashes.
            schema_files(&recorded).ensure(&root, true)?;
            recorded
        }
    };
    let overrides = read(&root, "overrides.toml")?;
    generate(&emitted, &overrides)?.ensure(&root, check)
}

/// All generated files.
fn generate(emitted: &Emitted, overrides: &str) -> Result<Files> {
    let overrides = Overrides::parse(overrides)?;
    let complete = normalise::complete(&serde_json::from_str(&emitted.experimental)?)?;
    let stable = normalise::subset(&serde_json::from_str(&emitted.stable)?)?;
    let model = Model::build(&complete, &stable, &overrides)?;
    for path in overrides.unreviewed(&model) {
        eprintln!("warning: is null something else than absence for `{path}`? List it in schema/overrides.toml");
    }
    let provenance =
        Provenance { runtime_version: emitted.version.clone(), schema_sha256: sha256(&emitted.experimental) };
    let files = emit::files(&model, &provenance)?;
    files.texts().try_for_each(|it| fields::assert_no_inventions(it))?;
    Ok(files)
}

/// The files of `schema/` that come from the runtime.
fn schema_files(emitted: &Emitted) -> Files {
    let mut files = Files::default();
    let mut sums = String::new();
    for (name, text) in [("experimental.json", &emitted.experimental), ("stable.json", &emitted.stable)] {
        let _ = writeln!(sums, "{}  {name}", sha256(text));
        files.add(format!("schema/{name}"), text.clone());
    }
    files.add("schema/SHA256SUMS", sums);
    files.add("schema/RUNTIME_VERSION", format!("{}\n", emitted.version));
    files
}

/// What an earlier run left in `schema/`.
fn recorded(root: &Path) -> Result<Emitted> {
    Ok(Emitted {
        version: read(root, "RUNTIME_VERSION")?.trim().to_owned(),
        stable: read(root, "stable.json")?,
        experimental: read(root, "experimental.json")?,
    })
}

fn read(root: &Path, name: &str) -> Result<String> {
    fs::read_to_string(root.join("schema").join(name)).with_context(|| format!("reading schema/{name}"))
}

/// The root of the workspace.
fn root() -> Result<PathBuf> {
    let xtask = Path::new(env!("CARGO_MANIFEST_DIR"));
    xtask.parent().map(Path::to_owned).context("xtask lies in no workspace")
}

fn sha256(text: &str) -> String {
    Sha256::digest(text).iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}
