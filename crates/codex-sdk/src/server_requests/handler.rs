//! The runtime's server requests, and what answers them.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::time::{SystemTime, UNIX_EPOCH};

use codex_types::{
    ApplyPatchApprovalParams, ApplyPatchApprovalResponse, AttestationGenerateParams,
    AttestationGenerateResponse, ChatgptAuthTokensRefreshParams, ChatgptAuthTokensRefreshResponse,
    CommandExecutionApprovalDecision, CommandExecutionRequestApprovalParams,
    CommandExecutionRequestApprovalResponse, CurrentTimeReadParams, CurrentTimeReadResponse,
    DynamicToolCallParams, DynamicToolCallResponse, ExecCommandApprovalParams,
    ExecCommandApprovalResponse, FileChangeApprovalDecision, FileChangeRequestApprovalParams,
    FileChangeRequestApprovalResponse, FileUpdateChange, GrantedPermissionProfile,
    McpServerElicitationAction, McpServerElicitationRequestParams,
    McpServerElicitationRequestResponse, PermissionsRequestApprovalParams,
    PermissionsRequestApprovalResponse, ReviewDecision, ReviewDecisionDenied, ServerRequest,
    ThreadItem, ToolRequestUserInputParams, ToolRequestUserInputResponse,
};
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};

use crate::codex::Codex;
use crate::codex::inner::CodexInner;
use crate::connection::router::server_request::Context;
use crate::error::HandlerResult;
use crate::server_requests::response::sealed::Response;
use crate::setters::debug_shows;

