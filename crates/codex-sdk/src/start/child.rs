//! A runtime as a child of this program.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use codex_cli_bin::Runtime;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, sleep};

use crate::call::Call;
use crate::codex::Codex;
use crate::connection::process::Process;
use crate::error::condition::Condition;
use crate::error::{Error, Result};
use crate::start::acceptance::warn_of_another_home;
use crate::start::builder::CodexBuilder;
use crate::start::command::STDIO;
use crate::start::diagnosis::home_of;
use crate::start::wiring::{Program, Transport};
use crate::tasks::input::Output;
use crate::tasks::writer;

/// How long a start waits for another one on the same fresh home.
const BUSY: Duration = Duration::from_secs(15);

/// Retries while another runtime is starting on the same fresh home.
pub(crate) async fn on_any_home<T, F>(
    startup_timeout: Option<Duration>,
    mut attempt: impl FnMut() -> F,
) -> Result<T>
where
    F: Future<Output = Result<T>>,
{
    let begun = Instant::now();
    let most = startup_timeout.map_or(BUSY, |it| it.min(BUSY));
    loop {
        let attempt = attempt().await;
        match &attempt {
            Err(error) if error.condition() == Some(Condition::HomeDatabase) => {}
            _ => return attempt,
        }
        if begun.elapsed() > most {
            return attempt;
        }
        tracing::debug!("another runtime is starting on the same home: trying again");
        sleep(Duration::from_millis(fastrand::u64(50..300))).await;
    }
}

impl Codex {
    /// Starts the pinned runtime with the user's own configuration and login.
    ///
    /// Short for `Codex::builder().start()`: see [`CodexBuilder::start`], also for panics.
    ///
    /// # Errors
    /// [`Error::Runtime`](crate::Error::Runtime) if no runtime is found, and as for [`CodexBuilder::start`].
    ///
    /// # Cancel safety
    /// Dropping the call kills a runtime that was already started.
    pub fn start() -> Call<Self> {
        Self::builder().start()
    }
}

impl CodexBuilder {
    /// Starts the runtime and performs the handshake (`initialize`).
    ///
    /// The client runs on the Tokio runtime in which this is awaited.
    ///
    /// # Panics
    /// Outside a Tokio runtime, or in one without its I/O and time drivers.
    ///
    /// # Errors
    /// [`Error::Runtime`] if no runtime is found, [`Error::HomeMissing`], [`Error::Spawn`],
    /// [`Error::Handshake`], also if [`Self::startup_timeout`] passes. [`Error::InvalidInput`], before anything
    /// is started, for what can't be passed on unchanged: a home or a working folder that isn't UTF-8,
    /// including this program's if none is set; NUL in a path, an argument or a variable; `=` in the name of a
    /// variable; a control character in the name of the client. [`Error::UnsupportedRuntime`]. No process is
    /// left behind.
    ///
    /// # Cancel safety
    /// Dropping the call kills a runtime that was already started. An installation that has begun continues.
    pub fn start(self) -> Call<Codex> {
        Call::new(async move {
            self.check()?;
            self.launch.check()?;
            let runtime = self.launch.locate().await?;
            on_any_home(self.startup_timeout, || self.attempt(&runtime)).await
        })
    }

    /// Starts a process and performs the handshake.
    async fn attempt(&self, runtime: &Runtime) -> Result<Codex> {
        let command = self
            .launch
            .command(runtime, &["--listen", STDIO].map(str::to_owned))?;
        let program = Program {
            path: runtime.codex.clone(),
            home: home_of(&command),
        };
        let (process, pipes) = Process::spawn(command).map_err(|source| Error::Spawn {
            program: runtime.codex.clone(),
            source: Arc::new(source),
        })?;
        let transport = Transport {
            output: Output::Pipe(pipes.stdout),
            writer: Box::new(|lines| Box::pin(writer::write(lines, pipes.stdin))),
            process: Some((process, pipes.stderr)),
            leave: None,
        };
        let codex = self.shake_hands(transport, &program).await?;
        if let Some(home) = self.launch.env.chosen_home()? {
            warn_of_another_home(codex.metadata(), &home);
        }
        Ok(codex)
    }

    /// Connects to an app-server that isn't a child process, for example a scripted one in a test: reads its
    /// output from `output` and writes to `input`. Options that concern a process have no effect.
    ///
    /// # Panics
    /// As for [`Self::start`].
    ///
    /// # Errors
    /// [`Error::Handshake`], [`Error::UnsupportedRuntime`];
    /// [`Error::InvalidInput`] as for [`Self::start`].
    ///
    /// # Cancel safety
    /// Dropping the call ends the connection, and drops `output` and `input`.
    pub fn start_with_io(
        self,
        output: impl AsyncRead + Unpin + Send + 'static,
        input: impl AsyncWrite + Unpin + Send + 'static,
    ) -> Call<Codex> {
        Call::new(async move {
            self.check()?;
            let transport = Transport {
                output: Output::Stream(Box::new(output)),
                writer: Box::new(|lines| Box::pin(writer::write(lines, input))),
                process: None,
                leave: None,
            };
            let program = Program {
                path: PathBuf::from("app-server"),
                home: None,
            };
            self.shake_hands(transport, &program).await
        })
    }
}
