//! Switches the checkout from one state to another, even if it is interrupted.
//!
//! The new files are collected in a folder below `target`. Renaming that folder marks them as complete.
//! Then they move to their places; after an interruption, the next run continues from that folder.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::codegen::Files;

/// Where the files are collected, and where they are once complete.
const MAKING: &str = "target/bump/making";
const READY: &str = "target/bump/ready";

/// Puts all files in their places, or none of them.
pub fn switch(root: &Path, files: &Files) -> Result<()> {
    let (making, ready) = (root.join(MAKING), root.join(READY));
    remove(&making)?;
    files.ensure(&making.join("files"), false)?;
    let strays: Vec<_> = files.strays(root)?.into_iter().collect();
    fs::write(making.join("strays"), serde_json::to_string(&strays)?)?;
    fs::rename(&making, &ready).context("completing the bump")?;
    apply(root, &ready)
}

/// Resumes an interrupted switch; returns whether there was one.
pub fn resume(root: &Path) -> Result<bool> {
    let ready = root.join(READY);
    if !ready.exists() {
        return Ok(false);
    }
    apply(root, &ready)?;
    Ok(true)
}

fn apply(root: &Path, ready: &Path) -> Result<()> {
    let files = ready.join("files");
    place(root, &files, Path::new(""))?;
    let strays = fs::read_to_string(ready.join("strays")).unwrap_or_default();
    let strays: Vec<PathBuf> = serde_json::from_str(&strays).unwrap_or_default();
    for stray in strays {
        // An interrupted switch may have removed it.
        let _ = fs::remove_file(root.join(stray));
    }
    remove(ready)
}

/// Moves each file in a folder to its place.
fn place(root: &Path, files: &Path, folder: &Path) -> Result<()> {
    for entry in fs::read_dir(files.join(folder))? {
        let entry = entry?;
        let path = folder.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            fs::create_dir_all(root.join(&path))?;
            place(root, files, &path)?;
        } else {
            fs::rename(entry.path(), root.join(&path))
                .with_context(|| format!("replacing {}", path.display()))?;
        }
    }
    Ok(())
}

fn remove(folder: &Path) -> Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("removing {}", folder.display()))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files() -> Files {
        let mut files = Files::of("cargo xtask this");
        files.own("made");
        files.add("made/deep/a", "new a".to_owned());
        files.add("b", "new b".to_owned());
        files
    }

    fn checkout() -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join("made")).unwrap();
        fs::write(root.path().join("made/stray"), "").unwrap();
        fs::write(root.path().join("b"), "old b").unwrap();
        root
    }

    fn is_switched(root: &Path) -> bool {
        let is =
            |name: &str, text: &str| fs::read_to_string(root.join(name)).is_ok_and(|it| it == text);
        is("made/deep/a", "new a") && is("b", "new b") && !root.join("made/stray").exists()
    }

    #[test]
    fn a_switch_replaces_all_and_leaves_nothing() {
        let root = checkout();
        switch(root.path(), &files()).unwrap();
        assert!(is_switched(root.path()));
        assert!(!root.path().join(READY).exists());
        assert!(!resume(root.path()).unwrap());
    }

    #[test]
    fn a_switch_that_was_interrupted_goes_on_where_it_was() {
        let root = checkout();
        let (root, ready) = (root.path(), root.path().join(READY));
        files().ensure(&ready.join("files"), false).unwrap();
        fs::write(ready.join("strays"), "[\"made/stray\"]").unwrap();
        // One file was already placed.
        fs::rename(ready.join("files/b"), root.join("b")).unwrap();
        assert!(resume(root).unwrap());
        assert!(is_switched(root));
        assert!(!ready.exists());
    }

    #[test]
    fn a_switch_that_was_not_complete_changes_nothing() {
        let root = checkout();
        files().ensure(&root.path().join(MAKING), false).unwrap();
        assert!(!resume(root.path()).unwrap());
        assert_eq!(fs::read_to_string(root.path().join("b")).unwrap(), "old b");
        switch(root.path(), &files()).unwrap();
        assert!(is_switched(root.path()));
    }
}