pub(crate) type Answering<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// Generates the trait, and the dispatch from a request to its method, from one list.
macro_rules! server_requests {
    ($(
        $(#[$doc:meta])*
        $name:ident($variant:ident: $params:ident) -> $response:ident { $default:expr }
    )*) => {
        /// Answers the runtime's server requests. Pass it to
        /// [`CodexBuilder::handler`](crate::CodexBuilder::handler).
        ///
        /// Each method has a default that refuses in the protocol's own way: implement those that
        /// matter to you. Each call runs on its own task. It can take minutes and use the client
        /// ([`RequestContext::client`]); its turn waits for the answer, and other turns go on.
        ///
        /// An error or a panic refuses, too. The error's text is logged (`tracing::warn!`), not sent to
        /// the runtime.
        ///
        /// ```no_run
        /// use codex_sdk::{HandlerResult, RequestContext, ServerRequestHandler, types};
        ///
        /// struct AskNobody;
        ///
        /// impl ServerRequestHandler for AskNobody {
        ///     async fn command_approval(
        ///         &self,
        ///         _context: RequestContext,
        ///         params: types::CommandExecutionRequestApprovalParams,
        ///     ) -> HandlerResult<types::CommandExecutionRequestApprovalResponse> {
        ///         use types::CommandExecutionApprovalDecision::{Accept, Decline};
        ///         // All of it, with the shell that runs it: `git status; …` is another command.
        ///         let harmless = params.command.as_deref() == Some("/bin/bash -lc 'git status'");
        ///         let decision = if harmless { Accept } else { Decline };
        ///         Ok(types::CommandExecutionRequestApprovalResponse::new(decision))
        ///     }
        /// }
        ///
        /// # async fn example() -> codex_sdk::Result<()> {
        /// let codex = codex_sdk::Codex::builder().handler(AskNobody).start().await?;
        /// # Ok(())
        /// # }
        /// ```
        ///
        /// # Cancel safety
        /// The method's future is dropped when the runtime gets its answer elsewhere, when the turn
        /// ends, and when the connection ends.
        pub trait ServerRequestHandler: Send + Sync + 'static {
            $(
                $(#[$doc])*
                fn $name(
                    &self,
                    context: RequestContext,
                    params: $params,
                ) -> impl Future<Output = HandlerResult<$response>> + Send {
                    let _ = (context, params);
                    async { $default }
                }
            )*
        }

        $(impl Response for $response {
            fn answers(request: &ServerRequest) -> bool {
                matches!(request, ServerRequest::$variant(_))
            }

            fn raw(self) -> serde_json::Result<Box<RawValue>> {
                to_raw_value(&self)
            }
        })*

        /// Lets a program keep a reference to its handler.
        impl<H: ServerRequestHandler> ServerRequestHandler for Arc<H> {
            $(
                fn $name(
                    &self,
                    context: RequestContext,
                    params: $params,
                ) -> impl Future<Output = HandlerResult<$response>> + Send {
                    H::$name(self, context, params)
                }
            )*
        }

        impl<H: ServerRequestHandler> Answer for H {
            fn answer(
                self: Arc<Self>,
                context: RequestContext,
                request: ServerRequest,
            ) -> Answering<HandlerResult<Box<RawValue>>> {
                Box::pin(async move {
                    match request {
                        $(ServerRequest::$variant(params) => {
                            // Some parameters are boxed in the enum, and some aren't.
                            let params = *Box::<$params>::from(params);
                            written(self.$name(context, params).await)
                        })*
                        _ => Err(Unsupported.into()),
                    }
                })
            }
        }
    };
}

server_requests! {
    /// Decides whether a command may run (`item/commandExecution/requestApproval`). Default: declined;
    /// the model is told, and its turn goes on.
    command_approval(
        ItemCommandExecutionRequestApproval: CommandExecutionRequestApprovalParams
    ) -> CommandExecutionRequestApprovalResponse {
        Ok(CommandExecutionRequestApprovalResponse::new(CommandExecutionApprovalDecision::Decline))
    }
    /// Decides whether files may be changed (`item/fileChange/requestApproval`); the changes are
    /// [`RequestContext::changes`]. Default: declined; the model is told, and its turn goes on.
    file_change_approval(
        ItemFileChangeRequestApproval: FileChangeRequestApprovalParams
    ) -> FileChangeRequestApprovalResponse {
        Ok(FileChangeRequestApprovalResponse::new(FileChangeApprovalDecision::Decline))
    }
    /// Decides whether a turn gets more permissions (`item/permissions/requestApproval`). Default: none
    /// are granted.
    permissions_approval(
        ItemPermissionsRequestApproval: PermissionsRequestApprovalParams
    ) -> PermissionsRequestApprovalResponse {
        Ok(PermissionsRequestApprovalResponse::new(GrantedPermissionProfile::default()))
    }
    /// Answers the model's questions to the user (`item/tool/requestUserInput`). Default: no answers.
    user_input(
        ItemToolRequestUserInput: ToolRequestUserInputParams
    ) -> ToolRequestUserInputResponse {
        Ok(ToolRequestUserInputResponse::new(BTreeMap::new()))
    }
    /// Answers a call of a tool that no [`Tool`](crate::Tool) of the thread handles (`item/tool/call`).
    /// Default: the model is told that there is no such tool.
    tool_call(ItemToolCall: DynamicToolCallParams) -> DynamicToolCallResponse {
        Ok(crate::tool::ToolOutput::from("this program has no such tool").failed())
    }
    /// Answers an MCP server's question to the user (`mcpServer/elicitation/request`). Default: declined.
    mcp_elicitation(
        McpServerElicitationRequest: McpServerElicitationRequestParams
    ) -> McpServerElicitationRequestResponse {
        Ok(McpServerElicitationRequestResponse::new(McpServerElicitationAction::Decline))
    }
    /// Returns the time (`currentTime/read`), in Unix seconds. Default: this machine's; a refusal would
    /// fail the turn.
    current_time(CurrentTimeRead: CurrentTimeReadParams) -> CurrentTimeReadResponse {
        Ok(CurrentTimeReadResponse::new(unix_seconds()))
    }
    /// Provides new tokens for a ChatGPT login that your program manages
    /// (`account/chatgptAuthTokens/refresh`). Default: refused as unsupported.
    auth_tokens_refresh(
        AccountChatgptAuthTokensRefresh: ChatgptAuthTokensRefreshParams
    ) -> ChatgptAuthTokensRefreshResponse {
        Err(Unsupported.into())
    }
    /// Provides a fresh attestation (`attestation/generate`). Default: refused as unsupported.
    attestation(AttestationGenerate: AttestationGenerateParams) -> AttestationGenerateResponse {
        Err(Unsupported.into())
    }
    /// Decides whether a command may run, in the older form (`execCommandApproval`). Default: denied.
    exec_command_approval(
        ExecCommandApproval: ExecCommandApprovalParams
    ) -> ExecCommandApprovalResponse {
        Ok(ExecCommandApprovalResponse::new(denied()))
    }
    /// Decides whether files may be changed, in the older form (`applyPatchApproval`). Default: denied.
    apply_patch_approval(
        ApplyPatchApproval: ApplyPatchApprovalParams
    ) -> ApplyPatchApprovalResponse {
        Ok(ApplyPatchApprovalResponse::new(denied()))
    }
}

/// An object-safe [`ServerRequestHandler`], for any request.
pub(crate) trait Answer: Send + Sync {
    fn answer(
        self: Arc<Self>,
        context: RequestContext,
        request: ServerRequest,
    ) -> Answering<HandlerResult<Box<RawValue>>>;
}

/// Answers every request with the default.
#[derive(Debug)]
pub(crate) struct Refuse;

impl ServerRequestHandler for Refuse {}

/// The protocol has no value that refuses this.
#[derive(Debug, thiserror::Error)]
#[error("this client doesn't support it")]
pub(crate) struct Unsupported;

pub(crate) fn written<R: Serialize>(response: HandlerResult<R>) -> HandlerResult<Box<RawValue>> {
    Ok(to_raw_value(&response?)?)
}

fn denied() -> ReviewDecision {
    ReviewDecision::Denied(ReviewDecisionDenied::new("denied by this program"))
}

fn unix_seconds() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.map_or(0, |now| i64::try_from(now.as_secs()).unwrap_or(i64::MAX))
}

