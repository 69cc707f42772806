//! Connecting to a server that runs elsewhere.

use std::future::IntoFuture;
use std::path::PathBuf;

use secrecy::SecretString;
use tokio::sync::oneshot;

use crate::call::Call;
use crate::codex::Codex;
use crate::error::{Error, Result};
use crate::remote::address::Address;
use crate::remote::{self, MOST_SENT, Target};
use crate::setters::setters;
use crate::start::builder::CodexBuilder;
use crate::start::ends::{Child, Remote};
use crate::start::wiring::{Program, Transport};
use crate::tasks::input::Output;

impl Codex {
    /// Connects to a server that runs elsewhere (`codex app-server --listen …`, or a [`Server`]):
    /// `ws://host:port`, `wss://host:port` or `unix:///path`. Set the client's options next, and then `.await`
    /// it.
    ///
    /// The server doesn't belong to this client: closing the client leaves it alone, and a running turn
    /// continues there, for somebody to attach to ([`Codex::attach`]). Pending requests, such as the interrupt
    /// of a dropped `run`, are still sent, and their replies are awaited for at most 2 s.
    ///
    /// The client pings the server every 15 s. A server that has been silent for 45 s is given up:
    /// [`CloseReason::Lost`](crate::CloseReason::Lost). A request of more than 64 MiB is an
    /// [`Error::InvalidInput`], and none of it is sent: no server accepts it. A longer answer from a handler or
    /// a tool is refused.
    ///
    /// ```no_run
    /// # async fn example(token: String) -> codex_sdk::Result<()> {
    /// use codex_sdk::Codex;
    ///
    /// let codex = Codex::connect("wss://codex.example.com").bearer_token(token).await?;
    /// let thread = codex.thread_start().cwd("/srv/project").await?;
    /// println!("{:?}", thread.run("What is in this folder?").await?.final_response);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Panics
    /// When awaited outside a Tokio runtime, or in one without its I/O and time drivers.
    ///
    /// # Errors
    /// [`Error::Connect`], [`Error::Handshake`], [`Error::UnsupportedRuntime`]; [`Error::InvalidInput`] for an
    /// invalid address, and if a token would be sent in the clear.
    ///
    /// # Cancel safety
    /// Dropping it ends the connection.
    ///
    /// [`Server`]: crate::Server
    pub fn connect(url: impl Into<String>) -> CodexBuilder<Remote> {
        CodexBuilder::<Child>::default().connect(url)
    }
}

impl CodexBuilder {
    /// Connects to a server instead of starting a runtime, as [`Codex::connect`] does. Options that concern a
    /// process have no effect.
    pub fn connect(self, url: impl Into<String>) -> CodexBuilder<Remote> {
        self.to(Remote {
            url: url.into(),
            ..Remote::default()
        })
    }
}

impl CodexBuilder<Remote> {
    setters! {
        /// The token that the server expects, sent once as `Authorization: Bearer …`. It appears in no log,
        /// error or `Debug` output.
        ///
        /// It isn't sent over plain `ws` to another machine, where anybody on the way could read it: that is an
        /// [`Error::InvalidInput`], unless [`Self::allow_plain_token`] permits it.
        bearer_token: SecretString => to.token;
        /// Whether the token may be sent over plain `ws` to another machine. Use this only where the network
        /// itself is secure, such as in a VPN. Default: false.
        allow_plain_token = bool => to.plain_token;
        /// The certificates, in PEM format, that the server's own may be signed with, instead of those that the
        /// platform trusts.
        root_certificate: Vec<u8> => to.roots;
    }

    /// Leaves the server's requests to its other clients, unless this one has a handler or a tool for them: for
    /// a client that only watches. By default, a client refuses what it can't answer, so no turn waits forever;
    /// if a thread has several clients, the first answer counts.
    pub fn look_on(mut self) -> Self {
        self.handlers.look_on();
        self
    }

    async fn connected(self) -> Result<Codex> {
        self.check()?;
        let address: Address = self.to.url.parse()?;
        if self.to.token.is_some() && !self.to.plain_token && address.is_exposed() {
            return Err(Error::InvalidInput(format!(
                "the token would go to {address} in the clear: use `wss://`, a tunnel to this machine, or `allow_plain_token`"
            )));
        }
        let opened = remote::open(Target {
            address: &address,
            token: self.to.token.as_ref(),
            roots: self.to.roots.as_deref(),
            max_line_bytes: self.limits.max_line_bytes,
            within: self.startup_timeout,
        });
        let (leave, left) = oneshot::channel();
        let (output, writer) = opened.await?.split(left);
        let transport = Transport {
            output: Output::Stream(Box::new(output)),
            writer: Box::new(writer),
            process: None,
            leave: Some(leave),
        };
        let program = Program {
            path: PathBuf::from(address.to_string()),
            home: None,
        };
        let mut builder = self;
        builder.limits.max_sent_bytes = Some(MOST_SENT);
        builder.shake_hands(transport, &program).await
    }
}

impl IntoFuture for CodexBuilder<Remote> {
    type Output = Result<Codex>;
    type IntoFuture = Call<Codex>;

    fn into_future(self) -> Self::IntoFuture {
        Call::new(self.connected())
    }
}
