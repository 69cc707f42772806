//! `cargo xtask regen`: gets the schema from the pinned runtime, and generates the types from it.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use anyhow::{Context, Result};

use crate::codegen::Files;
use crate::extract::Emitted;
use crate::generate::{Generated, Inputs, generate, sha256};
use crate::history::History;
use crate::model::Overrides;
use crate::problems::Problems;
use crate::retired::Retired;
use crate::{codegen, extract, handlers, history};

/// Regenerates everything, or with `check` fails and lists what would change.
pub fn run(check: bool) -> Result<()> {
    let root = root()?;
    let codex = if check {
        extract::locate()?
    } else {
        Some(extract::locate_or_install()?)
    };
    let emitted = if let Some(codex) = codex {
        let emitted = extract::emit_pinned(&codex)?;
        schema_files(&emitted).ensure(&root, check)?;
        emitted
    } else {
        eprintln!("no runtime is installed: the schema is checked by its hashes only");
        let recorded = recorded(&root)?;
        schema_files(&recorded).ensure(&root, true)?;
        recorded
    };
    let inputs = inputs(&root, emitted)?;
    let problems = Problems::default();
    let Generated { model, files } = generate(&inputs, &problems)?;
    let unhandled = &inputs.overrides.unhandled_requests;
    handlers::check(&root, &model, unhandled, &problems)?;
    problems.refuse()?;
    files.ensure(&root, check)?;
    gates(&root, &inputs.overrides)?.ensure(&root, check)?;
    let verb = if check { "match" } else { "now match" };
    eprintln!(
        "the schema and the types {verb} runtime {}",
        inputs.emitted.version
    );
    Ok(())
}

/// The files of `schema/` that come from the runtime.
pub fn schema_files(emitted: &Emitted) -> Files {
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

/// The gates of `codex-sdk`.
fn gates(root: &Path, overrides: &Overrides) -> Result<Files> {
    let mut files = Files::of(codegen::REGEN);
    let history = fs::read_to_string(root.join(history::FILE)).context(history::FILE)?;
    files.add(
        history::GATES,
        History::parse(&history)?.gates(&overrides.later)?,
    );
    Ok(files)
}

/// The schema that an earlier run left in `schema/`.
pub fn recorded(root: &Path) -> Result<Emitted> {
    Ok(Emitted {
        version: read(root, "RUNTIME_VERSION")?.trim().to_owned(),
        stable: read(root, "stable.json")?,
        experimental: read(root, "experimental.json")?,
    })
}

/// The inputs of a schema: the handwritten overrides and the retired requests.
pub fn inputs(root: &Path, emitted: Emitted) -> Result<Inputs> {
    let retired = fs::read_to_string(root.join("schema/retired.json")).ok();
    Ok(Inputs {
        emitted,
        overrides: Overrides::parse(&read(root, "overrides.toml")?)?,
        retired: Retired::parse(retired.as_deref())?,
    })
}

pub fn read(root: &Path, name: &str) -> Result<String> {
    fs::read_to_string(root.join("schema").join(name))
        .with_context(|| format!("reading schema/{name}"))
}

/// Cargo itself, running in a folder.
pub fn cargo(folder: &Path) -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(folder);
    // What cargo says about this program. The build scripts of some crates would run again because of it, and then
    // once more under a cargo that was called by hand.
    for (key, _) in env::vars_os() {
        let of_cargo = |prefix| key.to_string_lossy().starts_with(prefix);
        if of_cargo("CARGO_PKG_") || of_cargo("CARGO_MANIFEST_") {
            command.env_remove(key);
        }
    }
    command
}

/// The root of the workspace.
pub fn root() -> Result<PathBuf> {
    let xtask = Path::new(env!("CARGO_MANIFEST_DIR"));
    xtask
        .parent()
        .map(Path::to_owned)
        .context("xtask lies in no workspace")
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

    /// The reported problems of these inputs.
    fn told(emitted: &Emitted, overrides: &str) -> String {
        let inputs = Inputs {
            overrides: Overrides::parse(overrides).unwrap(),
            ..inputs(&root().unwrap(), emitted.clone()).unwrap()
        };
        let problems = Problems::default();
        generate(&inputs, &problems).unwrap();
        problems.to_string()
    }

    #[test]
    fn the_checked_in_files_are_what_the_schema_generates() {
        let root = root().unwrap();
        let (emitted, _) = checked_in();
        let problems = Problems::default();
        let generated = generate(&inputs(&root, emitted).unwrap(), &problems).unwrap();
        assert_eq!(problems.to_string(), "");
        generated.files.ensure(&root, true).unwrap();
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
    fn an_entry_that_no_longer_applies_or_is_missing_is_told() {
        let (emitted, overrides) = checked_in();
        for (old, new, message) in [
            (
                "\"ThreadListParams.sectionId\"",
                "\"ThreadListParams.gone\"",
                "there is no longer a field `ThreadListParams.gone`",
            ),
            (
                "\"ThreadListParams.sectionId\"",
                "\"Thread.id\"",
                "`Thread.id` can no longer be absent as well as null",
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
                "`LoginAccountResponseChatgpt.authUrl` looks as if it held a secret: list it in \
                 `secret_fields`, or with a reason in `not_secret`",
            ),
            (
                "\"UserVerificationProof.signature\",",
                "\"UserVerificationProof.credentialId\", \"UserVerificationProof.signature\",",
                "`UserVerificationProof.credentialId` no longer looks like a secret, or is one",
            ),
            (
                "\"UserVerificationProof.credentialId\" =",
                "\"Thread.id\" =",
                "`Thread.id` no longer looks like a secret",
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
            let told = told(&emitted, &changed);
            assert!(told.contains(message), "{told}");
        }
    }

    #[test]
    fn all_problems_are_told_at_once_with_what_to_change() {
        let (emitted, overrides) = checked_in();
        let changed = overrides
            .replace(
                "\"ThreadListParams.sectionId\"",
                "\"ThreadListParams.gone\"",
            )
            .replace("\"account/logout\" = \"LogoutAccountResponse\"\n", "")
            .replace("    \"LoginAccountResponseChatgpt.authUrl\",\n", "");
        let told = told(&emitted, &changed);
        for expected in [
            "1 rule or entry that no longer applies:\n",
            "1 assumption to check:\n",
            "2 things to decide:\n",
            "proposed for schema/overrides.toml:\n",
            "    - \"ThreadListParams.gone\"\n",
            "    + \"LoginAccountResponseChatgpt.authUrl\",\n",
            "    + \"account/logout\" = \"LogoutAccountResponse\"\n",
        ] {
            assert!(told.contains(expected), "{expected}: {told}");
        }
    }

    /// Adds an empty type to the schema.
    fn define(emitted: &mut Emitted, name: &str) {
        let definitions = format!(r#""definitions": {{ "{name}": {{"type": "object"}}, "#);
        let schema = &mut emitted.experimental;
        *schema = schema.replacen("\"definitions\": {", &definitions, 1);
    }

    #[test]
    fn a_response_without_a_method_is_told() {
        let (mut emitted, overrides) = checked_in();
        define(&mut emitted, "OrphanResponse");
        let told = told(&emitted, &overrides);
        assert!(
            told.contains("`OrphanResponse` answers no method"),
            "{told}"
        );
    }

    #[test]
    fn a_companion_whose_name_is_taken_is_told() {
        let (mut emitted, overrides) = checked_in();
        define(&mut emitted, "FsCopyParamsRequired");
        let told = told(&emitted, &overrides);
        assert!(
            told.contains("needs the name for the required fields of `FsCopyParams`"),
            "{told}"
        );
    }
}
