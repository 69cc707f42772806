use std::{
    fs,
    path::{Path, PathBuf},
};

use serde::Deserialize;

use crate::{Flaw, Origin, Runtime};

/// The folder of the package in a `site-packages` or `pip --target` folder.
pub(crate) const FOLDER: &str = "codex_cli_bin";
/// What the folder of its metadata is called, before the version.
pub(crate) const DISTRIBUTION: &str = "openai_codex_cli_bin";
const MANIFEST: &str = "codex-package.json";

/// An unpacked package whose manifest was read and whose entry point exists.
pub(crate) struct Package {
    root: PathBuf,
    manifest: Manifest,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Manifest {
    version: String,
    target: String,
    entrypoint: String,
    path_dir: Option<String>,
}

impl Package {
    pub(crate) fn open(site: &Path) -> Result<Self, Flaw> {
        let root = site.join(FOLDER);
        let manifest: Manifest = fs::read(root.join(MANIFEST))
            .ok()
            .and_then(|json| serde_json::from_slice(&json).ok())
            .ok_or_else(|| Flaw::Incomplete(MANIFEST.to_owned()))?;
        if !root.join(&manifest.entrypoint).is_file() {
            return Err(Flaw::Incomplete(manifest.entrypoint));
        }
        Ok(Self { root, manifest })
    }

    pub(crate) fn version(&self) -> &str {
        &self.manifest.version
    }

    pub(crate) fn target(&self) -> &str {
        &self.manifest.target
    }

    pub(crate) fn codex(&self) -> PathBuf {
        self.root.join(&self.manifest.entrypoint)
    }

    pub(crate) fn into_runtime(self, origin: Origin) -> Runtime {
        let path_dir = self.manifest.path_dir.as_ref();
        Runtime {
            codex: self.codex(),
            path_dir: path_dir
                .map(|dir| self.root.join(dir))
                .filter(|dir| dir.is_dir()),
            version: Some(self.manifest.version),
            origin,
        }
    }
}
