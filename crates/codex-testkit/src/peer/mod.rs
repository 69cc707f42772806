//! An app-server that does exactly what the test says, over an in-memory pipe.

use std::fmt;
use std::panic::Location;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, DuplexStream};

use crate::deadline::within;

pub mod shapes;
mod turn;

pub use turn::PeerTurn;

/// More than a test writes while the other side isn't reading, so a script never has to wait.
const PIPE_BYTES: usize = 64 << 20;

/// The client's ends: the one it reads from and the one it writes to.
///
/// They are two pipes rather than two halves of one: dropping the writer ends the peer's input, as
/// with a child process.
pub type ClientIo = (DuplexStream, DuplexStream);

/// A scripted app-server: the test says when it reads, answers, notifies or hangs up.
///
/// Nothing happens by itself. Every wait has a deadline, 10 seconds by default.
///
/// # Cancel safety
///
/// Dropping a wait takes no message: the part of a line that was read is kept. A send does nothing
/// before it is polled, and then does everything at once as long as the pipe has room: 64 MiB.
///
/// # Panics
///
/// This is a test helper. A function that expects something from the client panics if the client
/// sends something else, sends nothing before the deadline, or closes the connection. The message
/// names the line of the test and what arrived instead. Functions also panic if the client has
/// stopped reading.
pub struct Peer {
    reader: BufReader<DuplexStream>,
    writer: DuplexStream,
    /// The start of a line whose rest hadn't arrived when a wait was dropped.
    partial: Vec<u8>,
    deadline: Duration,
}

/// A request from the client.
#[derive(Clone, Debug, PartialEq)]
pub struct PeerRequest {
    /// The id, to reply to.
    pub id: Value,
    /// The method.
    pub method: String,
    /// The params; `Null` if absent.
    pub params: Value,
}

impl Peer {
    /// Creates a peer and the client's ends of the connection to it.
    pub fn pair() -> (Self, ClientIo) {
        let (client_reader, writer) = tokio::io::duplex(PIPE_BYTES);
        let (client_writer, reader) = tokio::io::duplex(PIPE_BYTES);
        let peer = Self {
            reader: BufReader::new(reader),
            writer,
            partial: Vec::new(),
            deadline: Duration::from_secs(10),
        };
        (peer, (client_reader, client_writer))
    }

    /// Sets how long each wait may take; 10 seconds by default.
    pub fn set_deadline(&mut self, deadline: Duration) {
        self.deadline = deadline;
    }

