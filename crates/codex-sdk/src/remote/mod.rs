//! The connection to a server that runs elsewhere: a WebSocket over TCP, TLS or a Unix socket.
//!
//! Each message is one line of the protocol, so the layers above don't see the difference.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use http::HeaderValue;
use http::header::AUTHORIZATION;
use secrecy::{ExposeSecret, SecretString};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_websockets::{ClientBuilder, Config, Limits, WebSocketStream};

use crate::error::closed::CloseReason;
use crate::error::condition::Condition;
use crate::error::{Error, Result};
use crate::remote::address::{Address, Tcp};
use crate::remote::halves::Incoming;
use crate::remote::socket::Socket;

pub(crate) mod address;
pub(crate) mod halves;
mod socket;
mod tls;

/// The longest message that a server accepts, in bytes.
pub(crate) const MOST_SENT: usize = 64 << 20;
/// A server accepts less per frame, so longer messages are split.
const FRAME: usize = 1 << 20;
/// A message longer than the longest line is skipped and the connection stays open, up to this size.
const MOST_SKIPPED: usize = 256 << 20;
/// How long reaching a server may take, unless the program says otherwise.
const REACH: Duration = Duration::from_secs(30);

/// Which server to connect to, and how.
pub(crate) struct Target<'a> {
    pub(crate) address: &'a Address,
    pub(crate) token: Option<&'a SecretString>,
    /// PEM certificates to trust instead of the platform's.
    pub(crate) roots: Option<&'a [u8]>,
    pub(crate) max_line_bytes: usize,
    /// How long connecting may take.
    pub(crate) within: Option<Duration>,
}

/// A connection to a server, before the first message.
pub(crate) struct Opened {
    stream: WebSocketStream<Socket>,
}

impl Opened {
    /// Splits it into its reading half and the function that runs the writing half.
    pub(crate) fn split(
        self,
        leave: oneshot::Receiver<()>,
    ) -> (
        Incoming,
        impl FnOnce(mpsc::Receiver<String>) -> Writing + Send,
    ) {
        let activity = Arc::clone(&self.stream.get_ref().activity);
        let (sink, stream) = self.stream.split();
        let incoming = Incoming::new(stream, Arc::clone(&activity));
        let writer =
            move |lines| -> Writing { Box::pin(halves::write(lines, sink, activity, leave)) };
        (incoming, writer)
    }
}

type Writing = std::pin::Pin<Box<dyn Future<Output = CloseReason> + Send>>;

/// Connects to a server.
pub(crate) async fn open(target: Target<'_>) -> Result<Opened> {
    let within = target.within.unwrap_or(REACH);
    let address = target.address;
    let authorization = target.token.map(authorization).transpose()?;
    let roots = target.roots.map(tls::certificates).transpose()?;
    let opened = async {
        let socket = reach(address, roots.unwrap_or_default()).await;
        let socket = socket.map_err(|error| unreached(address, &error))?;
        upgrade(&target, socket, authorization).await
    };
    timeout(within, opened).await.unwrap_or_else(|_| {
        let reason = format!("it didn't answer within {within:?}");
        Err(refused(address, Some(Condition::ServerUnreachable), reason))
    })
}

/// Refuses a token that no client can send.
pub(crate) fn usable(token: &SecretString) -> Result<&SecretString> {
    let text = token.expose_secret();
    if text.is_empty() || !text.bytes().all(|it| it.is_ascii_graphic()) {
        return Err(unusable());
    }
    Ok(token)
}

fn unusable() -> Error {
    let problem = "a token has at least one character, and only visible ones of ASCII";
    Error::InvalidInput(problem.to_owned())
}

fn authorization(token: &SecretString) -> Result<HeaderValue> {
    let value = HeaderValue::try_from(format!("Bearer {}", usable(token)?.expose_secret()));
    let mut value = value.map_err(|_| unusable())?;
    value.set_sensitive(true);
    Ok(value)
}

