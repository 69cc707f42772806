//! Which process to start, and with what.

use std::ffi::OsString;
use std::path::PathBuf;

use serde_json::Value;

use crate::setters::setters;
use crate::start::builder::CodexBuilder;
use crate::start::ends::StartsRuntime;
use crate::start::environment::CODEX_HOME;

impl<T: StartsRuntime> CodexBuilder<T> {
    setters! {
        /// Uses the Codex binary at this path instead of the pinned runtime.
        ///
        /// A version other than [`RUNTIME_VERSION`](crate::RUNTIME_VERSION) is allowed; a logged warning says
        /// whether it is older or newer. A version before 0.132.0 is an
        /// [`Error::UnsupportedRuntime`](crate::Error::UnsupportedRuntime). A runtime without a version number,
        /// or with 0.0.0 as in a build from source, counts as a new one.
        codex_bin: PathBuf => launch.codex_bin;
        /// Installs the pinned runtime if it is missing. Default: false, a missing runtime is an error.
        ///
        /// [`runtime::install`](crate::runtime::install) does the same in advance and reports progress.
        install_runtime = bool => launch.install_runtime;
    }

    /// Sets `CODEX_HOME`: the existing folder with the configuration, the login and the threads.
    ///
    /// Default: the runtime's own, `.codex` in the user's home. Use one client per home at a time. A relative
    /// path starts from this program's folder. If the runtime uses another home anyway, for example behind a
    /// script that sets `CODEX_HOME` itself, a warning is logged; [`Metadata::codex_home`] is the one in use.
    ///
    /// [`Metadata::codex_home`]: crate::Metadata::codex_home
    pub fn codex_home(self, path: impl Into<PathBuf>) -> Self {
        self.env(CODEX_HOME, path.into())
    }

    setters! {
        /// Sets the runtime's working folder, which new threads work in unless they set another. Default: this
        /// program's.
        cwd: PathBuf => launch.cwd;
    }

    /// Sets an environment variable of the runtime.
    ///
    /// Commands that the model runs see the runtime's environment: see [`Self::env_clear`].
    ///
    /// For each variable, the last call counts, of this or of [`Self::env_remove`].
    pub fn env(mut self, key: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        let changed = &mut self.launch.env.changed;
        changed.insert(key.into(), Some(value.into()));
        self
    }

    /// Leaves a variable out of the runtime's environment.
    pub fn env_remove(mut self, key: impl Into<OsString>) -> Self {
        self.launch.env.changed.insert(key.into(), None);
        self
    }

    /// Sets several environment variables of the runtime, like [`Self::env`].
    pub fn envs<K: Into<OsString>, V: Into<OsString>>(
        mut self,
        variables: impl IntoIterator<Item = (K, V)>,
    ) -> Self {
        let variables = variables.into_iter();
        let variables = variables.map(|(key, value)| (key.into(), Some(value.into())));
        self.launch.env.changed.extend(variables);
        self
    }

    /// Inherits nothing from this program's environment, except what [`Self::env_allow`] names.
    ///
    /// By default the runtime inherits all of it, and so do the commands that the model runs: they can read a
    /// password in a variable. Only what a Codex session tells its commands about itself isn't inherited, such
    /// as `CODEX_THREAD_ID`, `CODEX_SANDBOX` and `CODEX_INTERNAL_ORIGINATOR_OVERRIDE`: a runtime started by
    /// such a command would take that session's name for its own. [`Self::env`] and [`Self::env_allow`] can
    /// pass these on too.
    pub fn env_clear(mut self) -> Self {
        self.launch.env.inherited.get_or_insert_default();
        self
    }

    /// Inherits only these variables. The runtime needs at least `HOME` and `PATH`; on Windows `USERPROFILE`,
    /// `SystemRoot` and `Path`.
    pub fn env_allow<K: Into<OsString>>(mut self, keys: impl IntoIterator<Item = K>) -> Self {
        let inherited = self.launch.env.inherited.get_or_insert_default();
        inherited.extend(keys.into_iter().map(Into::into));
        self
    }

    /// Overrides a configuration key. It is a TOML key: dots nest, and a name with anything but letters,
    /// digits, `_` and `-` is quoted, as in `projects."/srv/a.b".trust_level`. A later call takes precedence
    /// over an earlier one.
    ///
    /// Anything that TOML doesn't have is an [`Error::InvalidInput`](crate::Error::InvalidInput) of the start:
    /// a `null`, an integer beyond signed 64 bits, any other key. So is a key whose first name is quoted.
    ///
    /// The runtime gets the value on its command line, which other users of the machine can read: put secrets
    /// in the environment or in `config.toml`.
    pub fn config(mut self, key: impl Into<String>, value: impl Into<Value>) -> Self {
        self.launch.config.push((key.into(), value.into()));
        self
    }

    /// Replaces all arguments of the program, including [`Self::config`].
    ///
    /// Default: the configuration, then `app-server --listen stdio://`.
    pub fn launch_args<A: Into<OsString>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        self.launch.args = Some(args.into_iter().map(Into::into).collect());
        self
    }
}
