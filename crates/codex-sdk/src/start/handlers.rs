//! Who answers what the runtime asks.

use codex_types as types;

use crate::error::HandlerResult;
use crate::server_requests::handler::{RequestContext, ServerRequestHandler};
use crate::server_requests::registry::approval;
use crate::start::builder::CodexBuilder;

impl CodexBuilder {
    /// Sets who answers the requests of the runtime: approvals, questions, tool calls.
    ///
    /// Default: nobody, every request is refused. With a handler, threads that are started have the
    /// approval mode [`ApprovalMode::Ask`](crate::ApprovalMode::Ask) unless they say otherwise.
    pub fn handler(mut self, handler: impl ServerRequestHandler) -> Self {
        self.handlers.set(handler);
        self
    }

    /// Decides on commands by a closure (`item/commandExecution/requestApproval`), before any
    /// [`Self::handler`]. It returns the decision or the whole response; an error and a panic decline. As
    /// with a handler, threads that are started have the mode [`ApprovalMode::Ask`](crate::ApprovalMode::Ask).
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
    ///
    /// # Cancel safety
    /// As for [`ServerRequestHandler`]: when the answer is no longer waited for, the future is dropped.
    pub fn on_command_approval<F, A, D>(mut self, decide: F) -> Self
    where
        F: Fn(RequestContext, types::CommandExecutionRequestApprovalParams) -> A
            + Send
            + Sync
            + 'static,
        A: Future<Output = HandlerResult<D>> + Send + 'static,
        D: Into<types::CommandExecutionRequestApprovalResponse>,
    {
        let answer = approval::<_, _, _, _, types::CommandExecutionRequestApprovalResponse>(decide);
        self.handlers.command_approval = Some(answer);
        self
    }

    /// Decides on file changes by a closure (`item/fileChange/requestApproval`), before any
    /// [`Self::handler`]. The changes and their diffs are
    /// [`RequestContext::changes`](crate::RequestContext::changes). All else is as for
    /// [`Self::on_command_approval`].
    ///
    /// # Cancel safety
    /// When the answer is no longer waited for, the future is dropped.
    pub fn on_file_change_approval<F, A, D>(mut self, decide: F) -> Self
    where
        F: Fn(RequestContext, types::FileChangeRequestApprovalParams) -> A + Send + Sync + 'static,
        A: Future<Output = HandlerResult<D>> + Send + 'static,
        D: Into<types::FileChangeRequestApprovalResponse>,
    {
        let answer = approval::<_, _, _, _, types::FileChangeRequestApprovalResponse>(decide);
        self.handlers.file_change_approval = Some(answer);
        self
    }
}
