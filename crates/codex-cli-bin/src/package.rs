use std::fs;
use std::path::{Component, Path, PathBuf};

use serde::Deserialize;

use crate::{Flaw, Origin, Runtime, access};

/// The package's folder in a `site-packages` or `pip --target` folder.
pub(crate) const FOLDER: &str = "codex_cli_bin";
/// The name of its metadata folder, before the version.
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
        if !is_below(&root, &manifest.entrypoint) {
            return Err(Flaw::Outside(manifest.entrypoint));
        }
        if !root.join(&manifest.entrypoint).is_file() {
            return Err(Flaw::Incomplete(manifest.entrypoint));
        }
        if let Some(dir) = manifest
            .path_dir
            .as_ref()
            .filter(|dir| !is_below(&root, dir))
        {
            return Err(Flaw::Outside(dir.clone()));
        }
        Ok(Self { root, manifest })
    }

    /// Checks that it is this version, and that no other user may change it or the folders that
    /// contain it.
    pub(crate) fn check(&self, version: &str, folders: &[&Path]) -> Result<(), Flaw> {
        if self.version() != version {
            return Err(Flaw::Version(self.version().to_owned()));
        }
        match access::exposed(folders, &self.root) {
            Ok(None) => Ok(()),
            Ok(Some(path)) => Err(Flaw::Exposed(path)),
            Err(_) => Err(Flaw::Incomplete(FOLDER.to_owned())),
        }
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

/// Whether this path stays below the folder, links included; a path that doesn't exist leads
/// nowhere else.
fn is_below(folder: &Path, path: &str) -> bool {
    let is_relative = Path::new(path)
        .components()
        .all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
    let leads_out = || match (folder.canonicalize(), folder.join(path).canonicalize()) {
        (Ok(folder), Ok(path)) => !path.starts_with(folder),
        _ => false,
    };
    is_relative && !leads_out()
}
