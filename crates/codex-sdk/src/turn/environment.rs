//! Where the commands of the model run: the hands on another machine.

use std::fmt;
use std::path::PathBuf;

use codex_types::{
    EnvironmentAddParams, EnvironmentAddParamsRequired, LegacyAppPathString, TurnEnvironmentParams,
};
use secrecy::{ExposeSecret, SecretString};

use crate::codex::inner::CodexInner;
use crate::error::{Error, Result};
use crate::paths::absolute;

/// Where the commands of the model run and its files are, instead of the runtime's own machine: given to
/// [`StartThread::environment`](crate::StartThread::environment) and
/// [`StartTurn::environment`](crate::StartTurn::environment).
///
/// On the other machine `codex exec-server --listen ws://…` runs. The runtime connects to it by itself: the address is
/// as the runtime sees it.
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
/// One that can't be reached is no error: the thread begins without commands, and the model says so or does without. When
/// it is lost in the middle of a command, `thread/environment/disconnected` is sent, and the turn goes on: the model gets
/// what the command had printed when the time is over that it gave it, and further commands fail.
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

    /// The token that the exec-server expects. The runtime sends it over `wss`, and to its own machine, alone. Needs
    /// Codex 0.158.0.
    pub fn bearer_token(mut self, token: impl Into<SecretString>) -> Self {
        self.token = Some(token.into());
        self
    }

    /// The folder there that the thread works in. It has to be given, and to be absolute.
    pub fn cwd(mut self, cwd: impl Into<PathBuf>) -> Self {
        self.cwd = Some(cwd.into());
        self
    }

    /// Makes it known to the runtime (`environment/add`), and names it.
    async fn add(self, codex: &CodexInner) -> Result<TurnEnvironmentParams> {
        let Some(cwd) = self.cwd else {
            let problem = "the folder of an environment is missing: say it with `cwd`";
            return Err(Error::InvalidInput(problem.to_owned()));
        };
        let cwd = absolute(cwd)?;
        // The runtime takes any address, and begins without commands.
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

/// Makes environments known to the runtime, in their order.
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
        // The query of an address may hold a secret, and so may what stands before the host.
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
