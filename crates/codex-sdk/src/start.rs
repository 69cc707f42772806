//! Wires the tasks of a connection.

use std::sync::{Arc, Mutex, OnceLock};

use tokio::{
    io::{AsyncRead, AsyncWrite},
    process::ChildStderr,
};
use tracing::Instrument;

use crate::{
    CloseReason, Metadata, NotificationStream,
    client::Client,
    connection::{Connection, Limits},
    handlers::Handlers,
    process::{Process, StderrTail},
    server_requests::Responder,
    subscriptions::Topic,
    tasks::{self, Supervised},
    upkeep,
};

/// Starts the tasks of a connection. Must be called within an async runtime.
pub(crate) fn launch(
    limits: Limits,
    handlers: Handlers,
    output: impl AsyncRead + Unpin + Send + 'static,
    input: impl AsyncWrite + Unpin + Send + 'static,
    process: Option<(Process, ChildStderr)>,
    early: Option<usize>,
) -> (Client, Arc<Responder>) {
    let has_handler = handlers.any();
    let responder = Arc::new(Responder {
        handlers,
        client: OnceLock::new(),
    });
    let (connection, queues) = Connection::new(limits);
    let early = early
        .map(|budget| NotificationStream::new(connection.subscribe(Topic::Everything, budget)));
    let stderr = StderrTail::default();
    let span = || connection.span.clone();
    let reader =
        tasks::read(Arc::clone(&connection), Arc::clone(&responder), output).instrument(span());
    let reader = tokio::spawn(reader);
    let writer = tokio::spawn(tasks::write(queues.lines, input).instrument(span()));
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
    tokio::spawn(tasks::supervise(supervised).instrument(span()));
    let client = Client {
        connection,
        process,
        stderr,
        metadata: Metadata::default(),
        early: Mutex::new(early),
        has_handler,
    };
    (client, responder)
}
