//! From options to a process: its program, arguments, folder and environment.

use std::ffi::OsString;
use std::iter::once;
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
use crate::start::environment::{Environment, has};
use crate::start::overrides;

/// The key for how long a thread without subscribers stays loaded.
const UNLOAD_DELAY: &str = "thread_unload_delay_secs";
/// Its value on a server, in seconds. Unloading a thread interrupts a turn that was accepted and hasn't begun,
/// as is the case for some milliseconds when a client starts one and leaves.
const SERVED: u32 = 10;
/// Where a child listens.
pub(super) const STDIO: &str = "stdio://";

/// Which process to start, and how.
#[derive(Clone, Default)]
pub(crate) struct Launch {
    pub(super) codex_bin: Option<PathBuf>,
    pub(super) install_runtime: bool,
    pub(super) cwd: Option<PathBuf>,
    pub(super) env: Environment,
    pub(super) config: Vec<(String, Value)>,
    /// Replaces all other arguments.
    pub(super) args: Option<Vec<OsString>>,
}

impl Launch {
    /// Refuses what can't be passed on unchanged, before anything is looked up or started.
    pub(crate) fn check(&self) -> Result<()> {
        self.arguments(&[])?;
        self.env.variables(None)?;
        for path in [&self.codex_bin, &self.cwd].into_iter().flatten() {
            if has(path.as_os_str(), 0) {
                let path = path.to_string_lossy();
                return Err(invalid(format!("the path {path:?} has NUL in it")));
            }
        }
        // The runtime would start in another folder, and then fail to open a thread.
        let folder = self.cwd.as_deref().unwrap_or(Path::new("."));
        let folder = folder
            .canonicalize()
            .or_else(|_| std::path::absolute(folder))
            .unwrap_or_else(|_| folder.to_owned());
        match folder.to_str() {
            Some(_) => Ok(()),
            None => Err(invalid(format!(
                "the runtime's folder {} is not valid UTF-8, which the protocol needs: choose another one with `cwd`",
                folder.display()
            ))),
        }
    }

    pub(crate) async fn locate(&self) -> Result<Runtime> {
        if let Some(path) = &self.codex_bin {
            return Ok(runtime::explicit(path)?);
        }
        let install = self.install_runtime;
        // Looks at the disk, and may run an installer for minutes. When given up, a separate thread delays
        // neither the program's end nor the async runtime's shutdown.
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
        // The thread sends before it ends, unless it panics.
        let panic = thread.join().err();
        resume_unwind(panic.unwrap_or_else(|| Box::new("looking for the runtime failed")))
    }

    /// The command that starts the runtime, listening as these arguments say.
    pub(crate) fn command(&self, runtime: &Runtime, listen: &[String]) -> Result<Command> {
        let mut command = Command::new(&runtime.codex);
        command.args(self.arguments(listen)?);
        if let Some(cwd) = &self.cwd {
            command.current_dir(cwd);
        }
        let env = self.env.variables(runtime.path_dir.as_deref())?;
        command.env_clear().envs(env);
        Ok(command)
    }

    fn arguments(&self, listen: &[String]) -> Result<Vec<OsString>> {
        if let Some(args) = &self.args {
            // Only its position: an argument may be a secret.
            return match args.iter().position(|argument| has(argument, 0)) {
                Some(at) => Err(invalid(format!(
                    "number {at} of `launch_args`, counted from 0, has NUL in it"
                ))),
                None => Ok(args.clone()),
            };
        }
        let overrides = overrides::write(&self.config)?;
        // A child's thread without subscribers was closed; a server's may wait for its next client. The runtime
        // would keep it for half an hour.
        let own = self.config.iter().all(|(key, _)| key != UNLOAD_DELAY);
        let is_child = listen.iter().any(|argument| argument == STDIO);
        let delay = if is_child { 0 } else { SERVED };
        let overrides = overrides
            .into_iter()
            .chain(own.then(|| format!("{UNLOAD_DELAY}={delay}")))
            .flat_map(|argument| ["--config".to_owned(), argument]);
        let command = once("app-server".to_owned());
        let all = overrides.chain(command).chain(listen.iter().cloned());
        Ok(all.map(OsString::from).collect())
    }
}

fn invalid(message: String) -> Error {
    Error::InvalidInput(message)
}