    /// Answers `initialize` and takes `initialized`; returns the params of `initialize`.
    ///
    /// # Cancel safety
    ///
    /// The future can't be resumed if it is dropped halfway: the messages it took are gone.
    #[track_caller]
    pub fn handshake(&mut self) -> impl Future<Output = Value> + Send + '_ {
        let caller = Location::caller();
        async move {
            let request = self.request_at(caller, "initialize").await;
            let reply = [
                ("id", request.id),
                ("result", shapes::initialize_response()),
            ];
            self.send(caller, reply).await;
            self.notification_at(caller, "initialized").await;
            request.params
        }
    }

    /// Takes the next message, which must be a request for `method`.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing: no message was taken.
    #[track_caller]
    pub fn expect_request<'a>(
        &'a mut self,
        method: &'a str,
    ) -> impl Future<Output = PeerRequest> + Send + 'a {
        self.request_at(Location::caller(), method)
    }

    /// Takes the next message, which must be a notification; returns its params.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing: no message was taken.
    #[track_caller]
    pub fn expect_notification<'a>(
        &'a mut self,
        method: &'a str,
    ) -> impl Future<Output = Value> + Send + 'a {
        self.notification_at(Location::caller(), method)
    }

    /// Takes the next message, which must be the answer to the [`request`](Self::request) with this
    /// id.
    ///
    /// # Errors
    ///
    /// Returns the error object if the client answered with one.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing: no message was taken.
    #[track_caller]
    pub fn expect_response(
        &mut self,
        id: impl Into<Value>,
    ) -> impl Future<Output = Result<Value, Value>> + Send + '_ {
        self.response_at(Location::caller(), id.into())
    }

    /// Waits for the client to close its writing end; no message may arrive before that.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing: no message was taken.
    #[track_caller]
    pub fn expect_eof(&mut self) -> impl Future<Output = ()> + Send + '_ {
        self.eof_at(Location::caller())
    }

    /// Takes the next message of any kind; returns `None` at the end of the client's output.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing: the part of a line that was read is kept.
    #[track_caller]
    pub fn next_message(&mut self) -> impl Future<Output = Option<Value>> + Send + '_ {
        self.read(Location::caller(), "message")
    }

    /// Answers a request.
    ///
    /// # Cancel safety
    ///
    /// Sends nothing if dropped before it is polled.
    #[track_caller]
    pub fn reply(&mut self, id: &Value, result: Value) -> impl Future<Output = ()> + Send + '_ {
        self.send(Location::caller(), [("id", id.clone()), ("result", result)])
    }

    /// Answers a request with an error, without `data` if that is `None`.
    ///
    /// # Cancel safety
    ///
    /// Sends nothing if dropped before it is polled.
    #[track_caller]
    pub fn reply_error(
        &mut self,
        id: &Value,
        code: i64,
        message: &str,
        data: Option<Value>,
    ) -> impl Future<Output = ()> + Send + '_ {
        let mut error = json!({"code": code, "message": message});
        if let Some(data) = data {
            error["data"] = data;
        }
        self.send(Location::caller(), [("id", id.clone()), ("error", error)])
    }

    /// Sends a notification with an `emittedAtMs` timestamp, as the runtime does.
    ///
    /// # Cancel safety
    ///
    /// Sends nothing if dropped before it is polled.
    #[track_caller]
    pub fn notify(&mut self, method: &str, params: Value) -> impl Future<Output = ()> + Send + '_ {
        self.notify_at(Location::caller(), method, params)
    }

    /// Sends a server request; the runtime numbers its own from 0.
    ///
    /// # Cancel safety
    ///
    /// Sends nothing if dropped before it is polled.
    #[track_caller]
    pub fn request(
        &mut self,
        id: impl Into<Value>,
        method: &str,
        params: Value,
    ) -> impl Future<Output = ()> + Send + '_ {
        let message = [
            ("id", id.into()),
            ("method", method.into()),
            ("params", params),
        ];
        self.send(Location::caller(), message)
    }

    /// Sends raw bytes: garbage, half a line, a line of many megabytes.
    ///
    /// # Cancel safety
    ///
    /// Sends nothing if dropped before it is polled.
    #[track_caller]
    pub fn raw(&mut self, bytes: impl Into<Vec<u8>>) -> impl Future<Output = ()> + Send + '_ {
        self.write(Location::caller(), bytes.into())
    }

    /// Ends the output to the client; the client's output can still be read.
    ///
    /// Dropping the peer ends both directions, as a killed process does.
    ///
    /// # Cancel safety
    ///
    /// The first poll completes it.
    pub async fn close(&mut self) {
        // Closing an in-memory pipe can't fail.
        let _ = self.writer.shutdown().await;
    }

    /// Sends the typical notifications of a turn.
    #[track_caller]
    pub fn turn<'a>(&'a mut self, thread_id: &'a str, turn_id: &'a str) -> PeerTurn<'a> {
        PeerTurn::new(self, thread_id, turn_id)
    }

    async fn request_at(&mut self, caller: &Location<'_>, method: &str) -> PeerRequest {
        let what = format!("request for {method}");
        let mut message = self.message_at(caller, &what).await;
        let is_request = message["method"] == method && message.get("id").is_some();
        assert!(is_request, "{caller}: no {what}; got {message}");
        PeerRequest {
            id: message["id"].take(),
            method: method.to_owned(),
            params: message["params"].take(),
        }
    }

    async fn notification_at(&mut self, caller: &Location<'_>, method: &str) -> Value {
        let what = format!("notification {method}");
        let mut message = self.message_at(caller, &what).await;
        let is_notification = message["method"] == method && message.get("id").is_none();
        assert!(is_notification, "{caller}: no {what}; got {message}");
        message["params"].take()
    }

    async fn response_at(&mut self, caller: &Location<'_>, id: Value) -> Result<Value, Value> {
        let what = format!("response to {id}");
        let mut message = self.message_at(caller, &what).await;
        let is_response = message["id"] == id && message.get("method").is_none();
        assert!(is_response, "{caller}: no {what}; got {message}");
        match message.get_mut("error") {
            Some(error) => Err(error.take()),
            None => Ok(message["result"].take()),
        }
    }

    async fn eof_at(&mut self, caller: &Location<'_>) {
        if let Some(message) = self.read(caller, "end of input").await {
            panic!("{caller}: no end of input; got {message}");
        }
    }

    async fn message_at(&mut self, caller: &Location<'_>, what: &str) -> Value {
        let message = self.read(caller, what).await;
        message.unwrap_or_else(|| panic!("{caller}: no {what}; the client closed its output"))
    }

    async fn read(&mut self, caller: &Location<'_>, what: &str) -> Option<Value> {
        let line = self.reader.read_until(b'\n', &mut self.partial);
        let read = within(self.deadline, caller, what, line, || "nothing came").await;
        read.unwrap_or_else(|error| panic!("{caller}: no {what}; {error}"));
        let line = std::mem::take(&mut self.partial);
        if line.is_empty() {
            return None;
        }
        let message = serde_json::from_slice(&line);
        Some(message.unwrap_or_else(|error| {
            let line = String::from_utf8_lossy(&line);
            panic!("{caller}: no {what}; {error} in {line:?}")
        }))
    }

    fn notify_at<'a>(
        &'a mut self,
        caller: &'a Location<'_>,
        method: &str,
        params: Value,
    ) -> impl Future<Output = ()> + Send + use<'a> {
        let emitted = ("emittedAtMs", shapes::NOW_MS.into());
        let message = [("method", method.into()), ("params", params), emitted];
        self.send(caller, message)
    }

    /// Encodes before the first poll: the future then borrows only the peer.
    fn send<'a, const N: usize>(
        &'a mut self,
        caller: &'a Location<'_>,
        fields: [(&str, Value); N],
    ) -> impl Future<Output = ()> + Send + use<'a, N> {
        let fields = fields.map(|(name, value)| (name.to_owned(), value));
        let message = Value::Object(fields.into_iter().collect());
        self.write(caller, format!("{message}\n").into_bytes())
    }

    async fn write(&mut self, caller: &Location<'_>, bytes: Vec<u8>) {
        let write = self.writer.write_all(&bytes);
        let stuck = || format!("{PIPE_BYTES} bytes are waiting");
        let written = within(self.deadline, caller, "reading client", write, stuck).await;
        written.unwrap_or_else(|error| panic!("{caller}: the client stopped reading; {error}"));
    }
}

impl fmt::Debug for Peer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Peer")
            .field("deadline", &self.deadline)
            .finish_non_exhaustive()
    }
}
