//! From a transport to a client: the wiring of its tasks, and the handshake.

use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use codex_types::{ClientMethod, InitializeParams};
use tokio::process::ChildStderr;
use tokio::sync::{mpsc, oneshot};
use tracing::Instrument;

use crate::codex::inner::CodexInner;
use crate::codex::metadata::Metadata;
use crate::codex::notifications::NotificationStream;
use crate::connection::Connection;
use crate::connection::limits::Limits;
use crate::connection::process::Process;
use crate::connection::router::subscriptions::Topic;
use crate::connection::trace::TraceSource;
use crate::error::closed::{CloseReason, Closed};
use crate::error::condition::Condition;
use crate::error::{Error, Result};
use crate::server_requests::dispatch::Responder;
use crate::server_requests::registry::HandlerRegistry;
use crate::start::diagnosis;
use crate::start::patience::{MOST, Patience};
use crate::tasks::input::{self, Output};
use crate::tasks::reader::Intake;
use crate::tasks::supervisor::Supervised;
use crate::tasks::{supervisor, upkeep};

/// What is started or connected to, as errors show it.
pub(crate) struct Program {
    pub(crate) path: PathBuf,
    pub(crate) home: Option<PathBuf>,
}

/// The way to a runtime and back.
pub(crate) struct Transport {
    pub(crate) output: Output,
    /// Writes queued lines until it can't, or until there are no more.
    pub(crate) writer: Box<dyn FnOnce(mpsc::Receiver<String>) -> Writing + Send>,
    /// The runtime, if it is this program's child.
    pub(crate) process: Option<(Process, ChildStderr)>,
    /// Asks the writer to write what is queued and say goodbye: for a runtime that stays.
    pub(crate) leave: Option<oneshot::Sender<()>>,
}

type Writing = Pin<Box<dyn Future<Output = CloseReason> + Send>>;

/// What the tasks of a connection use, besides the transport.
pub(super) struct Connector {
    pub(super) limits: Limits,
    pub(super) handlers: HandlerRegistry,
    pub(super) trace: Option<TraceSource>,
    /// The budget of the subscription that begins before the handshake.
    pub(super) early: Option<usize>,
}

/// A client with running tasks, before the handshake.
pub(super) struct Wired {
    codex: CodexInner,
    responder: Arc<Responder>,
}

impl Connector {
    /// Starts the tasks of a connection. Must be called within an async runtime.
    pub(super) fn wire(self, transport: Transport) -> Wired {
        let has_handler = self.handlers.any();
        let responder = Arc::new(Responder {
            handlers: self.handlers,
            codex: OnceLock::new(),
        });
        let (connection, queues) = Connection::new(self.limits, self.trace);
        let early = self
            .early
            .map(|budget| NotificationStream::new(connection.subscribe(Topic::Everything, budget)));
        let child = transport.process.as_ref().map(|(process, _)| process);
        let stderr = child.map(|it| it.stderr.clone()).unwrap_or_default();
        let span = || connection.span.clone();
        let intake = Intake::new(Arc::clone(&connection), Arc::clone(&responder));
        let reader = input::read(intake, transport.output, span());
        let writer = (transport.writer)(queues.lines);
        let writer = tokio::spawn(writer.instrument(span()));
        let upkeep = upkeep::run(Arc::clone(&connection), queues.wanted);
        tokio::spawn(upkeep.instrument(span()));
        let (process, drained) = transport.process.unzip();
        let drain = drained.map(|pipe| tokio::spawn(stderr.clone().drain(pipe)));
        let supervised = Supervised {
            connection: Arc::clone(&connection),
            reader,
            writer,
            process: process.clone().zip(drain),
            leave: transport.leave,
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
}

impl Wired {
    /// Performs the handshake. If it fails, nothing is left behind.
    pub(super) async fn shake_hands(
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
            let condition = match &source {
                // A server that runs elsewhere has no stderr here.
                source if self.codex.process.is_none() => source.condition(),
                source if source.is_timeout() => works.then_some(Condition::StillStarting),
                _ => diagnosis::cause(&stderr_tail, program.home.as_deref()),
            };
            return Err(Error::Handshake {
                program: program.path.clone(),
                condition,
                stderr_tail,
                source: Box::new(without_stderr(source)),
            });
        }
        let codex = Arc::new(self.codex);
        // Set only here.
        let _ = self.responder.codex.set(Arc::downgrade(&codex));
        Ok(codex)
    }
}

/// The same error, without what the surrounding error already says.
fn without_stderr(error: Error) -> Error {
    match error {
        Error::Closed(closed) => Error::Closed(Arc::new(Closed {
            stderr_tail: String::new(),
            ..Closed::clone(&closed)
        })),
        other => other,
    }
}
