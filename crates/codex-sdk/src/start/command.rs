//! From options to a process: which program, with which arguments, in which environment.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;

use codex_cli_bin as runtime;
use codex_cli_bin::Runtime;
use serde_json::Value;
use tokio::process::Command;
use tokio::sync::oneshot;

use crate::error::{Error, Result};
use crate::start::toml_literal;

/// The variable that names the runtime's home.
pub(super) const CODEX_HOME: &str = "CODEX_HOME";

/// Which process to start, and how.
#[derive(Clone, Default)]
pub(super) struct Launch {
    pub(super) codex_bin: Option<PathBuf>,
    pub(super) install_runtime: bool,
    pub(super) cwd: Option<PathBuf>,
    pub(super) env: BTreeMap<OsString, OsString>,
    /// With `Some`, only these are inherited.
    pub(super) inherited: Option<Vec<OsString>>,
    pub(super) config: Vec<(String, Value)>,
    /// Instead of all others.
    pub(super) args: Option<Vec<OsString>>,
}

impl Launch {
    pub(super) async fn locate(&self) -> Result<Runtime> {
        if let Some(path) = &self.codex_bin {
            return Ok(runtime::explicit(path)?);
        }
        let install = self.install_runtime;
        // Looks at the disk, and may run an installer for minutes. A thread of its own holds up no program's
        // end, and no shutdown of the async runtime, when it is given up.
        let (done, located) = oneshot::channel();
        let locate = move || {
            let _ = done.send(match runtime::locate() {
                Err(runtime::Error::NotInstalled { .. }) if install => runtime::install(|_| {}),
                located => located,
            });
        };
        let thread = thread::Builder::new().name("codex-sdk-locate".to_owned());
        let thread = thread.spawn(locate).map_err(|error| Error::Thread {
            source: Arc::new(error),
        })?;
        if let Ok(located) = located.await {
            return Ok(located?);
        }
        // It sends before it ends, unless it panics.
        let panic = thread.join().err();
        resume_unwind(panic.unwrap_or_else(|| Box::new("looking for the runtime failed")))
    }

    /// The command that starts the runtime.
    pub(super) fn command(&self, runtime: &Runtime) -> Result<Command> {
        let mut command = Command::new(&runtime.codex);
        if let Some(args) = &self.args {
            command.args(args);
        } else {
            // A thread that nobody is subscribed to any more is one that was closed. The runtime would keep it
            // for half an hour.
            command.args(["--config", "thread_unload_delay_secs=0"]);
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
