use std::fs;

use toml::{Table, Value};

use super::{CodexHome, HomeError, location};
use crate::ScriptedModel;

/// Sets up a [`CodexHome`].
///
/// Defaults: model `mock-model`, approval policy `never`, sandbox `read-only`, an untrusted
/// workspace, no login required, and a model provider without a server.
#[derive(Clone, Debug)]
#[must_use = "`build` creates the home"]
pub struct CodexHomeBuilder {
    base_url: String,
    model_name: String,
    approval_policy: Option<String>,
    sandbox_mode: Option<String>,
    requires_openai_auth: bool,
    trusted: bool,
    features: Table,
    extra: Vec<String>,
}

impl Default for CodexHomeBuilder {
    fn default() -> Self {
        Self {
            // The discard port: a test without a model fails at once, even offline.
            base_url: "http://127.0.0.1:9/v1".into(),
            model_name: "mock-model".into(),
            approval_policy: Some("never".into()),
            sandbox_mode: Some("read-only".into()),
            requires_openai_auth: false,
            trusted: false,
            // The runtime downloads plugins at start, whatever the provider.
            features: Table::from_iter([("plugins".into(), Value::Boolean(false))]),
            extra: Vec::new(),
        }
    }
}

impl CodexHomeBuilder {
    /// Points the runtime at this model.
    pub fn model(mut self, model: &ScriptedModel) -> Self {
        self.base_url = model.base_url();
        self
    }

    /// Sets the model's name.
    ///
    /// The runtime doesn't know the default, `mock-model`: it warns on every turn and offers no
    /// `apply_patch`. Use `gpt-5.5` to test tools.
    pub fn model_name(mut self, name: impl Into<String>) -> Self {
        self.model_name = name.into();
        self
    }

    /// Sets when the runtime asks for approval: `on-request` or `never`. The runtime doesn't start
    /// with `untrusted`; only a thread or a turn can still use that.
    pub fn approval_policy(mut self, policy: impl Into<String>) -> Self {
        self.approval_policy = Some(policy.into());
        self
    }

    /// Sets the sandbox: `read-only`, `workspace-write` or `danger-full-access`.
    pub fn sandbox_mode(mut self, mode: impl Into<String>) -> Self {
        self.sandbox_mode = Some(mode.into());
        self
    }

    /// Sets neither approval policy nor sandbox. The runtime then decides by whether the workspace
    /// is [trusted](Self::trusted).
    pub fn runtime_policy(mut self) -> Self {
        self.approval_policy = None;
        self.sandbox_mode = None;
        self
    }

    /// Makes the model provider require a login, to test logins.
    pub fn requires_openai_auth(mut self, required: bool) -> Self {
        self.requires_openai_auth = required;
        self
    }

    /// Marks the workspace as trusted, which changes what the runtime allows by default.
    pub fn trusted(mut self, trusted: bool) -> Self {
        self.trusted = trusted;
        self
    }

    /// Turns a runtime feature, such as `goals`, on or off.
    pub fn feature(mut self, name: impl Into<String>, enabled: bool) -> Self {
        self.features.insert(name.into(), Value::Boolean(enabled));
        self
    }

    /// Merges TOML text over everything else: tables are merged, other values replaced.
    pub fn config_toml(mut self, text: impl Into<String>) -> Self {
        self.extra.push(text.into());
        self
    }

    /// Creates the folders and writes `config.toml`.
    ///
    /// # Errors
    ///
    /// If a folder can't be created, its path isn't UTF-8, or an added text isn't TOML.
    pub fn build(self) -> Result<CodexHome, HomeError> {
        let root = location::create()?;
        // From here on, dropping the value removes the folder, even if a later step fails.
        let home = CodexHome {
            home: root.join("codex-home"),
            workspace: root.join("workspace"),
            user: root.join("user"),
            root,
        };
        for folder in [&home.home, &home.workspace, &home.user] {
            fs::create_dir(folder)?;
        }
        let workspace = home.workspace.to_str();
        let workspace = workspace.ok_or_else(|| HomeError::NotUtf8(home.workspace.clone()))?;
        let mut config = self.config(workspace);
        for text in &self.extra {
            merge(&mut config, text.parse()?);
        }
        fs::write(home.config_path(), toml::to_string(&config)?)?;
        Ok(home)
    }

    fn config(&self, workspace: &str) -> Table {
        let provider = table([
            ("name", "Scripted model".into()),
            ("base_url", self.base_url.as_str().into()),
            ("wire_api", "responses".into()),
            ("request_max_retries", 0.into()),
            ("stream_max_retries", 0.into()),
            ("supports_websockets", false.into()),
            ("requires_openai_auth", self.requires_openai_auth.into()),
        ]);
        let mut config = table([
            ("model", self.model_name.as_str().into()),
            ("model_provider", "scripted".into()),
            // The workspace is inside the tested project, whose AGENTS.md isn't part of the test.
            ("project_root_markers", Value::Array(Vec::new())),
            ("features", self.features.clone().into()),
            (
                "model_providers",
                table([("scripted", provider.into())]).into(),
            ),
        ]);
        let policies = [
            ("approval_policy", &self.approval_policy),
            ("sandbox_mode", &self.sandbox_mode),
        ];
        for (key, policy) in policies {
            config.extend(policy.clone().map(|policy| (key.to_owned(), policy.into())));
        }
        if self.trusted {
            let trust = table([("trust_level", "trusted".into())]);
            let projects = table([(workspace, trust.into())]);
            config.insert("projects".into(), projects.into());
        }
        config
    }
}

pub(super) fn merge(into: &mut Table, from: Table) {
    for (key, value) in from {
        match (into.get_mut(&key), value) {
            (Some(Value::Table(into)), Value::Table(from)) => merge(into, from),
            (_, value) => {
                into.insert(key, value);
            }
        }
    }
}

fn table<const N: usize>(entries: [(&str, Value); N]) -> Table {
    entries
        .into_iter()
        .map(|(key, value)| (key.to_owned(), value))
        .collect()
}
