//! What the runtime reports about itself.

use codex_cli_bin::RUNTIME_VERSION;
use codex_types as types;

/// What the runtime reported about itself in the handshake (`initialize`).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Metadata {
    /// How the runtime identifies itself to its provider.
    pub user_agent: String,
    /// The first part of the user agent: this client's name, as the runtime writes it.
    pub server_name: String,
    /// The runtime's version, for example `0.163.0`; empty if it reports none.
    pub server_version: String,
    /// The folder with the configuration, the login and the threads.
    pub codex_home: String,
    /// For example `unix`.
    pub platform_family: String,
    /// For example `linux`.
    pub platform_os: String,
}

impl Metadata {
    /// Whether the runtime has the version that this SDK is made for,
    /// [`RUNTIME_VERSION`](crate::RUNTIME_VERSION).
    pub fn is_pinned(&self) -> bool {
        self.server_version == RUNTIME_VERSION
    }

    pub(crate) fn new(response: types::InitializeResponse) -> Self {
        let (name, version) = name_and_version(&response.user_agent);
        Self {
            server_name: name.to_owned(),
            server_version: version.to_owned(),
            codex_home: response.codex_home.to_string(),
            platform_family: response.platform_family,
            platform_os: response.platform_os,
            user_agent: response.user_agent,
        }
    }
}

/// Splits `NAME/VERSION (SYSTEM; …) …`. The name is the client's choice and may contain slashes.
pub(crate) fn name_and_version(user_agent: &str) -> (&str, &str) {
    let head = user_agent.split(" (").next().unwrap_or_default();
    let (name, rest) = head
        .rsplit_once('/')
        .or_else(|| version_after_space(head))
        .unwrap_or((user_agent, ""));
    (
        name,
        rest.split(char::is_whitespace).next().unwrap_or_default(),
    )
}

/// Splits `codex-cli 0.153.0`, the form that some versions used.
fn version_after_space(user_agent: &str) -> Option<(&str, &str)> {
    let (name, rest) = user_agent.split_once(' ')?;
    rest.starts_with(|c: char| c.is_ascii_digit())
        .then_some((name, rest))
}
