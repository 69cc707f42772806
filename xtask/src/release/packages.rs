//! The crates to publish, in order, and the packages that cargo makes from them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;

use super::{Release, output};
use crate::regen::cargo;

/// The files that each package must contain. Each crate has a copy of the root's licence: cargo includes one from
/// outside the crate only if the manifest doesn't name a licence.
const HOLDS: [&str; 3] = ["Cargo.toml", "LICENSE", "README.md"];

/// A crate of the workspace, from `cargo metadata`.
#[derive(Debug, Deserialize)]
pub(super) struct Package {
    pub(super) name: String,
    pub(super) version: String,
    description: Option<String>,
    license: Option<String>,
    repository: Option<String>,
    /// Empty if it must not be published; absent if it can be published anywhere.
    publish: Option<Vec<String>>,
    dependencies: Vec<Dependency>,
    features: BTreeMap<String, Vec<String>>,
    targets: Vec<Target>,
    manifest_path: PathBuf,
}

#[derive(Debug, Deserialize)]
struct Dependency {
    name: String,
    req: String,
    /// Present only for a crate in this workspace.
    path: Option<PathBuf>,
}

#[derive(Debug, Deserialize)]
struct Target {
    name: String,
    kind: Vec<String>,
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
    target_directory: PathBuf,
}

impl Package {
    /// `name-version`: its file name without the extension, and the folder inside it.
    pub(super) fn stem(&self) -> String {
        format!("{}-{}", self.name, self.version)
    }

    /// The name that programs use, whatever name it is published under.
    pub(super) fn library(&self) -> &str {
        let library = |it: &&Target| it.kind.iter().any(|it| it == "lib");
        self.targets
            .iter()
            .find(library)
            .map_or(&self.name, |it| &it.name)
    }

    pub(super) fn features(&self) -> impl Iterator<Item = &str> {
        self.features.keys().map(String::as_str)
    }

    /// The packages that must be published before it. A path without a version, as for a crate's own tests, isn't
    /// published.
    fn needs(&self) -> impl Iterator<Item = &Dependency> {
        let within = |it: &&Dependency| it.path.is_some() && it.req != "*";
        self.dependencies.iter().filter(within)
    }

    /// Fails unless it has this version, and depends on exactly this version of its siblings.
    pub(super) fn check_versions(&self, version: &str) -> Result<()> {
        ensure!(
            self.version == version,
            "{} is {}, and not {version}: write `version.workspace = true` in its manifest",
            self.name,
            self.version
        );
        let exactly = format!("={version}");
        for needed in self.needs() {
            ensure!(
                needed.req == exactly,
                "{} needs {} {}: write `{exactly}` in the root's Cargo.toml",
                self.name,
                needed.name,
                needed.req
            );
        }
        Ok(())
    }

    /// Fails unless its manifest has what a registry shows.
    pub(super) fn check_metadata(&self, repository: &str) -> Result<()> {
        let named = self.repository.as_deref() == Some(repository);
        ensure!(
            named && self.description.is_some() && self.license.is_some(),
            "the manifest of {} lacks its description, `license.workspace` or `repository.workspace`: add it",
            self.name
        );
        Ok(())
    }
}

/// The target folder, and the crates to publish, in order.
pub(super) fn read(root: &Path) -> Result<(PathBuf, Vec<Package>)> {
    let mut command = cargo(root);
    command.args(["metadata", "--format-version=1", "--no-deps", "--locked"]);
    let metadata: Metadata = serde_json::from_str(&output(&mut command)?)?;
    Ok((metadata.target_directory, in_order(metadata.packages)?))
}

/// Removes unpublished crates, and puts each of the others after its dependencies.
fn in_order(mut packages: Vec<Package>) -> Result<Vec<Package>> {
    packages.retain(|it| it.publish.as_ref().is_none_or(|it| !it.is_empty()));
    packages.sort_by(|a, b| a.name.cmp(&b.name));
    let mut ordered: Vec<Package> = Vec::new();
    let mut there = BTreeSet::new();
    while !packages.is_empty() {
        let ready = |it: &Package| it.needs().all(|it| there.contains(&it.name));
        let Some(next) = packages.iter().position(ready) else {
            let names: Vec<_> = packages.iter().map(|it| it.name.as_str()).collect();
            bail!(
                "{} can't be published: each needs another of them, or one that isn't published",
                names.join(", ")
            );
        };
        let next = packages.remove(next);
        there.insert(next.name.clone());
        ordered.push(next);
    }
    Ok(ordered)
}

