//! From options to a process: which program, with which arguments, in which environment.

use std::{
    collections::BTreeMap,
    ffi::{OsStr, OsString},
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use tokio::process::Command;

use crate::{
    CodexBuilder, Error, Result,
    builder::CODEX_HOME,
    runtime::{self, Runtime},
    toml_literal,
};

impl CodexBuilder {
    pub(crate) async fn locate(&self) -> Result<Runtime> {
        if let Some(path) = &self.codex_bin {
            return Ok(runtime::explicit(path)?);
        }
        let install = self.install_runtime;
        // Looks at the disk, and may run an installer for minutes.
        let located = tokio::task::spawn_blocking(move || match runtime::locate() {
            Err(runtime::Error::NotInstalled { .. }) if install => runtime::install(|_| {}),
            located => located,
        });
        let located = located.await.map_err(|error| {
            let error = io::Error::other(error);
            Error::Spawn {
                program: PathBuf::from("codex"),
                source: Arc::new(error),
            }
        })?;
        Ok(located?)
    }

    /// The command that starts the runtime.
    pub(crate) fn command(&self, runtime: &Runtime) -> Result<Command> {
        let mut command = Command::new(&runtime.codex);
        if let Some(args) = &self.launch_args {
            command.args(args);
        } else {
            for (key, value) in &self.config {
                let literal = toml_literal::write(value).map_err(|problem| {
                    Error::InvalidInput(format!("`config` of {key:?}: {problem}"))
                })?;
                command.arg("--config").arg(format!("{key}={literal}"));
            }
            command.args(["app-server", "--listen", "stdio://"]);
        }
        if let Some(cwd) = &self.cwd {
            command.current_dir(cwd);
        }
        let env = self.environment(runtime.path_dir.as_deref())?;
        command.env_clear().envs(env);
        Ok(command)
    }

    /// The whole environment of the runtime.
    fn environment(&self, path_dir: Option<&Path>) -> Result<BTreeMap<OsString, OsString>> {
        let mut env: BTreeMap<_, _> = std::env::vars_os()
            .filter(|(key, _)| match &self.inherited {
                Some(allowed) => allowed.iter().any(|name| same_key(name, key)),
                None => true,
            })
            .collect();
        for (key, value) in &self.env {
            env.retain(|other, _| !same_key(other, key));
            env.insert(key.clone(), value.clone());
        }
        let home = env
            .iter_mut()
            .find(|(key, _)| same_key(key, OsStr::new(CODEX_HOME)));
        if let Some((_, home)) = home.filter(|(_, home)| !home.is_empty()) {
            // The runtime would start from its own working folder, which may be another one.
            let path = std::path::absolute(&home).unwrap_or_else(|_| PathBuf::from(&home));
            if !path.is_dir() {
                return Err(Error::HomeMissing { path });
            }
            *home = path.into_os_string();
        }
        if let Some(dir) = path_dir {
            let key = env.keys().find(|key| same_key(key, OsStr::new("PATH")));
            let key = key.cloned().unwrap_or_else(|| OsString::from("PATH"));
            let path = env.get(&key).cloned().unwrap_or_default();
            let rest = std::env::split_paths(&path).filter(|other| other != dir);
            // Only a folder whose name holds the separator fails; the runtime works without it.
            if let Ok(path) = std::env::join_paths(std::iter::once(dir.to_owned()).chain(rest)) {
                env.insert(key, path);
            }
        }
        Ok(env)
    }
}

/// Whether two names are the same variable: Windows ignores their case.
fn same_key(one: &OsStr, other: &OsStr) -> bool {
    if cfg!(windows) {
        one.eq_ignore_ascii_case(other)
    } else {
        one == other
    }
}
