//! Where the model's commands run, if not on the runtime's machine.

use std::fmt;
use std::path::PathBuf;

use codex_types::{
    EnvironmentAddParams, EnvironmentAddParamsRequired, LegacyAppPathString, TurnEnvironmentParams,
};
use secrecy::{ExposeSecret, SecretString};

use crate::codex::inner::CodexInner;
use crate::error::{Error, Result};
use crate::paths::absolute;

/// Where the model's commands run and its files are, instead of the runtime's own machine. Give it to
/// [`StartThread::environment`](crate::StartThread::environment) or
/// [`StartTurn::environment`](crate::StartTurn::environment).
///
/// The other machine runs `codex exec-server --listen ws://…`. The runtime connects to it itself, so give the
/// address as the runtime sees it.
///
/// ```no_run
/// # async fn example(codex: codex_sdk::Codex, token: String) -> codex_sdk::Result<()> {
/// use codex_sdk::Environment;
///
/// let builder = Environment::remote("wss://builder.example.com").bearer_token(token);
/// let thread = codex.thread_start().environment(builder.cwd("/srv/project")).await?;
/// thread.run("Run the tests.").await?;
/// # Ok(())
/// # }
/// ```
///
/// An unreachable environment is not an error: the thread begins without commands, and the model says so or
/// does without. If the connection is lost during a command, the runtime sends
/// `thread/environment/disconnected`, and the turn continues: when the time that the model gave the command is
/// over, the model gets what it had printed; further commands fail.
#[derive(Clone)]
#[must_use = "it has no effect until it is given to a thread or a turn"]
pub struct Environment {
    id: String,
    url: String,
    token: Option<SecretString>,
    cwd: Option<PathBuf>,
}

impl Environment {
    /// An exec-server at this address (`ws://` or `wss://`).
    pub fn remote(url: impl Into<String>) -> Self {
        Self {
            id: format!("codex-sdk-{:016x}", fastrand::u64(..)),
            url: url.into(),
            token: None,
            cwd: None,
        }
    }

    /// The token that the exec-server expects. The runtime sends it only over `wss` or to its own machine.
    /// Needs Codex 0.158.0.
    pub fn bearer_token(mut self, token: impl Into<SecretString>) -> Self {
        self.token = Some(token.into());
        self
    }

    /// The folder there that the thread works in. Required, and must be absolute.
    pub fn cwd(mut self, cwd: impl Into<PathBuf>) -> Self {
        self.cwd = Some(cwd.into());
        self
    }

    /// Makes it known to the runtime (`environment/add`) and names it.
    async fn add(self, codex: &CodexInner) -> Result<TurnEnvironmentParams> {
        let Some(cwd) = self.cwd else {
            let problem = "the folder of an environment is missing: say it with `cwd`";
            return Err(Error::InvalidInput(problem.to_owned()));
        };
        let cwd = absolute(cwd)?;
        // The runtime accepts any address, and begins without commands.
        if !["ws://", "wss://"]
            .iter()
            .any(|it| self.url.starts_with(it))
        {
            let problem = "the address of an exec-server begins with `wss://` or `ws://`";
            return Err(Error::InvalidInput(problem.to_owned()));
        }
        let mut add = EnvironmentAddParams::from(EnvironmentAddParamsRequired {
            environment_id: self.id.clone(),
            exec_server_url: self.url,
        });
        add.auth_bearer_token = self.token.map(|token| token.expose_secret().to_owned());
        codex.request(&add, None).await?;
        Ok(TurnEnvironmentParams::new(
            LegacyAppPathString(cwd),
            self.id,
        ))
    }
}

/// Makes environments known to the runtime, in order.
pub(crate) async fn add_all(
    codex: &CodexInner,
    environments: Vec<Environment>,
) -> Result<Vec<TurnEnvironmentParams>> {
    let mut added = Vec::with_capacity(environments.len());
    for environment in environments {
        added.push(environment.add(codex).await?);
    }
    Ok(added)
}

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // An address may hold a secret in its query and before its host.
        let url = self.url.split(['?', '#']).next().unwrap_or_default();
        let url = match (url.split_once("://"), url.rsplit_once('@')) {
            (Some((scheme, _)), Some((_, rest))) => format!("{scheme}://{rest}"),
            _ => url.to_owned(),
        };
        f.debug_struct("Environment")
            .field("url", &url)
            .field("cwd", &self.cwd)
            .finish_non_exhaustive()
    }
}
