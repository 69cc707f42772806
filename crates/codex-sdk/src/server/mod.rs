//! A server that this program runs, for its own clients and those of other programs.

use std::future::pending;
use std::path::Path;
use std::process::ExitStatus;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use codex_cli_bin::Runtime;
use data_encoding::HEXLOWER;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use tokio::process::ChildStdin;
use tokio::sync::{oneshot, watch};
use tokio::time::{sleep, timeout};

use crate::call::Call;
use crate::connection::process::Process;
use crate::connection::stderr::StderrTail;
use crate::error::closed::{CloseReason, Closed};
use crate::error::condition::Condition;
use crate::error::{Error, Result};
use crate::remote;
use crate::server::leash::leashed;
use crate::setters::{debug_shows, setters};
use crate::start::builder::CodexBuilder;
use crate::start::child::on_any_home;
use crate::start::diagnosis;
use crate::start::ends::{Listen, Remote, Serve};
use crate::start::patience::{MOST, Patience};

mod leash;
mod ready;

/// A Codex runtime that listens for any number of clients: those of your program ([`Server::connect`]), and others
/// that know its address and token.
///
/// It ends when this is dropped, and when your program ends, however that happens. For a server that outlives your
/// program, have the system start `codex app-server --listen …`.
///
/// ```no_run
/// # async fn example() -> codex_sdk::Result<()> {
/// use codex_sdk::{Listen, Server};
///
/// let server = Server::builder().listen(Listen::Loopback).start().await?;
/// let codex = server.connect().await?;
/// let result = codex.thread_start().await?.run("Say hello.").await?;
/// println!("{:?}", result.final_response);
/// codex.close().await?;
/// server.stop().await
/// # }
/// ```
#[must_use = "dropping it ends the server"]
pub struct Server {
    url: String,
    process: Process,
    /// Closing it ends the server, too.
    leash: Arc<Mutex<Option<ChildStdin>>>,
    exited: watch::Receiver<Option<Exited>>,
    /// Whether the server was asked to end after its last turn. Asked twice, it ends at once.
    drains: Arc<AtomicBool>,
    stderr: StderrTail,
    /// The options of the clients from [`Server::connect`].
    clients: CodexBuilder<Remote>,
}

type Exited = Option<ExitStatus>;

impl Server {
    /// Returns a builder with the options of the runtime, and those that [`Self::connect`] gives to its clients.
    pub fn builder() -> CodexBuilder<Serve> {
        CodexBuilder::default()
    }

    /// The server's address, for [`Codex::connect`](crate::Codex::connect): `ws://127.0.0.1:port` or `unix:///path`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The token that clients need, if the server listens on a port.
    pub fn token(&self) -> Option<&SecretString> {
        self.clients.to.token.as_ref()
    }

    /// Connects a client, with the server's token and the options of its builder. You can set more before `.await`:
    /// see [`Codex::connect`](crate::Codex::connect), also for errors.
    ///
    /// # Cancel safety
    /// Dropping the future ends the connection.
    pub fn connect(&self) -> CodexBuilder<Remote> {
        self.clients.clone()
    }

    /// The tail of the server's stderr: at most 4 KiB, without terminal colours. The values of variables whose names
    /// say that they are secrets are hidden.
    pub fn stderr_tail(&self) -> String {
        self.stderr.text()
    }

    /// Waits until the server has ended, for whatever reason. Returns its exit status, if that was observed.
    ///
    /// # Cancel safety
    /// Dropping the future changes nothing.
    pub async fn ended(&self) -> Option<ExitStatus> {
        let mut exited = self.exited.clone();
        let exited = exited.wait_for(Option::is_some).await;
        exited.ok().and_then(|exited| exited.flatten())
    }

    /// Ends the server after its last turn. Clients can still connect, but new threads and turns are refused
    /// ([`Condition::ServerDraining`]), and so is everything else that concerns a turn, such as attaching to one. What
    /// still runs after `within` is stopped as by [`Self::stop`]. Draining again starts a new wait.
    ///
    /// # Errors
    /// None: a forced end is an end, too.
    ///
    /// # Cancel safety
    /// Once begun, the server ends after its last turn. Dropping the call gives up the deadline.
    pub fn drain(&self, within: Duration) -> Call<()> {
        let (process, mut exited) = (self.process.clone(), self.exited.clone());
        let (stop, drains) = (self.stop(), Arc::clone(&self.drains));
        Call::new(async move {
            if !drains.swap(true, Ordering::Relaxed) {
                process.ask_leader();
            }
            let _ = timeout(within, exited.wait_for(Option::is_some)).await;
            stop.await
        })
    }

