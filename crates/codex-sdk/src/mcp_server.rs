//! Servers of the Model Context Protocol that a thread is given.

use std::{collections::BTreeMap, fmt, path::PathBuf, time::Duration};

use serde::Serialize;
use serde_json::{Map, Value};

use crate::{Error, Result, options::setters};

/// The key of the configuration that has the servers, by their names.
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
/// It is given to a thread by [`StartThread::mcp_server`](crate::StartThread::mcp_server). What isn't set
/// is as the runtime has it. An option for programs, on a server that is reached by HTTP, or the other way
/// round, makes the runtime refuse the thread. The server is the runtime's child, outside of the sandbox.
///
/// `Debug` shows no arguments, no address, and no values of variables and headers.
#[derive(Clone, PartialEq)]
#[must_use = "a server does nothing until a thread is given it"]
pub struct McpServer {
    params: Config,
}

/// The runtime's own keys.
#[derive(Clone, Default, PartialEq, Serialize)]
struct Config {
    #[serde(skip_serializing_if = "Option::is_none")]
    command: Option<PathBuf>,
    #[serde(skip_serializing_if = "Option::is_none")]
    args: Option<Vec<String>>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    env: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    env_vars: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cwd: Option<PathBuf>,
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bearer_token_env_var: Option<String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    http_headers: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    env_http_headers: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    enabled: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    required: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    startup_timeout_sec: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_timeout_sec: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    enabled_tools: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    disabled_tools: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    scopes: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    oauth_resource: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    supports_parallel_tool_calls: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    default_tools_approval_mode: Option<McpToolApproval>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    tools: BTreeMap<String, ToolConfig>,
    #[serde(flatten)]
    others: Map<String, Value>,
}

#[derive(Clone, PartialEq, Serialize)]
struct ToolConfig {
    approval_mode: McpToolApproval,
}

/// When the tools of an MCP server may run.
///
/// An approval is asked for as every other: see [`ApprovalMode`](crate::ApprovalMode). Where nothing is
/// approved, the call fails, the model is told, and the turn goes on. **With full access and the approval
/// policy `never` every call runs**, whatever is said here: that is
/// [`Sandbox::FullAccess`](crate::Sandbox::FullAccess) with
/// [`ApprovalMode::DenyAll`](crate::ApprovalMode::DenyAll).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum McpToolApproval {
    /// By what the server says of a tool: one that only reads runs, one of which it says nothing needs
    /// an approval.
    Auto,
    /// Every call needs an approval.
    Prompt,
    /// Every call of a tool needs an approval, unless the server says that it only reads.
    Writes,
    /// Every call runs, approved by nobody.
    Approve,
}

/// Writes setters that add to a list.
macro_rules! lists {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        pub fn $name<T: Into<String>>(mut self, $name: impl IntoIterator<Item = T>) -> Self {
            let list = self.params.$name.get_or_insert_default();
            list.extend($name.into_iter().map(Into::into));
            self
        }
    )*};
}

impl McpServer {
    /// A program that the runtime starts for the thread, and speaks to by its standard input and output.
    /// One without a path is looked for in `PATH`.
    pub fn stdio(command: impl Into<PathBuf>) -> Self {
        let command = Some(command.into());
        let params = Config {
            command,
            ..Config::default()
        };
        Self { params }
    }

    /// A server that the runtime reaches by HTTP, in the protocol's streamable form.
    pub fn http(url: impl Into<String>) -> Self {
        let url = Some(url.into());
        let params = Config {
            url,
            ..Config::default()
        };
        Self { params }
    }

    /// Sets a variable of the program's environment. Of the runtime's own, the program has only what every
    /// program needs, such as `PATH`, and what [`Self::env_vars`] names.
    pub fn env(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.params.env.insert(name.into(), value.into());
        self
    }

    /// Sets a header of each request.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.params.http_headers.insert(name.into(), value.into());
        self
    }

    /// Sets a header of each request to what a variable of the runtime's environment has. One that isn't
    /// set there is left out.
    pub fn env_header(mut self, name: impl Into<String>, variable: impl Into<String>) -> Self {
        let headers = &mut self.params.env_http_headers;
        headers.insert(name.into(), variable.into());
        self
    }

    /// Adds an argument of the program.
    pub fn arg(self, arg: impl Into<String>) -> Self {
        self.args([arg])
    }

    lists! {
        /// Adds arguments of the program.
        args;
        /// Passes these variables of the runtime's environment on to the program.
        env_vars;
        /// Offers the model these tools only, and those of further calls.
        enabled_tools;
        /// Doesn't offer the model these tools.
        disabled_tools;
        /// The scopes that a login asks for; see [`Codex::mcp_login`](crate::Codex::mcp_login).
        scopes;
    }

    setters! {
        /// The folder that the program starts in. Default: the thread's.
        cwd: PathBuf => cwd;
        /// The variable of the runtime's environment whose value is sent as `Authorization: Bearer`.
        /// Without it, the server doesn't start.
        bearer_token_env_var: String => bearer_token_env_var;
        /// Whether the server is used at all. Default: true.
        enabled = bool => enabled;
        /// Whether the thread fails if the server doesn't start. Default: false, it goes on without.
        required = bool => required;
        /// The resource that a login names to the authorization server.
        oauth_resource: String => oauth_resource;
        /// Whether several of its tools may run at a time.
        supports_parallel_tool_calls = bool => supports_parallel_tool_calls;
        /// When its tools may run, unless [`Self::tool_approval`] says otherwise. Default:
        /// [`McpToolApproval::Auto`].
        default_tools_approval_mode = McpToolApproval => default_tools_approval_mode;
    }

    /// How long the server may take to start, and to list its tools.
    pub fn startup_timeout(mut self, timeout: Duration) -> Self {
        self.params.startup_timeout_sec = Some(timeout.as_secs_f64());
        self
    }

    /// How long a call of a tool may take.
    pub fn tool_timeout(mut self, timeout: Duration) -> Self {
        self.params.tool_timeout_sec = Some(timeout.as_secs_f64());
        self
    }

    /// When this one tool may run.
    pub fn tool_approval(
        mut self,
        tool: impl Into<String>,
        approval_mode: McpToolApproval,
    ) -> Self {
        let config = ToolConfig { approval_mode };
        self.params.tools.insert(tool.into(), config);
        self
    }

    /// Sets any other key of the runtime's configuration of a server. One that it doesn't know it ignores.
    pub fn config(mut self, key: impl Into<String>, value: impl Into<Value>) -> Self {
        self.params.others.insert(key.into(), value.into());
        self
    }
}

impl fmt::Debug for McpServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Config {
            command,
            env,
            env_vars,
            bearer_token_env_var,
            http_headers,
            env_http_headers,
            others,
            ..
        } = &self.params;
        f.debug_struct("McpServer")
            .field("command", command)
            .field("env", &env.keys())
            .field("env_vars", env_vars)
            .field("bearer_token_env_var", bearer_token_env_var)
            .field("headers", &http_headers.keys())
            .field("env_headers", env_http_headers)
            .field("config", &others.keys().collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}

/// The configuration of a thread with these servers in it.
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
    if servers.is_empty() {
        return Ok(Some(config));
    }
    // The runtime would lose one of the two, and say nothing.
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
        let server = serde_json::to_value(server.params).map_err(|error| {
            Error::InvalidInput(format!("the MCP server {name:?} can't be written: {error}"))
        })?;
        table.insert(name, server);
    }
    Ok(Some(config))
}

/// With another name the runtime accepts the thread, and the server doesn't start.
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
