//! Who answers the runtime's requests.

use codex_types as types;
use codex_types::{ServerMethod as _, ServerRequest};

use crate::error::HandlerResult;
use crate::server_requests::handler::{RequestContext, ServerRequestHandler};
use crate::server_requests::stream::ServerRequests;
use crate::start::builder::CodexBuilder;

impl<T> CodexBuilder<T> {
    /// Sets who answers the runtime's requests: approvals, questions, tool calls.
    ///
    /// Default: nobody, every request is refused. With a handler, threads start in the approval mode
    /// [`ApprovalMode::Ask`](crate::ApprovalMode::Ask) unless they set another.
    pub fn handler(mut self, handler: impl ServerRequestHandler) -> Self {
        self.handlers.set(handler);
        self
    }

    /// Delivers the runtime's requests as a stream, to be answered from anywhere, even minutes later: by a web
    /// page, for example. It replaces a [`Self::handler`]; closures for single kinds take precedence. As with a
    /// handler, threads start in the mode [`ApprovalMode::Ask`](crate::ApprovalMode::Ask).
    ///
    /// ```no_run
    /// # async fn example() -> codex_sdk::Result<()> {
    /// use codex_sdk::Codex;
    /// use codex_sdk::types::{CommandExecutionApprovalDecision, ServerRequest};
    ///
    /// let (builder, mut requests) = Codex::builder().server_requests();
    /// let codex = builder.start().await?;
    /// tokio::spawn(async move {
    ///     while let Some(pending) = requests.next().await {
    ///         if let ServerRequest::ItemCommandExecutionRequestApproval(asked) = &pending.request {
    ///             println!("{:?}", asked.command);
    ///             // Whoever has decided meanwhile, an hour later too.
    ///             let _ = pending.respond(CommandExecutionApprovalDecision::Accept);
    ///         }
    ///         // Dropped, any other is refused.
    ///     }
    /// });
    /// # Ok(())
    /// # }
    /// ```
    pub fn server_requests(mut self) -> (Self, ServerRequests) {
        let requests = self.handlers.stream();
        (self, requests)
    }
}

/// Writes a setter for each kind of request that a person answers.
macro_rules! closures {
    ($($(#[$doc:meta])* $name:ident($variant:ident: $params:ident) -> $response:ident;)*) => {
        impl<T> CodexBuilder<T> {$(
            $(#[$doc])*
            ///
            /// It takes precedence over any [`Self::handler`]; an error or a panic refuses the request.
            ///
            /// # Cancel safety
            /// When the answer is no longer needed, the future is dropped.
            pub fn $name<F, A, D>(mut self, decide: F) -> Self
            where
                F: Fn(RequestContext, types::$params) -> A + Send + Sync + 'static,
                A: Future<Output = HandlerResult<D>> + Send + 'static,
                D: Into<types::$response>,
            {
                let params = |request| match request {
                    // Some are boxed in the enum and some aren't.
                    ServerRequest::$variant(params) => Some(*Box::<types::$params>::from(params)),
                    _ => None,
                };
                let method = types::$params::METHOD;
                self.handlers
                    .on::<_, _, _, _, types::$response>(method, params, decide);
                self
            }
        )*}
    };
}

closures! {
    /// Decides on commands with a closure (`item/commandExecution/requestApproval`), which returns the decision
    /// or the whole response. As with a handler, threads start in the mode
    /// [`ApprovalMode::Ask`](crate::ApprovalMode::Ask).
    ///
    /// ```no_run
    /// use codex_sdk::types::CommandExecutionApprovalDecision::{Accept, Decline};
    ///
    /// # async fn example() -> codex_sdk::Result<()> {
    /// let codex = codex_sdk::Codex::builder()
    ///     .on_command_approval(|_context, params| async move {
    ///         // All of it, with the shell that runs it: `cargo check; …` is another command.
    ///         let harmless = params.command.as_deref() == Some("/bin/bash -lc 'cargo check'");
    ///         Ok(if harmless { Accept } else { Decline })
    ///     })
    ///     .start()
    ///     .await?;
    /// # Ok(())
    /// # }
    /// ```
    on_command_approval(
        ItemCommandExecutionRequestApproval: CommandExecutionRequestApprovalParams
    ) -> CommandExecutionRequestApprovalResponse;
    /// Decides on file changes with a closure (`item/fileChange/requestApproval`), which returns the decision
    /// or the whole response. [`RequestContext::changes`](crate::RequestContext::changes) has the changes and
    /// their diffs.
    on_file_change_approval(
        ItemFileChangeRequestApproval: FileChangeRequestApprovalParams
    ) -> FileChangeRequestApprovalResponse;
    /// Grants more permissions to a turn with a closure (`item/permissions/requestApproval`).
    on_permissions_approval(
        ItemPermissionsRequestApproval: PermissionsRequestApprovalParams
    ) -> PermissionsRequestApprovalResponse;
    /// Answers the model's questions to the user with a closure (`item/tool/requestUserInput`).
    on_user_input(
        ItemToolRequestUserInput: ToolRequestUserInputParams
    ) -> ToolRequestUserInputResponse;
    /// Answers an MCP server's questions to the user with a closure (`mcpServer/elicitation/request`).
    on_mcp_elicitation(
        McpServerElicitationRequest: McpServerElicitationRequestParams
    ) -> McpServerElicitationRequestResponse;
}
