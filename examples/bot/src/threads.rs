//! Which thread belongs to which room, in a file.
//!
//! The runtime lists threads by what their users have asked for, and these have no user: so the bot notes their ids.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::{fs, io};

use anyhow::{Context as _, Result};

#[derive(Clone)]
pub(crate) struct Threads(Arc<Mutex<Stored>>);

struct Stored {
    file: PathBuf,
    ids: BTreeMap<String, String>,
}

impl Threads {
    /// Reads the file, if there is one.
    pub(crate) fn open(file: PathBuf) -> Result<Self> {
        let ids = match fs::read(&file) {
            Ok(bytes) => serde_json::from_slice(&bytes),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(BTreeMap::new()),
            Err(error) => Err(serde_json::Error::io(error)),
        };
        let ids = ids.with_context(|| format!("{} can't be read", file.display()))?;
        Ok(Self(Arc::new(Mutex::new(Stored { file, ids }))))
    }

    pub(crate) fn of(&self, room: &str) -> Option<String> {
        let stored = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        stored.ids.get(room).cloned()
    }

    /// Notes a room's thread. A crash leaves the old file or the new one.
    pub(crate) fn note(&self, room: &str, id: &str) -> io::Result<()> {
        let mut stored = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        stored.ids.insert(room.to_owned(), id.to_owned());
        let new = stored.file.with_extension("new");
        fs::write(&new, serde_json::to_vec_pretty(&stored.ids)?)?;
        fs::rename(new, &stored.file)
    }
}
