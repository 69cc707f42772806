//! Tools of this program that the model can call.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use codex_types::{
    DynamicToolCallOutputContentItem, DynamicToolCallOutputContentItemInputImage,
    DynamicToolCallOutputContentItemInputText, DynamicToolCallParams, DynamicToolCallResponse,
    DynamicToolNamespaceTool, DynamicToolNamespaceToolFunction,
    DynamicToolNamespaceToolFunctionRequired, DynamicToolSpec, DynamicToolSpecFunction,
    DynamicToolSpecFunctionRequired, DynamicToolSpecNamespace,
};
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::error::{Error, HandlerResult, Result};
use crate::setters::debug_shows;

type Running = Pin<Box<dyn Future<Output = HandlerResult<ToolOutput>> + Send>>;

/// A tool of this program that a thread's model can call. Give it to
/// [`StartThread::tool`](crate::StartThread::tool).
///
/// The arguments are any type that `serde` reads and `schemars` describes: the model sees the schema. It also
/// sees what the function returns. An error, arguments that don't fit, and a panic become a failed output that
/// the model sees too; they never fail the turn.
///
/// ```no_run
/// use codex_sdk::{Tool, schemars::{self, JsonSchema}};
/// use serde::Deserialize;
///
/// #[derive(Deserialize, JsonSchema)]
/// struct Weather {
///     /// The name of a city.
///     city: String,
/// }
///
/// # async fn example(codex: codex_sdk::Codex) -> codex_sdk::Result<()> {
/// let weather = Tool::new("weather", "Tells the weather of a city.", |args: Weather| async move {
///     Ok(format!("It rains in {}.", args.city))
/// });
/// let thread = codex.thread_start().tool(weather).await?;
/// # Ok(())
/// # }
/// ```
///
/// A tool is kept until its thread or the client is closed. A tool that holds a handle to the client keeps the
/// runtime alive that long.
///
/// Each call runs on its own task, several at once if the runtime makes them so. A call that its turn no longer
/// waits for is dropped.
#[derive(Clone)]
pub struct Tool {
    name: String,
    description: String,
    namespace: Option<String>,
    namespace_description: Option<String>,
    schema: Value,
    run: Arc<dyn Fn(Value) -> Running + Send + Sync>,
}

impl Tool {
    /// Creates a tool from its name, what it does, and its function.
    ///
    /// The name consists of letters, digits, `_` and `-`: any other is an [`Error::InvalidInput`] of the
    /// operation that starts the thread. The description is for the model.
    pub fn new<Args, F, A, O>(
        name: impl Into<String>,
        description: impl Into<String>,
        run: F,
    ) -> Self
    where
        Args: DeserializeOwned + JsonSchema + Send + 'static,
        F: Fn(Args) -> A + Send + Sync + 'static,
        A: Future<Output = HandlerResult<O>> + Send + 'static,
        O: Into<ToolOutput>,
    {
        let run = Arc::new(run);
        Self {
            name: name.into(),
            description: description.into(),
            namespace: None,
            namespace_description: None,
            schema: schemars::schema_for!(Args).to_value(),
            run: Arc::new(move |arguments| {
                let run = Arc::clone(&run);
                Box::pin(async move {
                    let args = serde_json::from_value(arguments)
                        .map_err(|error| format!("the arguments don't fit the schema: {error}"))?;
                    run(args).await.map(Into::into)
                })
            }),
        }
    }

    /// The namespace of the name, of the same characters. Default: none.
    #[must_use]
    pub fn namespace(mut self, namespace: impl Into<String>) -> Self {
        self.namespace = Some(namespace.into());
        self
    }

    /// Tells the model what the tools of the namespace are for. Only one tool of a namespace needs it.
    #[must_use]
    pub fn namespace_description(mut self, description: impl Into<String>) -> Self {
        self.namespace_description = Some(description.into());
        self
    }

    /// Whether this tool has this name.
    fn is(&self, namespace: Option<&str>, name: &str) -> bool {
        self.name == name && self.namespace.as_deref() == namespace
    }

    /// Calls the tool. Anything that goes wrong becomes a failed output.
    pub(crate) async fn call(&self, arguments: Value) -> DynamicToolCallResponse {
        let answer = async { (self.run)(arguments).await };
        match crate::catch::caught(answer).await {
            Some(Ok(output)) => output.response(true),
            Some(Err(error)) => ToolOutput::from(error.to_string()).failed(),
            None => ToolOutput::from("the tool panicked").failed(),
        }
    }
}

debug_shows!(Tool {
    namespace: namespace,
    name: name,
    description: description
});

/// What a [`Tool`] returns: text, or a list of content items.
#[derive(Debug, Clone, PartialEq)]
pub struct ToolOutput(Vec<DynamicToolCallOutputContentItem>);