async fn reach(address: &Address, roots: Vec<CertificateDer<'static>>) -> io::Result<Socket> {
    match address {
        #[cfg(unix)]
        Address::Unix(path) => {
            let stream = tokio::net::UnixStream::connect(path).await?;
            Ok(Socket::new(stream))
        }
        #[cfg(not(unix))]
        Address::Unix(_) => Err(io::Error::other("this system has no Unix sockets")),
        Address::Tcp(Tcp {
            host, port, tls, ..
        }) => {
            let stream = TcpStream::connect((&**host, *port)).await?;
            stream.set_nodelay(true)?;
            if *tls {
                return Ok(Socket::new(tls::connect(stream, host, roots).await?));
            }
            Ok(Socket::new(stream))
        }
    }
}

/// Upgrades a socket to a WebSocket.
async fn upgrade(
    target: &Target<'_>,
    socket: Socket,
    authorization: Option<HeaderValue>,
) -> Result<Opened> {
    let address = target.address;
    let uri = match address {
        Address::Tcp(tcp) => tcp.uri.clone(),
        Address::Unix(_) => http::Uri::from_static("ws://localhost/"),
    };
    let limit = target.max_line_bytes.max(MOST_SKIPPED);
    let mut builder = ClientBuilder::from_uri(uri)
        .config(Config::default().frame_size(FRAME))
        .limits(Limits::default().max_payload_len(Some(limit)));
    if let Some(authorization) = authorization {
        let added = builder.add_header(AUTHORIZATION, authorization);
        builder = added.map_err(|error| refused(address, None, error.to_string()))?;
    }
    let activity = Arc::clone(&socket.activity);
    let upgraded = builder.connect_on(socket).await;
    let head = activity.take_head();
    match upgraded {
        Ok((stream, _)) => Ok(Opened { stream }),
        Err(error) => Err(unupgraded(target, &error, &head)),
    }
}

fn unreached(address: &Address, error: &io::Error) -> Error {
    let condition = if tls::is_untrusted(error) {
        Condition::ServerUntrusted
    } else {
        Condition::ServerUnreachable
    };
    refused(address, Some(condition), error.to_string())
}

/// Why the upgrade failed.
fn unupgraded(target: &Target<'_>, error: &tokio_websockets::Error, head: &[u8]) -> Error {
    use tokio_websockets::upgrade::Error as Upgrade;
    let address = target.address;
    match error {
        tokio_websockets::Error::Upgrade(Upgrade::DidNotSwitchProtocols(status)) => {
            let condition = match status {
                401 | 403 => Some(Condition::ServerUnauthorized),
                502..=504 => Some(Condition::ServerUnreachable),
                _ => None,
            };
            let words = words(head, target.token).unwrap_or_default();
            let reason = match (condition, &*words) {
                (Some(_), "") => format!("it answered with status {status}"),
                (Some(_), words) => format!("it answered with status {status}, {words}"),
                (None, _) => format!("it answered with status {status}, as no app-server does"),
            };
            refused(address, condition, reason)
        }
        tokio_websockets::Error::Io(error) => refused(
            address,
            Some(Condition::ServerUnreachable),
            error.to_string(),
        ),
        other => refused(address, None, format!("it is no app-server ({other})")),
    }
}

/// The body of an answer, on one line, without the token, which a server may repeat.
fn words(head: &[u8], token: Option<&SecretString>) -> Option<String> {
    const MOST: usize = 200;
    let mut text = String::from_utf8_lossy(head).into_owned();
    // Before anything is cut off or escaped, which could leave a part of the token.
    if let Some(token) = token {
        text = text.replace(token.expose_secret(), "…");
    }
    let (_, body) = text.split_once("\r\n\r\n")?;
    let words: Vec<_> = body.split_whitespace().collect();
    let words: String = words.join(" ").chars().take(MOST).collect();
    (!words.is_empty()).then(|| format!("{words:?}"))
}

fn refused(address: &Address, condition: Option<Condition>, reason: String) -> Error {
    Error::Connect {
        url: address.to_string(),
        condition,
        reason,
    }
}
