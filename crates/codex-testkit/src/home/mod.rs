//! An isolated `CODEX_HOME` for one test.

use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{fs, io, thread};

mod builder;
mod location;

pub use builder::CodexHomeBuilder;

/// A `CODEX_HOME` with its own workspace, both removed on drop.
///
/// The folders are below the build's target folder, because the runtime refuses to put its helper
/// programs below the system's temporary folder. The first existing one is used:
/// `CARGO_TARGET_TMPDIR`, `CARGO_TARGET_DIR`, the target folder around the running program, then
/// `target` in the current folder or above it. If none exists, it is the user's cache folder, then
/// the current folder.
///
/// The configuration opens connections only to the model: plugins are off and nothing is retried.
#[derive(Debug)]
pub struct CodexHome {
    root: PathBuf,
    home: PathBuf,
    workspace: PathBuf,
    user: PathBuf,
}

/// Why a [`CodexHome`] couldn't be built or changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HomeError {
    /// A folder or file can't be created, read or written.
    #[error("cannot set up the isolated home")]
    Io(#[from] io::Error),
    /// The configuration that a test adds, or the existing one, isn't TOML.
    #[error("the configuration is not valid TOML")]
    Config(#[from] toml::de::Error),
    /// The configuration can't be written as TOML.
    #[error("the configuration cannot be written as TOML")]
    Write(#[from] toml::ser::Error),
    /// A path isn't UTF-8, which the runtime's configuration and environment require.
    #[error("the path {} is not UTF-8; set CARGO_TARGET_DIR to one that is", .0.display())]
    NotUtf8(PathBuf),
}

impl CodexHome {
    /// Starts with the defaults described in [`CodexHomeBuilder`].
    pub fn builder() -> CodexHomeBuilder {
        CodexHomeBuilder::default()
    }

    /// Returns the folder for `CODEX_HOME`.
    pub fn path(&self) -> &Path {
        &self.home
    }

    /// Returns an empty folder for the runtime's working directory.
    pub fn workspace(&self) -> &Path {
        &self.workspace
    }

    /// Returns the environment variables that isolate the runtime from the user's own set-up. They
    /// also set an empty user home, to keep the tools' shells from reading a profile. A program with
    /// these variables still finds the runtime that is installed for the user.
    pub fn env(&self) -> Vec<(String, String)> {
        let home = self.home.display().to_string();
        let user = self.user.display().to_string();
        let user_home = if cfg!(windows) { "USERPROFILE" } else { "HOME" };
        let mut env: Vec<(String, String)> = [
            ("CODEX_HOME", home.as_str()),
            (user_home, user.as_str()),
            ("CODEX_APP_SERVER_DISABLE_MANAGED_CONFIG", "1"),
            ("RUST_LOG", "warn"),
            ("OPENAI_API_KEY", ""),
        ]
        .map(|(name, value)| (name.into(), value.into()))
        .into();
        // The default is below the user's home, which these variables replace.
        if let Ok(folder) = codex_cli_bin::data_dir() {
            let folder = folder.display().to_string();
            env.push(("CODEX_SDK_RUNTIME_DIR".into(), folder));
        }
        env
    }

    /// Returns the text of `config.toml`, including later changes by the runtime.
    ///
    /// # Errors
    ///
    /// If the file can't be read.
    pub fn config(&self) -> Result<String, HomeError> {
        Ok(fs::read_to_string(self.config_path())?)
    }

    /// Merges TOML text into `config.toml`: tables are merged, other values replaced.
    ///
    /// # Errors
    ///
    /// If the text isn't TOML or the file can't be read or written.
    pub fn merge_config(&self, text: &str) -> Result<(), HomeError> {
        let mut config = self.config()?.parse()?;
        builder::merge(&mut config, text.parse()?);
        Ok(fs::write(self.config_path(), toml::to_string(&config)?)?)
    }

    fn config_path(&self) -> PathBuf {
        self.home.join("config.toml")
    }
}

impl Drop for CodexHome {
    /// Removes the folders; retries for up to a second, because a dying runtime may still be
    /// writing.
    fn drop(&mut self) {
        for _ in 0..20 {
            if fs::remove_dir_all(&self.root).is_ok() {
                return;
            }
            thread::sleep(Duration::from_millis(50));
        }
    }
}