impl ToolOutput {
    /// Text.
    pub fn text(text: impl Into<String>) -> Self {
        let item = DynamicToolCallOutputContentItemInputText::new(text);
        DynamicToolCallOutputContentItem::InputText(item).into()
    }

    /// An image as a data URL, for example `data:image/png;base64,…`.
    pub fn image(data_url: impl Into<String>) -> Self {
        let item = DynamicToolCallOutputContentItemInputImage::new(data_url);
        DynamicToolCallOutputContentItem::InputImage(item).into()
    }

    fn response(self, success: bool) -> DynamicToolCallResponse {
        DynamicToolCallResponse::new(self.0, success)
    }

    pub(crate) fn failed(self) -> DynamicToolCallResponse {
        self.response(false)
    }
}

impl From<&str> for ToolOutput {
    fn from(text: &str) -> Self {
        Self::text(text)
    }
}

impl From<String> for ToolOutput {
    fn from(text: String) -> Self {
        Self::text(text)
    }
}

/// JSON, as text.
impl From<Value> for ToolOutput {
    fn from(value: Value) -> Self {
        Self::text(value.to_string())
    }
}

impl From<DynamicToolCallOutputContentItem> for ToolOutput {
    fn from(item: DynamicToolCallOutputContentItem) -> Self {
        Self(vec![item])
    }
}

impl From<Vec<DynamicToolCallOutputContentItem>> for ToolOutput {
    fn from(items: Vec<DynamicToolCallOutputContentItem>) -> Self {
        Self(items)
    }
}

/// The tools of a thread.
#[derive(Debug, Clone, Default)]
pub(crate) struct Toolbox(Vec<Tool>);

impl Toolbox {
    pub(crate) fn add(&mut self, tool: Tool) {
        self.0.push(tool);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn find(&self, call: &DynamicToolCallParams) -> Option<Tool> {
        let namespace = call.namespace.as_deref();
        let mut tools = self.0.iter();
        tools.find(|tool| tool.is(namespace, &call.tool)).cloned()
    }

    /// How the protocol describes them, with the tools of a namespace together.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] for a name that the model's provider would refuse, and for two tools with the
    /// same name.
    pub(crate) fn specs(&self) -> Result<Vec<DynamicToolSpec>> {
        let mut specs: Vec<DynamicToolSpec> = Vec::new();
        for (index, tool) in self.0.iter().enumerate() {
            self.check(index, tool)?;
            let Some(namespace) = &tool.namespace else {
                let function = DynamicToolSpecFunction::from(DynamicToolSpecFunctionRequired {
                    description: tool.description.clone(),
                    input_schema: tool.schema.clone(),
                    name: tool.name.clone(),
                });
                specs.push(DynamicToolSpec::Function(function));
                continue;
            };
            let function =
                DynamicToolNamespaceToolFunction::from(DynamicToolNamespaceToolFunctionRequired {
                    description: tool.description.clone(),
                    input_schema: tool.schema.clone(),
                    name: tool.name.clone(),
                });
            let function = DynamicToolNamespaceTool::Function(function);
            let known = specs.iter_mut().find_map(|spec| match spec {
                DynamicToolSpec::Namespace(known) if known.name == *namespace => Some(known),
                _ => None,
            });
            if let Some(known) = known {
                known.tools.push(function);
            } else {
                let spec = DynamicToolSpecNamespace {
                    description: self.description_of(namespace),
                    name: namespace.clone(),
                    tools: vec![function],
                };
                specs.push(DynamicToolSpec::Namespace(spec));
            }
        }
        Ok(specs)
    }

    fn description_of(&self, namespace: &str) -> String {
        let mut tools = self.0.iter();
        let described = tools.find_map(|tool| {
            let own = tool.namespace.as_deref() == Some(namespace);
            tool.namespace_description.clone().filter(|_| own)
        });
        described.unwrap_or_else(|| format!("Tools of {namespace}."))
    }

    fn check(&self, index: usize, tool: &Tool) -> Result<()> {
        let fits = |name: &str| {
            let usual = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
            !name.is_empty() && name.chars().all(usual)
        };
        let names = [Some(&tool.name), tool.namespace.as_ref()];
        if let Some(name) = names.into_iter().flatten().find(|name| !fits(name)) {
            return Err(Error::InvalidInput(format!(
                "a tool can't be named {name:?}: use letters, digits, `_` and `-`"
            )));
        }
        let namespace = tool.namespace.as_deref();
        if self.0[..index]
            .iter()
            .any(|other| other.is(namespace, &tool.name))
        {
            return Err(Error::InvalidInput(format!(
                "two tools are named {:?}: rename one, or give it a namespace",
                tool.name
            )));
        }
        Ok(())
    }
}
