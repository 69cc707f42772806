//! Who answers for one client: a handler, and closures for single kinds of requests.

use std::future::Future;
use std::sync::Arc;

use codex_types::{
    CommandExecutionRequestApprovalParams, FileChangeRequestApprovalParams, ServerRequest,
};
use serde::Serialize;
use serde_json::value::RawValue;

use crate::error::HandlerResult;
use crate::server_requests::handler::{
    Answer, Answering, Refuse, RequestContext, ServerRequestHandler, written,
};

pub(crate) type OnApproval<P> =
    Arc<dyn Fn(RequestContext, P) -> Answering<HandlerResult<Box<RawValue>>> + Send + Sync>;

/// All that answers the requests of the runtime for one client.
#[derive(Clone, Default)]
pub(crate) struct HandlerRegistry {
    handler: Option<Arc<dyn Answer>>,
    pub(crate) command_approval: Option<OnApproval<CommandExecutionRequestApprovalParams>>,
    pub(crate) file_change_approval: Option<OnApproval<FileChangeRequestApprovalParams>>,
}

impl HandlerRegistry {
    pub(crate) fn set(&mut self, handler: impl ServerRequestHandler) {
        self.handler = Some(Arc::new(handler));
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
    ) -> Answering<HandlerResult<Box<RawValue>>> {
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

/// A closure that decides, as an answer to its kind of request.
pub(crate) fn approval<F, A, P, D, R>(decide: F) -> OnApproval<P>
where
    F: Fn(RequestContext, P) -> A + Send + Sync + 'static,
    A: Future<Output = HandlerResult<D>> + Send + 'static,
    P: Send + 'static,
    D: Into<R>,
    R: Serialize,
{
    let decide = Arc::new(decide);
    Arc::new(move |context, params| {
        let decide = Arc::clone(&decide);
        // Called within the future, so that a panic of the closure is caught there.
        Box::pin(async move {
            let decision = decide(context, params).await?;
            written(Ok(decision.into()))
        })
    })
}
