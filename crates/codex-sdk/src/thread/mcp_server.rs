//! Model Context Protocol servers for a thread.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Map, Value};

use crate::error::{Error, Result};
use crate::paths::utf8;

/// The configuration key that holds the servers by name.
const KEY: &str = "mcp_servers";

/// A server of the Model Context Protocol (MCP), whose tools the model may call.
///
/// ```
/// use codex_sdk::McpServer;
/// use std::time::Duration;
///
/// let files = McpServer::stdio("files-mcp").args(["--root", "."]).env("FILES_KEY", "secret");
/// let search = McpServer::http("https://mcp.example.org")
///     .bearer_token_env_var("SEARCH_TOKEN")
///     .tool_timeout(Duration::from_secs(20));
/// # drop((files, search));
/// ```
///
/// Give it to a thread with [`StartThread::mcp_server`](crate::StartThread::mcp_server). What isn't set has the
/// runtime's default. If you set an option for programs on an HTTP server, or the other way round, the runtime
/// refuses the thread. A program runs as the runtime's child, outside the sandbox.
///
/// `Debug` shows no arguments, no address, and no values of variables or headers.
#[derive(Clone, Default, PartialEq)]
#[must_use = "a server does nothing until a thread is given it"]
pub struct McpServer {
    /// Separate from the other keys: a path may not be UTF-8, which is refused when it is sent.
    command: Option<PathBuf>,
    cwd: Option<PathBuf>,
    /// The runtime's own keys.
    keys: Map<String, Value>,
}

/// When the tools of an MCP server may run.
///
/// Approvals are requested as always: see [`ApprovalMode`](crate::ApprovalMode). Where nothing is approved, the
/// call fails, the model is told, and the turn continues. **With full access and the approval policy `never`,
/// every call runs**, whatever you set here: that is [`Sandbox::FullAccess`](crate::Sandbox::FullAccess) with
/// [`ApprovalMode::DenyAll`](crate::ApprovalMode::DenyAll).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum McpToolApproval {
    /// Depends on what the server says about a tool: a read-only tool runs; one it says nothing about needs an
    /// approval.
    Auto,
    /// Every call needs an approval.
    Prompt,
    /// Every call of a tool needs an approval, unless the server says that the tool is read-only.
    Writes,
    /// Every call runs without an approval.
    Approve,
}