    /// Ends the server at once, with its turns and their commands, and waits until it is gone. It is asked to
    /// terminate, and killed 1.5 s later. Stopping again does nothing.
    ///
    /// # Errors
    /// None: a forced end is an end, too.
    ///
    /// # Cancel safety
    /// Once begun, the end can't be cancelled.
    pub fn stop(&self) -> Call<()> {
        let leash = Arc::clone(&self.leash);
        let (process, mut exited) = (self.process.clone(), self.exited.clone());
        Call::new(async move {
            let let_go = leash.lock().unwrap_or_else(PoisonError::into_inner).take();
            drop(let_go);
            process.end().await;
            let _ = exited.wait_for(Option::is_some).await;
            Ok(())
        })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.process.dismiss();
    }
}

debug_shows!(Server { url: url });

impl CodexBuilder {
    /// Builds a [`Server`] instead of a runtime that is the child of one client; the options of a client become those
    /// of the server's clients.
    pub fn serve(self) -> CodexBuilder<Serve> {
        self.to(Serve::default())
    }
}

impl CodexBuilder<Serve> {
    setters! {
        /// Where the server listens. Default: a free port of this machine.
        listen: Listen => to.listen;
        /// The token that clients on a port need. Default: a random one from the system, which [`Server::token`]
        /// returns. The runtime gets only its SHA-256, on its command line.
        capability_token: SecretString => to.token;
    }

    /// Starts the server, and waits until it is ready.
    ///
    /// # Panics
    /// Outside a Tokio runtime, or in one without the drivers for I/O and time.
    ///
    /// # Errors
    /// As for [`CodexBuilder::start`](crate::CodexBuilder::start). [`Error::InvalidInput`] for a socket that a server
    /// already listens on, for a path that isn't absolute or where no socket can be created, and for a token that no
    /// client can send.
    ///
    /// # Cancel safety
    /// Dropping the call kills a server that was already started.
    pub fn start(self) -> Call<Server> {
        Call::new(async move {
            self.check()?;
            self.launch.check()?;
            self.check_socket().await?;
            let runtime = self.launch.locate().await?;
            let token = match (&self.to.listen, &self.to.token) {
                (Listen::Unix(_), _) => None,
                (Listen::Loopback, Some(token)) => Some(remote::usable(token)?.clone()),
                (Listen::Loopback, None) => Some(random_token()?),
            };
            on_any_home(self.startup_timeout, || {
                self.attempt(&runtime, token.clone())
            })
            .await
        })
    }

    async fn attempt(&self, runtime: &Runtime, token: Option<SecretString>) -> Result<Server> {
        let command = self
            .launch
            .command(runtime, &self.arguments(token.as_ref()))?;
        let home = diagnosis::home_of(&command);
        let spawned = Process::spawn(leashed(&command));
        let (process, pipes) = spawned.map_err(|source| Error::Spawn {
            program: runtime.codex.clone(),
            source: Arc::new(source),
        })?;
        let stderr = process.stderr.clone();
        let (announce, announced) = oneshot::channel();
        tokio::spawn(ready::read(pipes.stderr, stderr.clone(), announce));
        tokio::spawn(StderrTail::default().drain(pipes.stdout));
        let (exit, exited) = watch::channel(None);
        let waiting = process.clone();
        tokio::spawn(async move { exit.send_replace(Some(waiting.wait().await)) });
        let mut server = Server {
            url: String::new(),
            leash: Arc::new(Mutex::new(Some(pipes.stdin))),
            exited,
            drains: Arc::default(),
            stderr,
            clients: self.clone().to(Remote {
                token,
                ..Remote::default()
            }),
            process,
        };
        match self.ready(&server, announced).await {
            Ok(url) => {
                server.clients.to.url.clone_from(&url);
                server.url = url;
                Ok(server)
            }
            Err((condition, source)) => {
                server.process.kill();
                server.ended().await;
                // Another server may have been started there at the same time.
                self.check_socket().await?;
                let stderr_tail = server.stderr.text();
                Err(Error::Handshake {
                    program: runtime.codex.clone(),
                    condition: condition
                        .or_else(|| diagnosis::cause(&stderr_tail, home.as_deref())),
                    stderr_tail,
                    source: Box::new(source),
                })
            }
        }
    }

