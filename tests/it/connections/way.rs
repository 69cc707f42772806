//! What lies between a client and its server.

use std::future::pending;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use codex_sdk::Server;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

/// A way that can be cut, or freeze.
pub(crate) struct Way {
    pub(crate) url: String,
    state: watch::Sender<State>,
    task: JoinHandle<()>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    Open,
    /// Nothing goes through any more.
    Frozen,
    /// It ends once this many more bytes have come from the server.
    CutAfter(usize),
    /// Ten bytes a millisecond come from the server.
    #[allow(dead_code, reason = "only the fault suite uses it")]
    Slow,
}

impl Drop for Way {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Way {
    pub(crate) async fn to(server: &Server) -> Self {
        let target = server.url().trim_start_matches("ws://").to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("ws://{}", listener.local_addr().unwrap());
        let state = watch::Sender::new(State::Open);
        let seen = state.subscribe();
        let task = tokio::spawn(async move {
            // They end with this.
            let mut ways = JoinSet::new();
            loop {
                let (near, _) = listener.accept().await.unwrap();
                let far = TcpStream::connect(&target).await.unwrap();
                ways.spawn(pass(near, far, seen.clone()));
            }
        });
        Self { url, state, task }
    }

    pub(crate) fn is(&self, state: State) {
        self.state.send_replace(state);
    }
}

/// Passes on what comes, until the way is cut or one side ends.
async fn pass(near: TcpStream, far: TcpStream, state: watch::Receiver<State>) {
    let (mut from_near, mut to_near) = near.into_split();
    let (mut from_far, mut to_far) = far.into_split();
    let watched = state.clone();
    let up = async {
        let mut bytes = vec![0; 16 * 1024];
        loop {
            let read = from_near.read(&mut bytes).await?;
            if read == 0 {
                return io::Result::Ok(());
            }
            if *watched.borrow() == State::Frozen {
                pending::<()>().await;
            }
            to_far.write_all(&bytes[..read]).await?;
        }
    };
    let down = async {
        let mut bytes = vec![0; 16 * 1024];
        let mut left = None;
        loop {
            let read = from_far.read(&mut bytes).await?;
            if read == 0 {
                return io::Result::Ok(());
            }
            let mut part = &bytes[..read];
            let now = *state.borrow();
            match now {
                State::Open => {}
                State::Slow => {
                    for piece in part.chunks(10) {
                        to_near.write_all(piece).await?;
                        tokio::time::sleep(Duration::from_millis(1)).await;
                    }
                    continue;
                }
                State::Frozen => left = Some(usize::MAX),
                State::CutAfter(bytes) => left = left.or(Some(bytes)),
            }
            match &mut left {
                Some(usize::MAX) => pending::<()>().await,
                Some(left) => {
                    part = &part[..part.len().min(*left)];
                    *left -= part.len();
                }
                None => {}
            }
            to_near.write_all(part).await?;
            if left == Some(0) {
                return Ok(());
            }
        }
    };
    let ended = tokio::select! {
        ended = up => ended,
        ended = down => ended,
    };
    drop(ended);
}

/// A certificate for `localhost`, and a way to the server that shows it.
pub(crate) async fn tls_way(server: &Server) -> (String, String, JoinHandle<()>) {
    let own = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = PrivateKeyDer::try_from(own.signing_key.serialize_der()).unwrap();
    let provider = Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![own.cert.der().clone()], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let target = server.url().trim_start_matches("ws://").to_owned();
    let task = tokio::spawn(async move {
        loop {
            let (near, _) = listener.accept().await.unwrap();
            if let Ok(near) = acceptor.accept(near).await {
                let far = TcpStream::connect(&target).await.unwrap();
                tokio::spawn(both_ways(near, far));
            }
        }
    });
    (format!("wss://localhost:{port}"), own.cert.pem(), task)
}

async fn both_ways(
    mut near: impl AsyncRead + AsyncWrite + Unpin,
    mut far: impl AsyncRead + AsyncWrite + Unpin,
) {
    let _ = copy_bidirectional(&mut near, &mut far).await;
}
