//! Logging in to servers of the Model Context Protocol.

use std::future::IntoFuture;
use std::sync::Arc;
use std::time::Duration;

use codex_types::{
    ConfigMcpServerReload, McpServerOauthClientRegistration,
    McpServerOauthLoginCompletedNotification, McpServerOauthLoginParams,
};

use crate::call::Call;
use crate::codex::Codex;
use crate::codex::inner::CodexInner;
use crate::connection::event_queue::Notification;
use crate::error::Result;
use crate::login::end::LoginEnd;
use crate::setters::{debug_shows, setters};

impl Codex {
    /// Begins an OAuth login to an MCP server that requires one (`mcpServer/oauth/login`).
    ///
    /// The server belongs to the configuration, or to the thread that [`StartMcpLogin::thread_id`] names. The
    /// runtime listens on this machine for the browser to come back. This crate opens no browser.
    ///
    /// ```no_run
    /// # async fn example(codex: codex_sdk::Codex) -> codex_sdk::Result<()> {
    /// let login = codex.mcp_login("search").await?;
    /// println!("open {}", login.authorization_url());
    /// let end = login.wait().await?;
    /// println!("{}", end.error.unwrap_or_else(|| "done".to_owned()));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// See [`StartMcpLogin`] for its options and errors.
    ///
    /// # Cancel safety
    /// Once sent, a login may stay open.
    pub fn mcp_login(&self, name: impl Into<String>) -> StartMcpLogin {
        StartMcpLogin {
            codex: Arc::clone(self.inner()),
            params: McpServerOauthLoginParams::new(name),
        }
    }

    /// Reloads the MCP servers in the configuration (`config/mcpServer/reload`), also for loaded threads, which
    /// see the changes from their next turn.
    ///
    /// # Errors
    /// [`Error::Rpc`](crate::Error::Rpc) for a configuration that can't be read,
    /// [`Error::Timeout`](crate::Error::Timeout), [`Error::Closed`](crate::Error::Closed).
    ///
    /// # Cancel safety
    /// Once sent, it takes effect.
    pub fn mcp_reload(&self) -> Call<()> {
        let codex = Arc::clone(self.inner());
        Call::new(async move { codex.request(&ConfigMcpServerReload, None).await.map(drop) })
    }
}

/// Options for a login to an MCP server (`mcpServer/oauth/login`), from [`Codex::mcp_login`].
///
/// # Errors
/// [`Error::Rpc`](crate::Error::Rpc) for a server that doesn't exist or needs no login,
/// [`Error::Timeout`](crate::Error::Timeout), [`Error::Closed`](crate::Error::Closed).
///
/// # Cancel safety
/// Once sent, a login may stay open until the runtime stops waiting for it.
#[derive(Clone)]
#[must_use = "nothing is sent until this is awaited"]
pub struct StartMcpLogin {
    codex: Arc<CodexInner>,
    params: McpServerOauthLoginParams,
}

impl StartMcpLogin {
    setters! {
        /// The thread that the server belongs to. Without it, the server must be in the configuration. Needs
        /// Codex 0.143.0.
        thread_id: String => params.thread_id;
        /// How the runtime identifies itself to the authorization server. Default: it finds out. Needs Codex
        /// 0.148.0.
        client_registration: McpServerOauthClientRegistration => params.client_registration;
    }

    /// The scopes to request. Default: those in the server's configuration, else the server's own.
    pub fn scopes<T: Into<String>>(mut self, scopes: impl IntoIterator<Item = T>) -> Self {
        self.params.scopes = Some(scopes.into_iter().map(Into::into).collect());
        self
    }

    /// How long the runtime waits for the browser to come back, in whole seconds, rounded up. The runtime has a
    /// default.
    pub fn login_timeout(mut self, timeout: Duration) -> Self {
        let seconds = timeout.as_secs();
        let seconds = seconds.saturating_add(u64::from(timeout.subsec_nanos() > 0));
        self.params.timeout_secs = Some(i64::try_from(seconds).unwrap_or(i64::MAX));
        self
    }

    async fn begin(self) -> Result<McpLogin> {
        let end = LoginEnd::subscribe(&self.codex);
        let response = self.codex.request(&self.params, None).await?;
        Ok(McpLogin {
            end,
            name: self.params.name,
            login_id: response.login_id,
            authorization_url: response.authorization_url,
        })
    }
}

impl IntoFuture for StartMcpLogin {
    type Output = Result<McpLogin>;
    type IntoFuture = Call<McpLogin>;

    fn into_future(self) -> Self::IntoFuture {
        Call::new(self.begin())
    }
}

debug_shows!(StartMcpLogin { params: params });

/// A login to an MCP server that has begun, from [`Codex::mcp_login`].
///
/// Clones are the same login. They keep the runtime alive, which the login needs. Dropping them doesn't cancel
/// it. `Debug` shows no address.
#[derive(Clone)]
pub struct McpLogin {
    end: LoginEnd<McpServerOauthLoginCompletedNotification>,
    name: String,
    /// Runtimes older than the pinned one omit it.
    login_id: Option<String>,
    authorization_url: String,
}

impl McpLogin {
    /// The name of the server.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The page to open in the user's browser.
    pub fn authorization_url(&self) -> &str {
        &self.authorization_url
    }

    /// Waits until this login is done (`mcpServer/oauthLogin/completed`), successfully or not: check `success`
    /// and `error`. You can wait repeatedly, and from several tasks.
    ///
    /// # Errors
    /// [`Error::Closed`](crate::Error::Closed).
    ///
    /// # Cancel safety
    /// Dropping the call loses nothing: whoever waits next gets the end.
    pub fn wait(&self) -> Call<McpServerOauthLoginCompletedNotification> {
        let (name, login_id) = (self.name.clone(), self.login_id.clone());
        self.end.wait(move |event| match event {
            Notification::McpServerOauthLoginCompleted(end) => {
                let own = match &login_id {
                    Some(id) => end.login_id.as_ref() == Some(id),
                    None => end.name == name,
                };
                own.then_some(end)
            }
            _ => None,
        })
    }
}

// The address would let its reader take part in the login.
debug_shows!(McpLogin {
    name: name,
    login_id: login_id
});
