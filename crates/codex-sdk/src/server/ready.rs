//! When and where a server accepts connections.

use std::io;
use std::path::Path;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::process::ChildStderr;
use tokio::sync::oneshot;
use tokio::time::sleep;

use crate::connection::stderr::StderrTail;

/// What precedes the address on stderr.
const ANNOUNCEMENT: &str = "listening on: ";
/// How often to ask a server whether it is ready.
const POLL: Duration = Duration::from_millis(10);

/// Reads stderr to its end, and passes on the server's address once it is announced.
pub(super) async fn read(
    mut stderr: ChildStderr,
    tail: StderrTail,
    announce: oneshot::Sender<String>,
) {
    let mut said = String::new();
    let mut chunk = vec![0; 4 * 1024];
    loop {
        let Ok(read @ 1..) = stderr.read(&mut chunk).await else {
            return;
        };
        tail.keep(&chunk[..read]);
        said.push_str(&String::from_utf8_lossy(&chunk[..read]));
        if let Some((_, rest)) = said.split_once(ANNOUNCEMENT)
            && let Some((address, _)) = rest.split_once('\n')
        {
            let _ = announce.send(address.trim().to_owned());
            return tail.drain(stderr).await;
        }
        // Whole lines without the address aren't needed.
        if let Some((_, last)) = said.rsplit_once('\n') {
            said = last.to_owned();
        }
    }
}

/// Waits until a server on a port says that it is ready (`/readyz`).
pub(super) async fn on_port(url: &str) {
    let authority = url.trim_start_matches("ws://").trim_end_matches('/');
    while !is_ready(authority).await.unwrap_or(false) {
        sleep(POLL).await;
    }
}

async fn is_ready(authority: &str) -> io::Result<bool> {
    let mut stream = TcpStream::connect(authority).await?;
    let request = format!("GET /readyz HTTP/1.1\r\nHost: {authority}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.take(1024).read_to_end(&mut answer).await?;
    Ok(answer.starts_with(b"HTTP/1.1 200"))
}

/// Waits until the process with this id listens on a socket: other servers may have been started on the same one.
pub(super) async fn on_socket(path: &Path, id: Option<u32>) {
    while !listens(path, id).await {
        sleep(POLL).await;
    }
}

/// Whether a server listens on a socket. If `id` is given, it has to be that process, where the system
/// reports it.
#[cfg(unix)]
pub(super) async fn listens(path: &Path, id: Option<u32>) -> bool {
    let Ok(stream) = tokio::net::UnixStream::connect(path).await else {
        return false;
    };
    let listener = stream.peer_cred().ok().and_then(|peer| peer.pid());
    let listener = listener.and_then(|listener| u32::try_from(listener).ok());
    id.is_none() || listener.is_none() || listener == id
}

#[cfg(not(unix))]
pub(super) async fn listens(_path: &Path, _id: Option<u32>) -> bool {
    false
}
