//! A Model Context Protocol server for tests, with a few tools and a resource.

use rmcp::handler::server::wrapper::Parameters;
use rmcp::model::{
    ElicitRequestParams, ElicitationSchema, ListResourcesResult, PaginatedRequestParams,
    ProgressNotificationParam, ReadResourceRequestParams, ReadResourceResponse, ReadResourceResult,
    RequestMetaObject, Resource, ResourceContents, ServerCapabilities, ServerConfig,
};
use rmcp::schemars::JsonSchema;
use rmcp::service::RequestContext;
use rmcp::transport::stdio;
use rmcp::{
    ErrorData, Peer, RoleServer, ServerHandler, ServiceExt, schemars, tool, tool_handler,
    tool_router,
};
use serde::Deserialize;

#[derive(Clone)]
struct Tiny;

#[derive(Deserialize, JsonSchema)]
struct Echo {
    text: String,
}

#[derive(Deserialize, JsonSchema)]
struct Variable {
    name: String,
}

#[tool_router]
impl Tiny {
    #[tool(description = "Says the same.", annotations(read_only_hint = true))]
    async fn echo(Parameters(Echo { text }): Parameters<Echo>) -> String {
        text
    }

    #[tool(
        description = "Reads a variable of this server's environment.",
        annotations(read_only_hint = true)
    )]
    async fn variable(Parameters(Variable { name }): Parameters<Variable>) -> String {
        std::env::var(name).unwrap_or_else(|_| "unset".to_owned())
    }

    #[tool(
        description = "Tells how long a variable of this server's environment is.",
        annotations(read_only_hint = true)
    )]
    async fn length(Parameters(Variable { name }): Parameters<Variable>) -> String {
        std::env::var(name).unwrap_or_default().len().to_string()
    }

    #[tool(
        description = "Tells which folder this server works in.",
        annotations(read_only_hint = true)
    )]
    async fn folder() -> Result<String, String> {
        let folder = std::env::current_dir().map_err(|error| error.to_string())?;
        Ok(folder.display().to_string())
    }

    #[tool(description = "Fails.", annotations(read_only_hint = true))]
    async fn fail() -> Result<String, String> {
        Err("nothing works today".to_owned())
    }

    #[tool(description = "Changes something, or so it says.")]
    async fn change() -> String {
        "changed".to_owned()
    }

    #[tool(
        description = "Asks the user for a name, and says how far it is.",
        annotations(read_only_hint = true)
    )]
    async fn ask(meta: RequestMetaObject, client: Peer<RoleServer>) -> Result<String, String> {
        if let Some(token) = meta.get_progress_token() {
            let progress = ProgressNotificationParam::new(token, 1.0);
            let progress = progress.with_total(2.0).with_message("asking");
            let told = client.notify_progress(progress).await;
            told.map_err(|error| error.to_string())?;
        }
        // The typed `Peer::elicit` would add a title to the schema, and the runtime cancels schemas with a
        // title.
        let schema = ElicitationSchema::builder().required_string("name");
        let question = ElicitRequestParams::FormElicitationParams {
            meta: None,
            message: "Who are you?".to_owned(),
            requested_schema: schema.build()?,
        };
        let answer = client.create_elicitation(question).await;
        let answer = answer.map_err(|error| error.to_string())?;
        let content = answer.content.unwrap_or_default();
        let name = content["name"].as_str().unwrap_or("nobody");
        Ok(format!("{:?}: hello, {name}!", answer.action))
    }
}

#[tool_handler]
impl ServerHandler for Tiny {
    fn get_info(&self) -> ServerConfig {
        let capabilities = ServerCapabilities::builder();
        ServerConfig::new(capabilities.enable_tools().enable_resources().build())
    }

    async fn list_resources(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListResourcesResult, ErrorData> {
        let note = Resource::new("tiny://note", "note");
        Ok(ListResourcesResult::with_all_items(vec![note]))
    }

    async fn read_resource(
        &self,
        request: ReadResourceRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<ReadResourceResponse, ErrorData> {
        let note = ResourceContents::text("a note", request.uri);
        Ok(ReadResourceResult::new(vec![note]).into())
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    Tiny.serve(stdio()).await?.waiting().await?;
    Ok(())
}
