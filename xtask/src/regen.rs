//! `cargo xtask regen`: schema from the pinned runtime, types from the schema.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};

use crate::codegen::Files;
use crate::emit::Provenance;
use crate::extract::Emitted;
use crate::model::{Model, Overrides};
use crate::{codegen, emit, extract, fields, normalise};

/// Regenerates everything, or with `check` fails with what would change.
pub fn run(check: bool) -> Result<()> {
    let root = root()?;
    let codex = if check {
        extract::locate()?
    } else {
        Some(extract::locate_or_install()?)
    };
    let emitted = if let Some(codex) = codex {
        let emitted = extract::emit(&codex)?;
        schema_files(&emitted).ensure(&root, check)?;
        emitted
    } else {
        eprintln!("no runtime is installed: the schema is checked by its hashes only");
        let recorded = recorded(&root)?;
        schema_files(&recorded).ensure(&root, true)?;
        recorded
    };
    let overrides = read(&root, "overrides.toml")?;
    generate(&emitted, &overrides)?.ensure(&root, check)?;
    let verb = if check { "match" } else { "now match" };
    eprintln!(
        "the schema and the types {verb} runtime {}",
        emitted.version
    );
    Ok(())
}

/// All generated files.
fn generate(emitted: &Emitted, overrides: &str) -> Result<Files> {
    let overrides = Overrides::parse(overrides)?;
    let complete = normalise::complete(&serde_json::from_str(&emitted.experimental)?)?;
    let stable = normalise::subset(&serde_json::from_str(&emitted.stable)?)?;
    let model = Model::build(&complete, &stable, &overrides)?;
    for path in overrides.unreviewed(&model) {
        eprintln!(
            "warning: is null something else than absence for `{path}`? List it in schema/overrides.toml"
        );
    }
    let provenance = Provenance {
        runtime_version: emitted.version.clone(),
        schema_sha256: sha256(&emitted.experimental),
    };
    let files = emit::files(&model, &provenance)?;
    files
        .texts()
        .try_for_each(|it| fields::assert_no_inventions(it))?;
    Ok(files)
}

/// The files of `schema/` that come from the runtime.
fn schema_files(emitted: &Emitted) -> Files {
    let mut files = Files::of(codegen::REGEN);
    let mut sums = String::new();
    for (name, text) in [
        ("experimental.json", &emitted.experimental),
        ("stable.json", &emitted.stable),
    ] {
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
    fs::read_to_string(root.join("schema").join(name))
        .with_context(|| format!("reading schema/{name}"))
}

/// The root of the workspace.
pub fn root() -> Result<PathBuf> {
    let xtask = Path::new(env!("CARGO_MANIFEST_DIR"));
    xtask
        .parent()
        .map(Path::to_owned)
        .context("xtask lies in no workspace")
}

fn sha256(text: &str) -> String {
    Sha256::digest(text)
        .iter()
        .fold(String::new(), |mut hex, byte| {
            let _ = write!(hex, "{byte:02x}");
            hex
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The checked-in schema and overrides.
    fn checked_in() -> (Emitted, String) {
        let root = root().unwrap();
        (
            recorded(&root).unwrap(),
            read(&root, "overrides.toml").unwrap(),
        )
    }

    fn failure(emitted: &Emitted, overrides: &str) -> String {
        format!(
            "{:#}",
            generate(emitted, overrides).map(|_| ()).unwrap_err()
        )
    }

    #[test]
    fn the_checked_in_files_are_what_the_schema_generates() {
        let (emitted, overrides) = checked_in();
        generate(&emitted, &overrides)
            .unwrap()
            .ensure(&root().unwrap(), true)
            .unwrap();
    }

    #[test]
    fn a_changed_byte_of_the_schema_fails_its_hash() {
        let (mut emitted, _) = checked_in();
        emitted.stable.push('\n');
        let folder = tempfile::tempdir().unwrap();
        schema_files(&emitted).ensure(folder.path(), false).unwrap();
        fs::write(
            folder.path().join("schema/stable.json"),
            emitted.stable.trim_end(),
        )
        .unwrap();
        let found = recorded(folder.path()).unwrap();
        let error = schema_files(&found)
            .ensure(folder.path(), true)
            .unwrap_err()
            .to_string();
        assert!(error.contains("SHA256SUMS"), "{error}");
    }

    #[test]
    fn an_override_that_no_longer_applies_fails() {
        let (emitted, overrides) = checked_in();
        for (old, new, message) in [
            (
                "\"ThreadListParams.sectionId\"",
                "\"ThreadListParams.gone\"",
                "there is no field `ThreadListParams.gone`",
            ),
            (
                "\"ThreadListParams.sectionId\"",
                "\"Thread.id\"",
                "`Thread.id` cannot be absent as well as null",
            ),
            (
                "\"account/logout\"",
                "\"account/gone\"",
                "no rule finds the response of `account/logout`",
            ),
            (
                "\"windowsSandbox/readiness\"",
                "\"thread/start\"",
                "names the params of `thread/start`",
            ),
            (
                "\"LoginAccountResponseChatgpt.authUrl\",",
                "",
                "look as if they held secrets. List each in schema/overrides.toml, in \
                 `secret_fields`, or with a reason in `not_secret`: LoginAccountResponseChatgpt.authUrl",
            ),
            (
                "\"UserVerificationProof.signature\",",
                "\"UserVerificationProof.credentialId\", \"UserVerificationProof.signature\",",
                "`UserVerificationProof.credentialId` doesn't look like a secret any more, or is one",
            ),
            (
                "\"UserVerificationProof.credentialId\" =",
                "\"Thread.id\" =",
                "`Thread.id` doesn't look like a secret any more",
            ),
            (
                "\"Config.*\"",
                "\"Thread.*\"",
                "`Thread.*` has no such entries",
            ),
            (
                "openai/form",
                "openai/gone",
                "two types want the name `McpServerElicitationRequestParamsOpenaiForm`",
            ),
        ] {
            let changed = overrides.replace(old, new);
            assert_ne!(changed, overrides);
            let error = failure(&emitted, &changed);
            assert!(error.contains(message), "{error}");
        }
    }

    /// Adds an empty type to the schema.
    fn define(emitted: &mut Emitted, name: &str) {
        let definitions = format!(r#""definitions": {{ "{name}": {{"type": "object"}}, "#);
        let schema = &mut emitted.experimental;
        *schema = schema.replacen("\"definitions\": {", &definitions, 1);
    }

    #[test]
    fn a_response_without_a_method_fails() {
        let (mut emitted, overrides) = checked_in();
        define(&mut emitted, "OrphanResponse");
        assert_eq!(
            failure(&emitted, &overrides),
            "`OrphanResponse` answers 0 methods, not 1"
        );
    }

    #[test]
    fn a_companion_whose_name_is_taken_fails() {
        let (mut emitted, overrides) = checked_in();
        define(&mut emitted, "FsCopyParamsRequired");
        let error = failure(&emitted, &overrides);
        assert!(
            error.contains("needs the name for the required fields of `FsCopyParams`"),
            "{error}"
        );
    }
}
