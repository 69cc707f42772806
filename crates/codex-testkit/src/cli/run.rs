use std::ffi::{OsStr, OsString};
use std::future::pending;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::Duration;
use std::{env, fs, io};

use codex_cli_bin::{Origin, Runtime};
use codex_testkit::{CodexHome, CodexHomeBuilder, HomeError, Reply, ScriptedModel};
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep_until};

use super::children;
use super::script::{Script, ScriptError};
use super::signals::Signals;

/// How long a program may take to end after a signal.
const PATIENCE: Duration = Duration::from_secs(5);

/// The arguments of `codex-testkit run`.
#[derive(Debug, Default)]
pub(crate) struct Run {
    pub(crate) script: PathBuf,
    pub(crate) program: OsString,
    pub(crate) arguments: Vec<OsString>,
    /// The text of the default reply, used when no reply is left; overrides the script's.
    pub(crate) default: Option<String>,
    /// TOML for the `config.toml` in `CODEX_HOME`.
    pub(crate) config: Vec<String>,
    /// Whether the program starts in the home's empty workspace.
    pub(crate) in_workspace: bool,
    pub(crate) quiet: bool,
}

/// Why the program couldn't be run to its end.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RunError {
    #[error("cannot read the script {}", .0.display())]
    Read(PathBuf, #[source] io::Error),
    #[error("cannot use the script {}", .0.display())]
    Script(PathBuf, #[source] Box<dyn std::error::Error>),
    #[error("cannot find or install the runtime")]
    Runtime(#[from] codex_cli_bin::Error),
    #[error(transparent)]
    Home(#[from] HomeError),
    #[error("cannot put the runtime on PATH")]
    Path(#[from] env::JoinPathsError),
    #[error("cannot start {}", .0.display())]
    Start(PathBuf, #[source] io::Error),
    #[error("cannot serve the model or wait for the program")]
    Io(#[from] io::Error),
}

impl RunError {
    /// The exit code, by the convention of shells and programs such as `env`.
    pub(crate) fn exit_code(&self) -> i32 {
        match self {
            Self::Start(_, error) if error.kind() == io::ErrorKind::NotFound => 127,
            Self::Start(..) => 126,
            _ => 125,
        }
    }
}

impl Run {
    /// Runs the program and returns its exit code.
    pub(crate) fn run(self) -> Result<i32, RunError> {
        let script = self.script()?;
        let runtime = codex_testkit::runtime()?;
        let executor = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        executor.block_on(self.play(script, &runtime))
    }

    fn script(&self) -> Result<Script, RunError> {
        let path = || self.script.clone();
        let text = fs::read_to_string(&self.script);
        let text = text.map_err(|error| RunError::Read(path(), error))?;
        let unusable = |error: ScriptError| RunError::Script(path(), error.into());
        let mut script = Script::parse(&text).map_err(unusable)?;
        if let Some(text) = &self.default {
            script.default = Some(Reply::text(text));
        }
        Ok(script)
    }

    async fn play(self, script: Script, runtime: &Runtime) -> Result<i32, RunError> {
        // Before the home is created: from here on, a signal leaves nothing behind.
        let mut signals = Signals::listen()?;
        let model = ScriptedModel::start().await?;
        let replies = script.replies.len();
        let has_default = script.default.is_some();
        script.replies.into_iter().for_each(|it| model.push(it));
        if let Some(default) = script.default {
            model.default_reply(default);
        }
        let home = CodexHome::builder().model(&model);
        let home = self.config.iter().fold(home, CodexHomeBuilder::config_toml);
        let home = home.build()?;

        let mut command = self.command(&home, runtime)?;
        let child = command.spawn();
        let mut child = child.map_err(|error| RunError::Start(self.program.into(), error))?;
        let status = wait(&mut child, &mut signals).await;
        children::end(home.path()).await;
        if !self.quiet {
            eprintln!("codex-testkit: {}", report(&model, replies, has_default));
        }
        Ok(exit_code(status?))
    }

    /// The program, in the environment of this home. Its `Codex::start()` and its `codex` find the
    /// runtime.
    fn command(&self, home: &CodexHome, runtime: &Runtime) -> Result<Command, RunError> {
        let mut command = Command::new(&self.program);
        if self.in_workspace {
            command = Command::new(from_here(&self.program)?);
            command.current_dir(home.workspace());
        }
        let path = env::var_os("PATH").unwrap_or_default();
        let folders = runtime.codex.parent().map(Path::to_owned).into_iter();
        let folders = folders.chain(runtime.path_dir.clone());
        let path = env::join_paths(folders.chain(env::split_paths(&path)))?;
        command
            .args(&self.arguments)
            .envs(home.env())
            .env("PATH", path)
            .kill_on_drop(true);
        if runtime.origin == Origin::Environment {
            // This path is absolute, so it works wherever the program starts.
            command.env("CODEX_SDK_BIN", &runtime.codex);
        }
        Ok(command)
    }
}

/// Makes a path absolute; leaves the name of a program on `PATH` alone.
fn from_here(program: &OsStr) -> io::Result<PathBuf> {
    let path = Path::new(program);
    match path.components().count() {
        0 | 1 => Ok(path.to_owned()),
        _ => std::path::absolute(path),
    }
}

/// Waits for the program, and forwards signals to it.
async fn wait(child: &mut Child, signals: &mut Signals) -> io::Result<ExitStatus> {
    // The id is valid until the program has been waited for, which ends this function.
    let program = child.id();
    let mut deadline = None;
    loop {
        let overdue = async {
            match deadline {
                Some(deadline) => sleep_until(deadline).await,
                None => pending().await,
            }
        };
        tokio::select! {
            status = child.wait() => return status,
            () = overdue => {
                child.start_kill()?;
                deadline = None;
            }
            ends = signals.forward(program) => {
                if ends {
                    deadline.get_or_insert_with(|| Instant::now() + PATIENCE);
                }
            }
        }
    }
}

fn report(model: &ScriptedModel, replies: usize, has_default: bool) -> String {
    let requests = model.requests();
    let asks = |path: &str| path.ends_with("/responses") || path.ends_with("/responses/compact");
    let asked = requests
        .iter()
        .filter(|it| it.method == "POST" && asks(&it.path));
    let asked = asked.count();
    let left = model.queued();
    let requests = match asked {
        1 => "the model got 1 request".to_owned(),
        count => format!("the model got {count} requests"),
    };
    let rest = match (left, asked.saturating_sub(replies)) {
        (0, 0) => "no reply was left over.".to_owned(),
        (0, more) if has_default => format!("{more} got the default reply."),
        (0, more) => format!("{more} found no reply left. Add replies or a default."),
        (left, _) => format!("{left} of {replies} replies left over."),
    };
    format!("{requests}; {rest}")
}

/// The exit code as a shell reports it: 128 plus the signal, if one ended the program.
fn exit_code(status: ExitStatus) -> i32 {
    #[cfg(unix)]
    if let Some(signal) = std::os::unix::process::ExitStatusExt::signal(&status) {
        return 128 + signal;
    }
    status.code().unwrap_or(125)
}
