//! The two halves of a WebSocket: messages as lines, and lines as messages.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_core::Stream;
use futures_util::SinkExt;
use futures_util::stream::{SplitSink, SplitStream};
use tokio::io::{AsyncRead, ReadBuf};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, Sleep, interval_at, sleep_until, timeout};
use tokio_websockets::{Message, Payload, WebSocketStream};

use crate::error::closed::CloseReason;
use crate::remote::socket::{Activity, Socket};

/// How often the server is pinged. Anything in between, such as a load balancer, sees the pings, too.
pub(crate) const PING: Duration = Duration::from_secs(15);
/// How long a server may be silent despite pings.
pub(crate) const SILENCE: Duration = Duration::from_secs(45);
/// How long closing the WebSocket may take.
const GOODBYE: Duration = Duration::from_secs(1);
/// What the answer to a ping takes besides its text: a header and a mask. Were it more, answers that are read would add up.
const FRAME: u64 = 6;
/// How many bytes of answers to pings may wait.
const MOST_OWED: u64 = 256 << 10;
/// How many bytes are flushed together, roughly.
const BATCH: usize = 64 * 1024;

/// A server's messages, as lines.
pub(crate) struct Incoming {
    messages: SplitStream<WebSocketStream<Socket>>,
    /// The message being read, until its line has ended, and how much of it was read.
    message: Option<Payload>,
    at: usize,
    activity: Arc<Activity>,
    silence: Pin<Box<Sleep>>,
    /// How many bytes of answers to pings wait to be written, and how many bytes were written when a ping came.
    owed: u64,
    sent: u64,
}

impl Incoming {
    pub(super) fn new(
        messages: SplitStream<WebSocketStream<Socket>>,
        activity: Arc<Activity>,
    ) -> Self {
        Self {
            messages,
            message: None,
            at: 0,
            silence: Box::pin(sleep_until(activity.last() + SILENCE)),
            activity,
            owed: 0,
            sent: 0,
        }
    }

    /// Counts a ping; whether too many wait for their answers.
    fn pinged(&mut self, ping: &Message) -> bool {
        let sent = self.activity.sent();
        self.owed = self.owed.saturating_sub(sent - self.sent);
        self.owed += ping.as_payload().len() as u64 + FRAME;
        self.sent = sent;
        self.owed > MOST_OWED
    }

    /// Resolves once the server has been silent for too long.
    fn poll_silence(&mut self, context: &mut Context<'_>) -> Poll<()> {
        loop {
            ready!(self.silence.as_mut().poll(context));
            let until = self.activity.last() + SILENCE;
            if until <= Instant::now() {
                return Poll::Ready(());
            }
            self.silence.as_mut().reset(until);
        }
    }

    /// Copies as much of the message as the buffer has room for.
    fn fill(&mut self, buffer: &mut ReadBuf<'_>) {
        let Some(message) = &self.message else { return };
        let end = message.len().min(self.at + buffer.remaining());
        let part = &message[self.at..end];
        // In JSON, a line break can only stand between two tokens, where a space means the same.
        for part in part.split_inclusive(|byte| *byte == b'\n') {
            match part.split_last() {
                Some((b'\n', before)) => {
                    buffer.put_slice(before);
                    buffer.put_slice(b" ");
                }
                _ => buffer.put_slice(part),
            }
        }
        self.at = end;
        if end == message.len() && buffer.remaining() > 0 {
            buffer.put_slice(b"\n");
            self.message = None;
        }
    }
}

impl AsyncRead for Incoming {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        while self.message.is_none() {
            match Pin::new(&mut self.messages).poll_next(context) {
                Poll::Ready(Some(Ok(message))) if message.is_text() => {
                    self.message = Some(message.into_payload());
                    self.at = 0;
                }
                // The WebSocket layer answers them, without a limit.
                Poll::Ready(Some(Ok(message))) if message.is_ping() && self.pinged(&message) => {
                    let unread = "it pings and doesn't read the answers";
                    return Poll::Ready(Err(io::Error::other(unread)));
                }
                // The server sends nothing else.
                Poll::Ready(Some(Ok(_))) => {}
                Poll::Ready(Some(Err(error))) => return Poll::Ready(Err(io_error(error))),
                Poll::Ready(None) => return Poll::Ready(Ok(())),
                Poll::Pending => {
                    ready!(self.poll_silence(context));
                    let seconds = SILENCE.as_secs();
                    let silent = format!("it answered no ping for {seconds} s");
                    return Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, silent)));
                }
            }
        }
        self.fill(buffer);
        Poll::Ready(Ok(()))
    }
}

fn io_error(error: tokio_websockets::Error) -> io::Error {
    match error {
        tokio_websockets::Error::Io(error) => error,
        other => io::Error::other(other.to_string()),
    }
}

/// Writes queued lines as messages, with pings in between, until the connection is lost or `leave` resolves. In the
/// latter case, it writes what is queued and closes the WebSocket.
pub(super) async fn write(
    mut lines: mpsc::Receiver<String>,
    mut messages: SplitSink<WebSocketStream<Socket>, Message>,
    activity: Arc<Activity>,
    mut leave: oneshot::Receiver<()>,
) -> CloseReason {
    let mut pings = interval_at(Instant::now() + PING, PING);
    loop {
        let sent = tokio::select! {
            biased;
            Some(line) = lines.recv() => {
                activity.sends(true);
                send(&mut messages, &mut lines, line).await
            }
            _ = &mut leave => {
                let _ = timeout(GOODBYE, messages.close()).await;
                return CloseReason::Requested;
            }
            _ = pings.tick() => messages.send(Message::ping(Vec::new())).await,
        };
        activity.sends(false);
        if let Err(error) = sent {
            return CloseReason::Io(io_error(error).to_string());
        }
    }
}

/// Sends a line and those queued behind it, up to a size.
async fn send(
    messages: &mut SplitSink<WebSocketStream<Socket>, Message>,
    lines: &mut mpsc::Receiver<String>,
    line: String,
) -> Result<(), tokio_websockets::Error> {
    let mut length = line.len();
    messages.feed(Message::text(line)).await?;
    while length < BATCH
        && let Ok(line) = lines.try_recv()
    {
        length += line.len();
        messages.feed(Message::text(line)).await?;
    }
    messages.flush().await
}
