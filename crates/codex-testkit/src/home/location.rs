use std::path::{Path, PathBuf};
use std::{env, fs, io};

use etcetera::BaseStrategy as _;

/// The file with which Cargo marks its target folder.
const TARGET_MARK: &str = "CACHEDIR.TAG";

/// Creates a fresh folder in a place that the runtime accepts for a home.
pub(super) fn create() -> io::Result<PathBuf> {
    let parent = parent()?.join("codex-testkit");
    fs::create_dir_all(&parent)?;
    let folder = tempfile::Builder::new()
        .prefix("home-")
        .tempdir_in(&parent)?;
    // The runtime compares resolved paths. On Windows, resolving would give the verbatim form,
    // which many programs handle badly.
    if cfg!(windows) {
        std::path::absolute(folder.keep())
    } else {
        folder.keep().canonicalize()
    }
}

fn parent() -> io::Result<PathBuf> {
    let named = ["CARGO_TARGET_TMPDIR", "CARGO_TARGET_DIR"];
    let mut named = named.iter().filter_map(env::var_os).map(PathBuf::from);
    if let Some(folder) = named.find(|folder| folder.is_dir()) {
        return Ok(folder);
    }
    let around = env::current_exe().ok();
    let around = around.as_deref().and_then(target_around);
    if let Some(folder) = around {
        return Ok(folder.to_owned());
    }
    let current = env::current_dir()?;
    let mut targets = current.ancestors().map(|folder| folder.join("target"));
    if let Some(folder) = targets.find(|folder| is_target(folder)) {
        return Ok(folder);
    }
    let user = etcetera::choose_base_strategy().ok();
    Ok(user.map_or(current, |user| user.cache_dir()))
}

fn target_around(program: &Path) -> Option<&Path> {
    program.ancestors().skip(1).find(|folder| is_target(folder))
}

fn is_target(folder: &Path) -> bool {
    folder.join(TARGET_MARK).is_file()
}
