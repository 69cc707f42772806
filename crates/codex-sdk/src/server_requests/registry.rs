//! Who answers for one client: a handler, and closures for single kinds of requests.

use std::fmt;
use std::future::Future;
use std::sync::Arc;

use codex_types::{
    CommandExecutionApprovalDecision, CommandExecutionRequestApprovalParams,
    CommandExecutionRequestApprovalResponse, FileChangeApprovalDecision,
    FileChangeRequestApprovalParams, FileChangeRequestApprovalResponse, ServerRequest,
};
use serde::Serialize;
use serde_json::Value;

use crate::error::HandlerResult;
use crate::server_requests::handler::{
    Answer, Answering, Refuse, RequestContext, ServerRequestHandler, written,
};

/// What a closure that decides on approvals may return: the decision, or the whole response.
pub trait Decision<R>: sealed::Decision<R> {}

mod sealed {
    pub trait Decision<R> {
        fn response(self) -> R;
    }
}

macro_rules! decision {
    ($($decision:ident => $response:ident;)*) => {$(
        impl Decision<$response> for $decision {}
        impl sealed::Decision<$response> for $decision {
            fn response(self) -> $response {
                $response::new(self)
            }
        }
        impl Decision<$response> for $response {}
        impl sealed::Decision<$response> for $response {
            fn response(self) -> $response {
                self
            }
        }
    )*};
}

decision! {
    CommandExecutionApprovalDecision => CommandExecutionRequestApprovalResponse;
    FileChangeApprovalDecision => FileChangeRequestApprovalResponse;
}

type OnApproval<P> =
    Arc<dyn Fn(RequestContext, P) -> Answering<HandlerResult<Value>> + Send + Sync>;

/// All that answers the requests of the runtime for one client.
#[derive(Clone, Default)]
pub(crate) struct HandlerRegistry {
    handler: Option<Arc<dyn Answer>>,
    command_approval: Option<OnApproval<CommandExecutionRequestApprovalParams>>,
    file_change_approval: Option<OnApproval<FileChangeRequestApprovalParams>>,
}

impl HandlerRegistry {
    pub(crate) fn set(&mut self, handler: impl ServerRequestHandler) {
        self.handler = Some(Arc::new(handler));
    }

    pub(crate) fn on_command_approval<F, A, D>(&mut self, decide: F)
    where
        F: Fn(RequestContext, CommandExecutionRequestApprovalParams) -> A + Send + Sync + 'static,
        A: Future<Output = HandlerResult<D>> + Send + 'static,
        D: Decision<CommandExecutionRequestApprovalResponse>,
    {
        self.command_approval = Some(approval(decide));
    }

    pub(crate) fn on_file_change_approval<F, A, D>(&mut self, decide: F)
    where
        F: Fn(RequestContext, FileChangeRequestApprovalParams) -> A + Send + Sync + 'static,
        A: Future<Output = HandlerResult<D>> + Send + 'static,
        D: Decision<FileChangeRequestApprovalResponse>,
    {
        self.file_change_approval = Some(approval(decide));
    }

    /// Whether anything here might approve something.
    pub(crate) fn any(&self) -> bool {
        self.handler.is_some()
            || self.command_approval.is_some()
            || self.file_change_approval.is_some()
    }

    /// The answer of whoever is responsible.
    pub(crate) fn answer(
        &self,
        context: RequestContext,
        request: ServerRequest,
    ) -> Answering<HandlerResult<Value>> {
        match (&self.command_approval, &self.file_change_approval, request) {
            (Some(decide), _, ServerRequest::ItemCommandExecutionRequestApproval(params)) => {
                decide(context, *params)
            }
            (_, Some(decide), ServerRequest::ItemFileChangeRequestApproval(params)) => {
                decide(context, params)
            }
            (_, _, request) => match &self.handler {
                Some(handler) => Arc::clone(handler).answer(context, request),
                None => Arc::new(Refuse).answer(context, request),
            },
        }
    }
}

fn approval<F, A, P, D, R>(decide: F) -> OnApproval<P>
where
    F: Fn(RequestContext, P) -> A + Send + Sync + 'static,
    A: Future<Output = HandlerResult<D>> + Send + 'static,
    P: Send + 'static,
    D: Decision<R>,
    R: Serialize,
{
    let decide = Arc::new(decide);
    Arc::new(move |context, params| {
        let decide = Arc::clone(&decide);
        // Called within the future, so that a panic of the closure is caught there.
        Box::pin(async move {
            let decision = decide(context, params).await?;
            written(Ok(sealed::Decision::response(decision)))
        })
    })
}

impl fmt::Debug for HandlerRegistry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HandlerRegistry")
            .field("handler", &self.handler.is_some())
            .field("command_approval", &self.command_approval.is_some())
            .field("file_change_approval", &self.file_change_approval.is_some())
            .finish()
    }
}