    /// Waits until clients can connect. Returns the server's address, or why they can't.
    async fn ready(
        &self,
        server: &Server,
        announced: oneshot::Receiver<String>,
    ) -> Result<String, (Option<Condition>, Error)> {
        let ready = async {
            match &self.to.listen {
                Listen::Loopback => {
                    // A server that ends without announcing an address is handled below.
                    let Ok(url) = announced.await else {
                        return pending().await;
                    };
                    ready::on_port(&url).await;
                    url
                }
                Listen::Unix(path) => {
                    ready::on_socket(path, server.process.id()).await;
                    format!("unix://{}", path.display())
                }
            }
        };
        let mut patience = Patience::new(Some(server.process.clone()));
        let most = self.startup_timeout.unwrap_or(MOST);
        let after = tokio::select! {
            biased;
            status = server.ended() => {
                let mut closed = Closed::new(CloseReason::Ended);
                closed.exit_status = status;
                return Err((None, Error::Closed(Arc::new(closed))));
            }
            url = ready => return Ok(url),
            after = patience.runs_out(self.startup_timeout.is_some()) => after,
            () = sleep(most) => most,
        };
        let condition = patience.works().then_some(Condition::StillStarting);
        let method = "readyz".to_owned();
        Err((condition, Error::Timeout { method, after }))
    }

    /// The arguments for where the server listens and whom it lets in.
    fn arguments(&self, token: Option<&SecretString>) -> Vec<String> {
        let listen = match &self.to.listen {
            Listen::Loopback => "ws://127.0.0.1:0".to_owned(),
            Listen::Unix(path) => format!("unix://{}", path.display()),
        };
        let mut arguments = vec!["--listen".to_owned(), listen];
        if let Some(token) = token {
            let hash = HEXLOWER.encode(&Sha256::digest(token.expose_secret()));
            let auth = ["--ws-auth", "capability-token", "--ws-token-sha256", &hash];
            arguments.extend(auth.map(str::to_owned));
        }
        arguments
    }

    /// Refuses a socket that this server can't use.
    async fn check_socket(&self) -> Result<()> {
        let Listen::Unix(path) = &self.to.listen else {
            return Ok(());
        };
        if !path.is_absolute() || path.to_str().is_none() {
            return Err(Error::InvalidInput(format!(
                "the path of a socket is absolute, and UTF-8: {} isn't",
                path.display()
            )));
        }
        check_place(path)?;
        if ready::listens(path, None).await {
            return Err(Error::InvalidInput(format!(
                "a server listens on {} already: connect to it (`Codex::connect`), or choose another path",
                path.display()
            )));
        }
        Ok(())
    }
}

/// Refuses a path where no socket can be created.
#[cfg(unix)]
fn check_place(path: &Path) -> Result<()> {
    let problem = if std::os::unix::net::SocketAddr::from_pathname(path).is_err() {
        "it is longer than the system allows, about 100 bytes"
    } else if !path.parent().is_some_and(Path::is_dir) {
        "its folder doesn't exist"
    // A killed runtime leaves a link to its socket behind, and takes it over when it is started again.
    } else if std::fs::symlink_metadata(path).is_ok_and(|it| it.is_file() || it.is_dir()) {
        "something else is there"
    } else {
        return Ok(());
    };
    Err(Error::InvalidInput(format!(
        "no socket can be at {}: {problem}",
        path.display()
    )))
}

#[cfg(not(unix))]
fn check_place(_path: &Path) -> Result<()> {
    Ok(())
}

fn random_token() -> Result<SecretString> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|error| {
        Error::InvalidInput(format!(
            "the system gives no random numbers ({error}): set a token with `capability_token`"
        ))
    })?;
    Ok(HEXLOWER.encode(&bytes).into())
}
