//! Where handwritten files state the runtime's version and the protocol's size.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};

use crate::codegen::Files;
use crate::model::Model;

/// A file, and its texts with placeholders for figures.
type Place = (&'static str, &'static [&'static str]);

const PLACES: &[Place] = &[
    (
        "Cargo.toml",
        &[
            "\nversion = \"{version}\"\n",
            "codex-cli-bin\", version = \"={version}\"",
            "codex-types\", version = \"={version}\"",
            "codex-sdk\", version = \"={version}\"",
            "codex-testkit\", version = \"={version}\"",
        ],
    ),
    (
        "crates/codex-cli-bin/src/lib.rs",
        &["pub const RUNTIME_VERSION: &str = \"{version}\";"],
    ),
    (
        "crates/codex-cli-bin/README.md",
        &["`{package}`, {version},"],
    ),
    (
        "crates/codex-types/README.md",
        &[
            "{methods} methods with their responses, {notifications} notifications, {requests} server requests",
            "The version is the runtime's, {version}.",
        ],
    ),
    (
        "crates/codex-sdk/README.md",
        &["The version is the runtime's, {version}."],
    ),
    (
        "crates/codex-sdk/examples/streaming_events.rs",
        &["There are {notifications} kinds"],
    ),
    (
        "README.md",
        &[
            "tag = \"v{version}\"",
            "{methods} methods, {notifications} notifications and {requests} server requests",
        ],
    ),
    (
        "docs/guide.md",
        &[
            "tag = \"v{version}\"",
            "Each of the protocol's {methods} methods",
        ],
    ),
    ("docs/scaling.md", &["tag = \"v{version}\""]),
    ("docs/cookbook.md", &["ref: v{version}"]),
    (
        "docs/runtime.md",
        &["The runtime is the package `{package}`, version {version}."],
    ),
    ("docs/images/terminal.svg", &["Codex {version}, model "]),
    (
        "docs/walkthrough.md",
        &[
            "\nCodex {version}, model ",
            "There are {notifications} kinds of them",
        ],
    ),
    (
        "docs/faq.md",
        &["the Codex runtime {version} is not installed"],
    ),
];

/// The figures that change with a bump.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Figures {
    pub package: String,
    pub version: String,
    pub methods: usize,
    pub notifications: usize,
    pub requests: usize,
}

impl Figures {
    /// The figures of a protocol. Requests that only older runtimes send count, because they have types.
    pub fn of(package: &str, version: &str, model: &Model) -> Self {
        Self {
            package: package.to_owned(),
            version: version.to_owned(),
            methods: model.client_requests.len(),
            notifications: model.server_notifications.len(),
            requests: model.server_requests.len(),
        }
    }

    fn fill(&self, text: &str) -> String {
        [
            ("{package}", self.package.clone()),
            ("{version}", self.version.clone()),
            ("{methods}", self.methods.to_string()),
            ("{notifications}", self.notifications.to_string()),
            ("{requests}", self.requests.to_string()),
        ]
        .iter()
        .fold(text.to_owned(), |text, (name, value)| {
            text.replace(name, value)
        })
    }
}

/// Returns the files with the new figures. A place without the old ones is an error: somebody moved it.
pub fn update(root: &Path, old: &Figures, new: &Figures, files: &mut Files) -> Result<()> {
    for (file, templates) in PLACES {
        let mut text = read(root, file)?;
        for template in *templates {
            let (before, now) = (old.fill(template), new.fill(template));
            ensure!(
                text.contains(&before),
                "{file} no longer says {before:?}: correct it, or the list in xtask/src/bump/places.rs"
            );
            text = text.replace(&before, &now);
        }
        files.add(*file, text);
    }
    let lock = read(root, "Cargo.lock")?;
    files.add("Cargo.lock", lock_of(&lock, &old.version, &new.version));
    Ok(())
}

/// The lock file with a new version for the workspace members, which are the packages without a source.
fn lock_of(lock: &str, old: &str, new: &str) -> String {
    let (old, new) = (
        format!("version = \"{old}\""),
        format!("version = \"{new}\""),
    );
    let packages = lock.split("[[package]]").map(|package| {
        let is_member = !package.contains("\nsource = ");
        if is_member {
            package.replace(&old, &new)
        } else {
            package.to_owned()
        }
    });
    packages.collect::<Vec<_>>().join("[[package]]")
}

fn read(root: &Path, file: &str) -> Result<String> {
    fs::read_to_string(root.join(file)).with_context(|| format!("reading {file}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generate::generate;
    use crate::packages;
    use crate::problems::Problems;
    use crate::regen::{inputs, recorded, root};

    #[test]
    fn every_place_is_where_it_is_said() {
        let root = root().unwrap();
        let inputs = inputs(&root, recorded(&root).unwrap()).unwrap();
        let model = generate(&inputs, &Problems::default()).unwrap().model;
        let pin = read(&root, "crates/codex-cli-bin/requirements.txt").unwrap();
        let version = &inputs.emitted.version;
        let figures = Figures::of(packages::package(&pin), version, &model);
        let mut files = Files::of("cargo xtask bump");
        update(&root, &figures, &figures, &mut files).unwrap();
        // The figures didn't change, so neither do the files.
        files.ensure(&root, true).unwrap();
    }

    #[test]
    fn only_members_of_the_workspace_change_in_the_lock_file() {
        let lock = "# x\n\n[[package]]\nname = \"a\"\nversion = \"0.1.0\"\nsource = \"s\"\n\n\
            [[package]]\nname = \"b\"\nversion = \"0.1.0\"\n";
        let changed = lock_of(lock, "0.1.0", "0.2.0");
        assert!(
            changed.contains("name = \"a\"\nversion = \"0.1.0\""),
            "{changed}"
        );
        assert!(
            changed.contains("name = \"b\"\nversion = \"0.2.0\""),
            "{changed}"
        );
    }
}
