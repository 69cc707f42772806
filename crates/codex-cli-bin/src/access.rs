//! Who may change the files of a runtime.

use std::fs;
use std::fs::Metadata;
use std::io;
use std::path::{Path, PathBuf};

/// The first of these folders and of everything below `below` that anyone but this user and root may change.
pub(crate) fn exposed(folders: &[&Path], below: &Path) -> io::Result<Option<PathBuf>> {
    for folder in folders {
        if is_exposed(&fs::metadata(folder)?) {
            return Ok(Some(folder.to_path_buf()));
        }
    }
    exposed_below(below)
}

fn exposed_below(path: &Path) -> io::Result<Option<PathBuf>> {
    // For a link, its target counts.
    if is_exposed(&fs::metadata(path)?) {
        return Ok(Some(path.to_owned()));
    }
    if !fs::symlink_metadata(path)?.is_dir() {
        return Ok(None);
    }
    for entry in fs::read_dir(path)? {
        if let Some(found) = exposed_below(&entry?.path())? {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

#[cfg(unix)]
fn is_exposed(metadata: &Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;

    let user = nix::unistd::geteuid().as_raw();
    let (owner, group, mode) = (metadata.uid(), metadata.gid(), metadata.mode());
    // Where each user has a group with the user's own number, that user is its only member.
    let is_private_group = user != 0 && group == user;
    // In a sticky folder, such as the temporary one, nobody can replace another user's files.
    let is_sticky = metadata.is_dir() && mode & 0o1000 != 0;
    let by_group = mode & 0o020 != 0 && !is_private_group && !is_sticky;
    let by_others = mode & 0o002 != 0 && !is_sticky;
    (owner != user && owner != 0) || by_group || by_others
}

/// On Windows, the files in a user's folder already belong to that user.
#[cfg(not(unix))]
fn is_exposed(_: &Metadata) -> bool {
    false
}

/// Removes write access for everybody but the owner, whatever the installer's umask was.
#[cfg(unix)]
pub(crate) fn close(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;

    let mut permissions = fs::metadata(path)?.permissions();
    let mode = permissions.mode();
    if mode & 0o022 != 0 {
        permissions.set_mode(mode & !0o022);
        fs::set_permissions(path, permissions)?;
    }
    Ok(())
}

#[cfg(not(unix))]
pub(crate) fn close(_: &Path) -> io::Result<()> {
    Ok(())
}

/// Creates a folder and its parents, writable only by this user.
pub(crate) fn create_folder(path: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o755);
    builder.recursive(true).create(path)
}
