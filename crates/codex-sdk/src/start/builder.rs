//! The options of a client, however it reaches its runtime.

use std::fmt;
use std::time::Duration;

use codex_types as types;

use crate::codex::Codex;
use crate::connection::limits::Limits;
use crate::connection::trace::{TraceContext, TraceSource};
use crate::error::{Error, Result};
use crate::server_requests::registry::HandlerRegistry;
use crate::setters::setters;
use crate::start::acceptance::{accept, refusal};
use crate::start::capabilities;
use crate::start::command::Launch;
use crate::start::ends::Child;
use crate::start::wiring::{Connector, Program, Transport};

/// Options for a [`Codex`] client, from [`Codex::builder`]; with the feature `remote` also from
/// `Codex::connect` and from `Server::builder`.
///
/// `Debug` shows no environment or configuration values, and no tokens.
#[derive(Clone)]
#[must_use = "a builder does nothing until it is started"]
pub struct CodexBuilder<T = Child> {
    /// Which process to start, if any.
    pub(crate) launch: Launch,
    client_info: types::ClientInfo,
    capabilities: types::InitializeCapabilities,
    experimental_api: bool,
    require_pinned: bool,
    /// The budget of the subscription that begins before the handshake, in bytes.
    early_notifications: Option<usize>,
    pub(crate) startup_timeout: Option<Duration>,
    pub(crate) limits: Limits,
    pub(super) handlers: HandlerRegistry,
    trace: Option<TraceSource>,
    /// Where the runtime is, or how to start it.
    #[cfg_attr(
        not(feature = "remote"),
        expect(dead_code, reason = "one way has nothing to say")
    )]
    pub(crate) to: T,
}

impl<T: Default> Default for CodexBuilder<T> {
    fn default() -> Self {
        Self {
            launch: Launch::default(),
            client_info: types::ClientInfo {
                name: "codex_rust_sdk".to_owned(),
                title: Some("Codex Rust SDK".to_owned()),
                version: env!("CARGO_PKG_VERSION").to_owned(),
            },
            capabilities: types::InitializeCapabilities::default(),
            experimental_api: true,
            require_pinned: false,
            early_notifications: None,
            startup_timeout: None,
            limits: Limits::default(),
            handlers: HandlerRegistry::default(),
            trace: None,
            to: T::default(),
        }
    }
}

impl Codex {
    /// The options for a client.
    pub fn builder() -> CodexBuilder {
        CodexBuilder::default()
    }
}

impl<T> CodexBuilder<T> {
    /// Names the program that uses this SDK, as the runtime and the provider see it. Default: this SDK.
    pub fn client_info(
        mut self,
        name: impl Into<String>,
        title: impl Into<String>,
        version: impl Into<String>,
    ) -> Self {
        self.client_info = types::ClientInfo {
            name: name.into(),
            title: Some(title.into()),
            version: version.into(),
        };
        self
    }

    setters! {
        /// Whether to refuse any version other than [`RUNTIME_VERSION`](crate::RUNTIME_VERSION), with
        /// [`Error::UnsupportedRuntime`]. Default: false.
        require_pinned = bool => require_pinned;
        /// Whether to ask for the experimental part of the protocol. Default: true.
        experimental_api = bool => experimental_api;
        /// Sets the client's other capabilities, for example which notifications to opt out of
        /// (`opt_out_notification_methods`). Default: none. Its `experimental_api` has no effect: use
        /// [`Self::experimental_api`].
        ///
        /// Opting out of a notification that this crate itself needs, such as `turn/completed`, is an
        /// [`Error::InvalidInput`] before anything is sent; a capability that the runtime is too old for is an
        /// [`Error::RuntimeTooOld`].
        capabilities = types::InitializeCapabilities => capabilities;
        /// Subscribes from the first byte: the first call of [`Codex::notifications`] returns a stream that
        /// began before the handshake. It holds at most `notifications` unread bytes. Default: no such stream.
        notifications = usize => early_notifications;
        /// How long a request may take, unless it has its own timeout. Default: 60 s.
        /// [`SendRequest::timeout`](crate::SendRequest::timeout) lists the exceptions.
        request_timeout = Duration => limits.request_timeout;
        /// How long the runtime may take to answer the handshake. Default: as long as it works, for at most 15
        /// min; one that does nothing for 8 s is given up. It normally takes about 0.1 s, and a minute or more
        /// when it indexes its home: once after an update, or after a home with many threads was restored.
        ///
        /// Giving up a runtime while it indexes leaves its home locked for a quarter of an hour, for other
        /// programs too.
        ///
        /// For a server that runs elsewhere, the connection and the handshake may each take this long. Default
        /// there: 30 s and 8 s.
        startup_timeout = Duration => startup_timeout;
        /// The longest line to read, in bytes. Default: 256 MiB.
        ///
        /// The receiver of a longer line gets [`Error::LineTooLong`]; the connection continues.
        max_line_bytes = usize => limits.max_line_bytes;
        /// How many unread bytes each turn handle and notification stream may hold. Default: 64 MiB. This
        /// counts their approximate size in memory, which is larger than their size on the wire.
        ///
        /// One that would exceed it ends with [`Error::Lagged`]; everything else continues. Less than 1 MiB is
        /// too little for a runtime that writes fast, however fast you read the stream.
        subscription_budget = usize => limits.subscription_budget;
        /// How many unread bytes all of them together may hold. Default: 256 MiB. When more arrives, the one
        /// that holds most ends with [`Error::Lagged`], and its unread notifications are dropped.
        unread_budget = usize => limits.unread_budget;
    }

