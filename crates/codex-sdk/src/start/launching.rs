//! Which process is started, and with what.

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
        /// A version other than [`RUNTIME_VERSION`](crate::RUNTIME_VERSION) is allowed, and logged as a
        /// warning that says whether it is older or newer. One before 0.132.0 is an
        /// [`Error::UnsupportedRuntime`](crate::Error::UnsupportedRuntime). One that has no number, or 0.0.0
        /// as a build from source has, is taken for a new one.
        codex_bin: PathBuf => launch.codex_bin;
        /// Installs the pinned runtime if it is missing. Default: false, a missing runtime is an error.
        ///
        /// [`runtime::install`](crate::runtime::install) does the same beforehand, and reports progress.
        install_runtime = bool => launch.install_runtime;
    }

    /// Sets `CODEX_HOME`: the existing folder with the configuration, the login and the threads.
    ///
    /// Default: the runtime's own, `.codex` in the user's home. Use one client per home at a time. A
    /// relative path starts from this program's folder. That the runtime uses another home all the same, as
    /// behind a script that sets `CODEX_HOME` itself, is logged as a warning; [`Metadata::codex_home`] has
    /// what it uses.
    ///
    /// [`Metadata::codex_home`]: crate::Metadata::codex_home
    pub fn codex_home(self, path: impl Into<PathBuf>) -> Self {
        self.env(CODEX_HOME, path.into())
    }

    setters! {
        /// Sets the runtime's working folder, which new threads work in unless they say otherwise. Default:
        /// this program's.
        cwd: PathBuf => launch.cwd;
    }

    /// Sets an environment variable of the runtime.
    ///
    /// Commands that the model runs see the runtime's environment: see [`Self::env_clear`].
    ///
    /// The last call for a variable counts, of this and of [`Self::env_remove`].
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

    /// Sets several environment variables of the runtime, as [`Self::env`] does one.
    pub fn envs<K: Into<OsString>, V: Into<OsString>>(
        mut self,
        variables: impl IntoIterator<Item = (K, V)>,
    ) -> Self {
        let variables = variables.into_iter();
        let variables = variables.map(|(key, value)| (key.into(), Some(value.into())));
        self.launch.env.changed.extend(variables);
        self
    }

    /// Inherits nothing of this program's environment, but what [`Self::env_allow`] names.
    ///
    /// By default the runtime inherits all of it, and so do the commands that the model runs: a
    /// password that lies in a variable can be read by them. Only what a Codex session tells its commands
    /// about itself isn't inherited, such as `CODEX_THREAD_ID`, `CODEX_SANDBOX` and
    /// `CODEX_INTERNAL_ORIGINATOR_OVERRIDE`: a runtime that is started by such a command would take that
    /// session's name for its own. [`Self::env`] and [`Self::env_allow`] pass these on, too.
    pub fn env_clear(mut self) -> Self {
        self.launch.env.inherited.get_or_insert_default();
        self
    }

    /// Inherits these variables, and no others. The runtime needs `HOME` and `PATH` at least; on Windows
    /// `USERPROFILE`, `SystemRoot` and `Path`.
    pub fn env_allow<K: Into<OsString>>(mut self, keys: impl IntoIterator<Item = K>) -> Self {
        let inherited = self.launch.env.inherited.get_or_insert_default();
        inherited.extend(keys.into_iter().map(Into::into));
        self
    }

    /// Overrides a key of the configuration. It is a TOML key: dots nest, and a name with anything but
    /// letters, digits, `_` and `-` is quoted, as in `projects."/srv/a.b".trust_level`. A later call goes
    /// before an earlier one.
    ///
    /// What TOML doesn't have is an [`Error::InvalidInput`](crate::Error::InvalidInput) of the start: a `null`, an integer beyond
    /// 64 bits with a sign, any other key. So is a key whose first name is quoted.
    ///
    /// The value is given to the runtime on its command line, which other users of the machine can
    /// read: put secrets into the environment or into `config.toml`.
    pub fn config(mut self, key: impl Into<String>, value: impl Into<Value>) -> Self {
        self.launch.config.push((key.into(), value.into()));
        self
    }

    /// Replaces all arguments of the program, [`Self::config`] included.
    ///
    /// Default: the configuration, then `app-server --listen stdio://`.
    pub fn launch_args<A: Into<OsString>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        self.launch.args = Some(args.into_iter().map(Into::into).collect());
        self
    }
}
