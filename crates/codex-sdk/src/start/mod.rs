//! How a client is started: its options, the command, and the wiring of its tasks.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use codex_types::{ClientMethod, InitializeParams};
use tokio::io::AsyncWrite;
use tokio::process::ChildStderr;
use tracing::Instrument;

use crate::codex::inner::CodexInner;
use crate::codex::metadata::Metadata;
use crate::codex::notifications::NotificationStream;
use crate::connection::Connection;
use crate::connection::limits::Limits;
use crate::connection::process::{Process, StderrTail};
use crate::connection::router::subscriptions::Topic;
use crate::error::closed::{CloseReason, Closed};
use crate::error::condition::Condition;
use crate::error::{Error, Result};
use crate::server_requests::dispatch::Responder;
use crate::server_requests::registry::HandlerRegistry;
use crate::start::patience::{MOST, Patience};
use crate::tasks::input::{self, Output};
use crate::tasks::reader::Intake;
use crate::tasks::supervisor::Supervised;
use crate::tasks::{supervisor, upkeep, writer};

mod acceptance;
pub(crate) mod builder;
mod capabilities;
mod command;
mod diagnosis;
mod environment;
mod handlers;
mod overrides;
mod patience;
mod toml_literal;

/// What is started.
struct Program {
    path: PathBuf,
    home: Option<PathBuf>,
}

/// A client whose tasks run, before the handshake.
struct Wired {
    codex: CodexInner,
    responder: Arc<Responder>,
}

/// Starts the tasks of a connection. Must be called within an async runtime.
fn wire(
    limits: Limits,
    handlers: HandlerRegistry,
    output: Output,
    input: impl AsyncWrite + Unpin + Send + 'static,
    process: Option<(Process, ChildStderr)>,
    early: Option<usize>,
) -> Wired {
    let has_handler = handlers.any();
    let responder = Arc::new(Responder {
        handlers,
        codex: OnceLock::new(),
    });
    let (connection, queues) = Connection::new(limits);
    let early = early
        .map(|budget| NotificationStream::new(connection.subscribe(Topic::Everything, budget)));
    let stderr = StderrTail::default();
    let span = || connection.span.clone();
    let intake = Intake::new(Arc::clone(&connection), Arc::clone(&responder));
    let reader = input::read(intake, output, span());
    let writer = tokio::spawn(writer::write(queues.lines, input).instrument(span()));
    let upkeep = upkeep::run(Arc::clone(&connection), queues.wanted);
    tokio::spawn(upkeep.instrument(span()));
    let (process, drained) = process.unzip();
    let drain = drained.map(|pipe| tokio::spawn(stderr.clone().drain(pipe)));
    let supervised = Supervised {
        connection: Arc::clone(&connection),
        reader,
        writer,
        process: process.clone().zip(drain),
        stderr: stderr.clone(),
        reason: CloseReason::Abandoned,
        exit_status: None,
    };
    tokio::spawn(supervisor::supervise(supervised).instrument(span()));
    let codex = CodexInner {
        connection,
        process,
        stderr,
        metadata: Metadata::default(),
        early: Mutex::new(early),
        has_handler,
        experimental_api: false,
    };
    Wired { codex, responder }
}

impl Wired {
    /// The handshake. If it fails, nothing is left behind.
    async fn shake_hands(
        mut self,
        params: &InitializeParams,
        deadline: Option<Duration>,
        program: &Program,
    ) -> Result<Arc<CodexInner>> {
        let mut patience = Patience::new(self.codex.process.clone());
        let outcome = tokio::select! {
            outcome = self.codex.initialize(params, deadline.unwrap_or(MOST)) => outcome,
            after = patience.runs_out(deadline.is_some()) => Err(Error::Timeout {
                method: InitializeParams::METHOD.to_owned(),
                after,
            }),
        };
        if let Err(source) = outcome {
            let works = patience.works();
            self.codex.kill().await;
            let stderr_tail = self.codex.stderr.text();
            let condition = if source.is_timeout() {
                works.then_some(Condition::StillStarting)
            } else {
                diagnosis::cause(&stderr_tail, program.home.as_deref())
            };
            return Err(Error::Handshake {
                program: program.path.clone(),
                condition,
                stderr_tail,
                source: Box::new(without_stderr(source)),
            });
        }
        let codex = Arc::new(self.codex);
        // It is set here alone.
        let _ = self.responder.codex.set(Arc::downgrade(&codex));
        Ok(codex)
    }
}

/// The same error, without what an error around it says already.
fn without_stderr(error: Error) -> Error {
    match error {
        Error::Closed(closed) => Error::Closed(Arc::new(Closed {
            stderr_tail: String::new(),
            ..Closed::clone(&closed)
        })),
        other => other,
    }
}