/// What a server request belongs to. It doesn't keep the runtime alive.
#[derive(Clone, Default)]
pub struct RequestContext {
    pub(crate) codex: Weak<CodexInner>,
    pub(crate) thread_id: Option<String>,
    pub(crate) turn_id: Option<String>,
    pub(crate) item_id: Option<String>,
    pub(crate) known: Context,
}

impl RequestContext {
    /// The client, unless its last handle is gone. Holding it keeps the runtime alive.
    pub fn client(&self) -> Option<Codex> {
        self.codex.upgrade().map(Codex::of)
    }

    /// The id of the thread, if the request names one.
    pub fn thread_id(&self) -> Option<&str> {
        self.thread_id.as_deref()
    }

    /// The id of the thread whose sub-agent asks; `None` if no sub-agent asks.
    pub fn parent_thread_id(&self) -> Option<&str> {
        self.known.parent_thread_id.as_deref()
    }

    /// The id of the thread at the root: the parent's parent and so on, if a sub-agent of a sub-agent asks; the thread
    /// itself if no sub-agent asks. `None` if the request names no thread.
    pub fn root_thread_id(&self) -> Option<&str> {
        self.known.root_thread_id.as_deref()
    }

    /// Whether this may have been asked before: its turn and the item it is about began before this client saw
    /// anything of them, for example because you resumed a thread with a running turn, or attached to one. Another
    /// program may already be answering it. A request that this client has already seen never reaches a handler again.
    pub fn is_replay(&self) -> bool {
        self.known.is_replay
    }

    /// The id of the turn, if the request names one.
    pub fn turn_id(&self) -> Option<&str> {
        self.turn_id.as_deref()
    }

    /// The id of the item, if the request names one.
    pub fn item_id(&self) -> Option<&str> {
        self.item_id.as_deref()
    }

    /// The command or file change that this is about, as announced by `item/started`; `None` if it wasn't
    /// announced, or if the unfinished items of all threads take more than 16 MiB.
    pub fn item(&self) -> Option<&ThreadItem> {
        self.known.item.as_deref()
    }

    /// The changes of a file change, with their diffs; empty for anything else. The diff of a new file
    /// is only its text.
    pub fn changes(&self) -> &[FileUpdateChange] {
        match self.item() {
            Some(ThreadItem::FileChange(item)) => &item.changes,
            _ => &[],
        }
    }
}

debug_shows!(RequestContext {
    thread_id: thread_id,
    turn_id: turn_id,
    item_id: item_id
});
