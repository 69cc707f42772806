//! The socket under a WebSocket, which records what is read and written, and when.

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

/// How much of the answer to the upgrade is kept for an error.
const HEAD: usize = 4 * 1024;

pub(super) trait Io: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Io for T {}

/// A socket that records its activity.
pub(super) struct Socket {
    io: Box<dyn Io>,
    pub(super) activity: Arc<Activity>,
}

/// When something went through a socket.
#[derive(Debug)]
pub(super) struct Activity {
    begun: Instant,
    /// In milliseconds since `begun`.
    read: AtomicU64,
    written: AtomicU64,
    /// The bytes that were written.
    sent: AtomicU64,
    /// Whether a message is being written.
    sending: AtomicBool,
    /// The beginning of what was read, until it is taken as the answer to the upgrade.
    head: Mutex<Option<Vec<u8>>>,
}

impl Socket {
    pub(super) fn new(io: impl Io + 'static) -> Self {
        Self {
            io: Box::new(io),
            activity: Arc::new(Activity {
                begun: Instant::now(),
                read: AtomicU64::new(0),
                written: AtomicU64::new(0),
                sent: AtomicU64::new(0),
                sending: AtomicBool::new(false),
                head: Mutex::new(Some(Vec::new())),
            }),
        }
    }
}

impl Activity {
    fn note(&self, when: &AtomicU64) {
        let since = self.begun.elapsed().as_millis();
        when.store(u64::try_from(since).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// Records whether a message is being written.
    pub(super) fn sends(&self, sending: bool) {
        self.note(&self.written);
        self.sending.store(sending, Ordering::Relaxed);
    }

    /// How many bytes the other side has taken so far.
    pub(super) fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    fn note_written(&self, bytes: usize) {
        self.note(&self.written);
        self.sent.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// When the other side last showed a sign of life: it sent something, or accepted part of a long message.
    pub(super) fn last(&self) -> Instant {
        let mut last = self.read.load(Ordering::Relaxed);
        if self.sending.load(Ordering::Relaxed) {
            last = last.max(self.written.load(Ordering::Relaxed));
        }
        self.begun + Duration::from_millis(last)
    }

    /// Takes the beginning of what was read; from then on nothing is kept.
    pub(super) fn take_head(&self) -> Vec<u8> {
        let mut head = self.head.lock().unwrap_or_else(PoisonError::into_inner);
        head.take().unwrap_or_default()
    }

    fn keep(&self, read: &[u8]) {
        let mut head = self.head.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(head) = head.as_mut() {
            let room = HEAD.saturating_sub(head.len());
            head.extend_from_slice(&read[..read.len().min(room)]);
        }
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.io).poll_read(context, buffer))?;
        self.activity.keep(&buffer.filled()[before..]);
        self.activity.note(&self.activity.read);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.io).poll_write(context, buffer))?;
        self.activity.note_written(written);
        Poll::Ready(Ok(written))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffers: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.io).poll_write_vectored(context, buffers))?;
        self.activity.note_written(written);
        Poll::Ready(Ok(written))
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(context)
    }
}
