use std::collections::{BTreeMap, VecDeque};
use std::convert::Infallible;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::serve::ListenerExt as _;
use axum::{Json, Router};
use futures_core::Stream;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot, watch};

use super::events;
use super::reply::{Ending, Reply};
use super::request::RecordedRequest;

/// The maximum size of one write.
const CHUNK_BYTES: usize = 16 << 10;

/// Whole events, or the error that breaks the connection.
type Chunk = io::Result<String>;
type ClientLeft = mpsc::error::SendError<Chunk>;

/// State shared by the test and the server.
#[derive(Debug, Default)]
pub(super) struct Shared {
    script: Mutex<Script>,
    /// The number of recorded requests, for waiting.
    pub(super) recorded: watch::Sender<usize>,
}

#[derive(Debug, Default)]
pub(super) struct Script {
    pub(super) replies: VecDeque<Reply>,
    pub(super) default: Option<Reply>,
    pub(super) requests: Vec<RecordedRequest>,
    /// How many requests `next_request` has returned.
    pub(super) taken: usize,
    served: usize,
}

impl Shared {
    pub(super) fn script(&self) -> MutexGuard<'_, Script> {
        self.script.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn record(&self, request: RecordedRequest) {
        let mut script = self.script();
        script.requests.push(request);
        self.recorded.send_replace(script.requests.len());
    }
}

impl Script {
    /// The next reply and its serial number, starting at 1.
    fn next_reply(&mut self) -> Option<(Reply, usize)> {
        let reply = self.replies.pop_front().or_else(|| self.default.clone())?;
        self.served += 1;
        Some((reply, self.served))
    }
}

/// Serves until the other end of `stop` is dropped.
///
/// The server has its own thread and runtime, because it must also answer a test that blocks its
/// runtime or pauses its clock. Dropping that runtime closes every socket at once.
pub(super) fn spawn(
    listener: std::net::TcpListener,
    shared: Arc<Shared>,
    stop: oneshot::Receiver<Infallible>,
) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .enable_time()
        .build()?;
    let listener = {
        let _context = runtime.enter();
        // Without Nagle's algorithm, each event leaves as soon as it is written.
        TcpListener::from_std(listener)?.tap_io(|stream| {
            let _ = stream.set_nodelay(true);
        })
    };
    let app = Router::new()
        .fallback(answer)
        .layer(DefaultBodyLimit::disable())
        .with_state(shared);
    let serve = move || {
        runtime.block_on(async {
            tokio::spawn(axum::serve(listener, app).into_future());
            let _ = stop.await;
        });
    };
    std::thread::Builder::new()
        .name("scripted-model".into())
        .spawn(serve)?;
    Ok(())
}

async fn answer(
    State(shared): State<Arc<Shared>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let path = uri.path();
    shared.record(RecordedRequest {
        method: method.to_string(),
        path: path.to_owned(),
        headers: recorded_headers(&headers),
        body: recorded_body(&body),
    });
    match method {
        Method::GET if path.ends_with("/models") => Json(models()).into_response(),
        Method::POST if path.ends_with("/responses") => respond(&shared, false).await,
        Method::POST if path.ends_with("/responses/compact") => respond(&shared, true).await,
        _ => error(StatusCode::NOT_FOUND, "the scripted model has no such path"),
    }
}

async fn respond(shared: &Shared, compact: bool) -> Response {
    let next = shared.script().next_reply();
    let Some((reply, serial)) = next else {
        // The runtime passes on the message of a 400; for a 500 it has its own.
        let message = "the scripted model has no reply left: push one, or set a default reply";
        return error(StatusCode::BAD_REQUEST, message);
    };
    let whole = match &reply.ending {
        Ending::Status { code, body } => {
            let status = StatusCode::from_u16(*code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            Some((status, Json(body)).into_response())
        }
        _ if compact => {
            Some(Json(json!({"output": events::output(&reply, serial)})).into_response())
        }
        _ => None,
    };
    if let Some(response) = whole {
        tokio::time::sleep(reply.delay.unwrap_or_default()).await;
        hold(&reply, |_| true).await;
        return response;
    }
    // Room for only one chunk: `play` continues after the last one has been written, and a
    // disconnect comes after everything before it.
    let (sender, receiver) = mpsc::channel(1);
    tokio::spawn(play(reply, serial, sender));
    let content_type = [(header::CONTENT_TYPE, "text/event-stream")];
    (content_type, Body::from_stream(Events(receiver))).into_response()
}

/// Sends the events of `reply`, then ends the stream as the reply says. Fails if the client left.
///
/// Events that nothing separates are sent together: with a write for each, the model, not the
/// runtime, would limit a benchmark.
async fn play(reply: Reply, serial: usize, stream: mpsc::Sender<Chunk>) -> Result<(), ClientLeft> {
    let events = events::events(&reply, serial);
    let count = events.len();
    let mut pending = String::new();
    for (index, event) in events.into_iter().enumerate() {
        let held = reply.delay.is_some() || reply.gates.iter().any(|(gated, _)| *gated == index);
        if held || pending.len() > CHUNK_BYTES {
            flush(&mut pending, &stream).await?;
        }
        hold(&reply, |gated| gated == index).await;
        // Not a zero-length sleep: a timer rounds that up to its next tick.
        if let Some(delay) = reply.delay {
            tokio::time::sleep(delay).await;
        }
        let name = event["type"].as_str().unwrap_or_default();
        pending.extend(["event: ", name, "\ndata: ", &event.to_string(), "\n\n"]);
    }
    flush(&mut pending, &stream).await?;
    hold(&reply, |gated| gated >= count).await;
    match reply.ending {
        Ending::Disconnect => {
            stream
                .send(Err(io::ErrorKind::ConnectionReset.into()))
                .await
        }
        Ending::Stall => {
            stream.closed().await;
            Ok(())
        }
        _ => Ok(()),
    }
}

async fn flush(pending: &mut String, stream: &mpsc::Sender<Chunk>) -> Result<(), ClientLeft> {
    if pending.is_empty() {
        return Ok(());
    }
    stream.send(Ok(std::mem::take(pending))).await
}

async fn hold(reply: &Reply, here: impl Fn(usize) -> bool) {
    for (_, gate) in reply.gates.iter().filter(|(event, _)| here(*event)) {
        gate.pass().await;
    }
}

struct Events(mpsc::Receiver<Chunk>);

impl Stream for Events {
    type Item = Chunk;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.poll_recv(context)
    }
}

fn recorded_headers(headers: &HeaderMap) -> BTreeMap<String, String> {
    let text = |value: &header::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let headers = headers.iter();
    headers
        .map(|(name, value)| (name.as_str().to_owned(), text(value)))
        .collect()
}

fn recorded_body(body: &[u8]) -> Value {
    if body.is_empty() {
        return Value::Null;
    }
    serde_json::from_slice(body).unwrap_or_else(|_| String::from_utf8_lossy(body).into())
}

/// One model, in both list formats that clients of such an endpoint read.
fn models() -> Value {
    let model = json!({"id": "mock-model", "object": "model", "created": 0, "owned_by": "testkit"});
    json!({"object": "list", "data": [model], "models": []})
}

fn error(status: StatusCode, message: &str) -> Response {
    (status, Json(json!({"error": {"message": message}}))).into_response()
}