/// Makes the packages and checks their contents.
pub(super) fn step(release: &Release) -> Result<String> {
    pack(release)?;
    for package in &release.packages {
        let held = files(package, release)?;
        for name in HOLDS {
            ensure!(
                held.contains(name),
                "the package of {} has no {name}: add it to the crate's folder",
                package.name
            );
        }
        let Some(folder) = package.manifest_path.parent() else {
            bail!("{} has no folder", package.name);
        };
        ensure!(
            fs::read(folder.join("LICENSE"))? == fs::read(release.root.join("LICENSE"))?,
            "the LICENSE of {} isn't the repository's: copy that one",
            package.name
        );
    }
    let names: Vec<_> = release.packages.iter().map(|it| it.name.as_str()).collect();
    Ok(format!("{}, each with its licence", names.join(", ")))
}

/// Packs all of them into the target folder. A later step builds them.
fn pack(release: &Release) -> Result<()> {
    let mut command = cargo(&release.root);
    command.args(["package", "--no-verify", "--offline", "--locked"]);
    command.args(release.dry_run.then_some("--allow-dirty"));
    for package in &release.packages {
        command.args(["--package", &package.name]);
    }
    output(&mut command)?;
    Ok(())
}

/// Copies a package into the folder and unpacks it there.
pub(super) fn unpack(package: &Package, release: &Release, folder: &Path) -> Result<()> {
    let name = format!("{}.crate", package.stem());
    let packed = release.target.join("package").join(&name);
    fs::copy(&packed, folder.join(&name))
        .with_context(|| format!("{} isn't there", packed.display()))?;
    // A relative name: some versions take anything before a colon for a host.
    let mut tar = Command::new("tar");
    tar.args(["-xzf", &name]).current_dir(folder);
    output(&mut tar)?;
    Ok(())
}

/// The files at the top level of a package.
fn files(package: &Package, release: &Release) -> Result<BTreeSet<String>> {
    let folder = tempfile::tempdir()?;
    unpack(package, release, folder.path())?;
    let entries = fs::read_dir(folder.path().join(package.stem()))?;
    let names = entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()));
    names.collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn package(name: &str, publish: bool, needs: &[(&str, &str)]) -> Package {
        let dependency =
            |(name, req): &(&str, &str)| json!({ "name": name, "req": req, "path": "" });
        let dependencies: Vec<_> = needs.iter().map(dependency).collect();
        let package = json!({
            "name": name,
            "version": "1.0.0",
            "publish": if publish { json!(null) } else { json!([]) },
            "dependencies": dependencies,
            "features": {},
            "targets": [],
            "manifest_path": "",
        });
        serde_json::from_value(package).unwrap()
    }

    #[test]
    fn each_comes_after_what_it_needs_and_the_private_ones_not_at_all() {
        let packages = vec![
            package("client", true, &[("kit", "=1.0.0"), ("types", "=1.0.0")]),
            package("kit", true, &[("types", "=1.0.0"), ("kit", "*")]),
            package("tasks", false, &[("client", "=1.0.0")]),
            package("types", true, &[]),
        ];
        let ordered = in_order(packages).unwrap();
        let names: Vec<_> = ordered.iter().map(|it| it.name.as_str()).collect();
        assert_eq!(names, ["types", "kit", "client"]);
    }

    #[test]
    fn a_circle_or_a_private_sibling_fails() {
        let circle = vec![
            package("a", true, &[("b", "=1.0.0")]),
            package("b", true, &[("a", "=1.0.0")]),
        ];
        assert!(
            in_order(circle)
                .unwrap_err()
                .to_string()
                .starts_with("a, b can't")
        );
        let private = vec![
            package("a", true, &[("b", "=1.0.0")]),
            package("b", false, &[]),
        ];
        assert!(
            in_order(private)
                .unwrap_err()
                .to_string()
                .starts_with("a can't")
        );
    }

    #[test]
    fn all_have_one_version() {
        let client = package("client", true, &[("types", "=1.0.0")]);
        client.check_versions("1.0.0").unwrap();
        assert!(client.check_versions("1.0.1").is_err());
        let loose = package("client", true, &[("types", "^1.0.0")]);
        let error = loose.check_versions("1.0.0").unwrap_err().to_string();
        assert!(error.contains("write `=1.0.0`"), "{error}");
    }
}