    /// Sets the trace that each request belongs to: the closure is called for each request, on the caller's
    /// task. Without it, and where it returns `None`, a request belongs to no trace.
    ///
    /// ```no_run
    /// use codex_sdk::{Codex, TraceContext};
    ///
    /// # async fn example(traceparent: fn() -> Option<String>) -> codex_sdk::Result<()> {
    /// let builder = Codex::builder().trace_context(move || traceparent().map(TraceContext::new));
    /// let codex = builder.start().await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn trace_context(
        mut self,
        current: impl Fn() -> Option<TraceContext> + Send + Sync + 'static,
    ) -> Self {
        self.trace = Some(TraceSource::new(current));
        self
    }

    /// The same options, for another way to the runtime.
    #[cfg(feature = "remote")]
    pub(crate) fn to<U>(self, to: U) -> CodexBuilder<U> {
        CodexBuilder {
            launch: self.launch,
            client_info: self.client_info,
            capabilities: self.capabilities,
            experimental_api: self.experimental_api,
            require_pinned: self.require_pinned,
            early_notifications: self.early_notifications,
            startup_timeout: self.startup_timeout,
            limits: self.limits,
            handlers: self.handlers,
            trace: self.trace,
            to,
        }
    }

    /// Refuses what the handshake can't carry, or what would break this crate.
    pub(crate) fn check(&self) -> Result<()> {
        let name = &self.client_info.name;
        if name.contains(char::is_control) {
            return Err(Error::InvalidInput(format!(
                "the name of the client, {name:?}, has a control character in it"
            )));
        }
        capabilities::check(&self.capabilities)
    }

    /// Makes a client from a transport.
    pub(crate) async fn shake_hands(
        &self,
        transport: Transport,
        program: &Program,
    ) -> Result<Codex> {
        let connector = Connector {
            limits: self.limits,
            handlers: self.handlers.clone(),
            trace: self.trace.clone(),
            early: self.early_notifications,
        };
        let mut params = types::InitializeParams::new(self.client_info.clone());
        params.capabilities = Some(types::InitializeCapabilities {
            experimental_api: self.experimental_api,
            ..self.capabilities.clone()
        });
        let by_default = self.launch.args.is_none();
        let wired = connector.wire(transport);
        let inner = wired.shake_hands(&params, self.startup_timeout, program);
        let inner = inner.await.map_err(|error| refusal(error, by_default))?;
        if let Err(error) = accept(&inner.metadata, self.require_pinned) {
            inner.kill().await;
            return Err(error);
        }
        Ok(Codex::of(inner))
    }
}

impl<T> fmt::Debug for CodexBuilder<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let env = &self.launch.env.changed;
        let config: Vec<_> = self.launch.config.iter().map(|(key, _)| key).collect();
        f.debug_struct("CodexBuilder")
            .field("codex_bin", &self.launch.codex_bin)
            .field("install_runtime", &self.launch.install_runtime)
            .field("cwd", &self.launch.cwd)
            .field("env", &env.keys().collect::<Vec<_>>())
            .field("inherited", &self.launch.env.inherited)
            .field("config", &config)
            .field("client_info", &self.client_info)
            .field("experimental_api", &self.experimental_api)
            .field("require_pinned", &self.require_pinned)
            .field("startup_timeout", &self.startup_timeout)
            .field("limits", &self.limits)
            .field("has_handler", &self.handlers.any())
            .finish_non_exhaustive()
    }
}