/// Writes setters named after their keys: `name: Type` accepts whatever converts into that type, `name = Type`
/// only that type, `[name]` adds to a list.
macro_rules! keys {
    () => {};
    ($(#[$doc:meta])* $name:ident: $type:ty; $($rest:tt)*) => {
        $(#[$doc])*
        pub fn $name(self, $name: impl Into<$type>) -> Self {
            self.config(stringify!($name), $name.into())
        }
        keys! { $($rest)* }
    };
    ($(#[$doc:meta])* $name:ident = $type:ty; $($rest:tt)*) => {
        $(#[$doc])*
        pub fn $name(self, $name: $type) -> Self {
            self.config(stringify!($name), $name)
        }
        keys! { $($rest)* }
    };
    ($(#[$doc:meta])* [$name:ident]; $($rest:tt)*) => {
        $(#[$doc])*
        pub fn $name<T: Into<String>>(mut self, $name: impl IntoIterator<Item = T>) -> Self {
            let list = self.keys.entry(stringify!($name)).or_insert_with(|| Value::Array(vec![]));
            if let Value::Array(list) = list {
                list.extend($name.into_iter().map(|item| item.into().into()));
            }
            self
        }
        keys! { $($rest)* }
    };
}

impl McpServer {
    /// A program that the runtime starts for the thread and talks to over its standard input and output. A name
    /// without a path is looked up in `PATH`.
    pub fn stdio(command: impl Into<PathBuf>) -> Self {
        Self {
            command: Some(command.into()),
            ..Self::default()
        }
    }

    /// A server that the runtime reaches by the protocol's streamable HTTP.
    pub fn http(url: impl Into<String>) -> Self {
        Self::default().config("url", url.into())
    }

    /// Sets an entry in a key that is a table.
    fn entry(mut self, key: &str, name: impl Into<String>, value: impl Into<Value>) -> Self {
        let table = self.keys.entry(key).or_insert_with(|| Map::new().into());
        if let Value::Object(table) = table {
            table.insert(name.into(), value.into());
        }
        self
    }

    /// Sets an environment variable of the program. From the runtime's own environment, the program gets only
    /// what every program needs, such as `PATH`, and what [`Self::env_vars`] names.
    pub fn env(self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.entry("env", name, value.into())
    }

    /// Sets a header on each request.
    pub fn header(self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.entry("http_headers", name, value.into())
    }

    /// Sets a header on each request to the value of a variable in the runtime's environment. If the variable
    /// isn't set, the header is omitted.
    pub fn env_header(self, name: impl Into<String>, variable: impl Into<String>) -> Self {
        self.entry("env_http_headers", name, variable.into())
    }

    /// Adds an argument for the program.
    pub fn arg(self, arg: impl Into<String>) -> Self {
        self.args([arg])
    }

    keys! {
        /// Adds arguments for the program.
        [args];
        /// Passes these variables from the runtime's environment to the program.
        [env_vars];
        /// Offers the model only these tools; further calls add to them.
        [enabled_tools];
        /// Hides these tools from the model.
        [disabled_tools];
        /// The scopes that a login requests; see [`Codex::mcp_login`](crate::Codex::mcp_login).
        [scopes];
        /// The variable in the runtime's environment whose value is sent as `Authorization: Bearer`. If it
        /// isn't set, the server doesn't start.
        bearer_token_env_var: String;
        /// Whether the server is used at all. Default: true.
        enabled = bool;
        /// Whether the thread fails if the server doesn't start. Default: false, the thread continues without
        /// it.
        required = bool;
        /// The resource that a login names to the authorization server.
        oauth_resource: String;
        /// Whether several of its tools may run at once.
        supports_parallel_tool_calls = bool;
        /// When its tools may run, unless [`Self::tool_approval`] says otherwise. Default:
        /// [`McpToolApproval::Auto`].
        default_tools_approval_mode = McpToolApproval;
    }

    /// The folder that the program starts in. Default: the thread's.
    pub fn cwd(mut self, cwd: impl Into<PathBuf>) -> Self {
        self.cwd = Some(cwd.into());
        self
    }

    /// How long the server may take to start and list its tools.
    pub fn startup_timeout(self, timeout: Duration) -> Self {
        self.config("startup_timeout_sec", timeout.as_secs_f64())
    }

    /// How long a tool call may take.
    pub fn tool_timeout(self, timeout: Duration) -> Self {
        self.config("tool_timeout_sec", timeout.as_secs_f64())
    }

    /// When this tool may run.
    pub fn tool_approval(self, tool: impl Into<String>, mode: McpToolApproval) -> Self {
        let mut config = Map::new();
        config.insert("approval_mode".to_owned(), mode.into());
        self.entry("tools", tool, config)
    }

    /// Sets any other key of a server in the runtime's configuration. The runtime ignores keys it doesn't know.
    pub fn config(mut self, key: impl Into<String>, value: impl Into<Value>) -> Self {
        self.keys.insert(key.into(), value.into());
        self
    }
}

impl From<McpToolApproval> for Value {
    fn from(mode: McpToolApproval) -> Self {
        let mode = match mode {
            McpToolApproval::Auto => "auto",
            McpToolApproval::Prompt => "prompt",
            McpToolApproval::Writes => "writes",
            McpToolApproval::Approve => "approve",
        };
        mode.into()
    }
}

impl fmt::Debug for McpServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = |key| {
            let table = self.keys.get(key).and_then(Value::as_object);
            table.map(|table| table.keys().collect::<Vec<_>>())
        };
        // These hold names of variables.
        let variables = ["env_vars", "bearer_token_env_var", "env_http_headers"];
        let mut shown = f.debug_struct("McpServer");
        shown
            .field("command", &self.command)
            .field("cwd", &self.cwd);
        shown.field("env", &names("env"));
        shown.field("http_headers", &names("http_headers"));
        for key in variables {
            shown.field(key, &self.keys.get(key));
        }
        shown.field("keys", &self.keys.keys().collect::<Vec<_>>());
        shown.finish_non_exhaustive()
    }
}

/// A thread's configuration with these servers added.
pub(crate) fn with_servers(
    config: Option<Value>,
    servers: Vec<(String, McpServer)>,
) -> Result<Option<Map<String, Value>>> {
    let mut config = match config {
        None if servers.is_empty() => return Ok(None),
        None => Map::new(),
        Some(Value::Object(config)) => config,
        Some(_) => return Err(invalid("`config` of a thread must be a JSON object")),
    };
    // The runtime splits keys at each dot and treats quotes as part of the name.
    if let Some(key) = config.keys().find(|key| key.contains(['"', '\''])) {
        return Err(Error::InvalidInput(format!(
            "the key {key:?} in `config` has quotes: write what has dots in its name as a nested object"
        )));
    }
    if servers.is_empty() {
        return Ok(Some(config));
    }
    // The runtime would silently lose one of the two.
    if config.keys().any(|key| key.starts_with("mcp_servers.")) {
        let message = "next to `mcp_server`, write `mcp_servers` in `config` as an object";
        return Err(invalid(message));
    }
    let table = config.entry(KEY).or_insert_with(|| Map::new().into());
    let Value::Object(table) = table else {
        return Err(invalid("`mcp_servers` in `config` must be an object"));
    };
    for (name, server) in servers {
        check_name(&name)?;
        let mut keys = server.keys;
        let paths = [("command", server.command), ("cwd", server.cwd)];
        for (key, path) in paths {
            if let Some(path) = path {
                keys.insert(key.to_owned(), utf8(path)?.into());
            }
        }
        table.insert(name, keys.into());
    }
    Ok(Some(config))
}

/// With any other name, the runtime accepts the thread, but the server doesn't start.
fn check_name(name: &str) -> Result<()> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "_:@/.-".contains(c);
    if !name.is_empty() && name.chars().all(allowed) {
        return Ok(());
    }
    Err(Error::InvalidInput(format!(
        "{name:?} can't be the name of an MCP server: use ASCII letters, digits and _ : @ / . -"
    )))
}

fn invalid(message: &str) -> Error {
    Error::InvalidInput(message.to_owned())
}
