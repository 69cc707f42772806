//! What answers for one client: closures for single methods, then a handler or a stream.

use std::collections::HashMap;
use std::future::Future;
use std::sync::Arc;

use codex_types::ServerRequest;
use serde::Serialize;
use serde_json::value::RawValue;

use crate::error::HandlerResult;
use crate::server_requests::handler::{
    Answer, Answering, Refuse, RequestContext, ServerRequestHandler, Unsupported, written,
};
use crate::server_requests::stream::{ServerRequests, requests};

type OnRequest = Arc<
    dyn Fn(RequestContext, ServerRequest) -> Answering<HandlerResult<Box<RawValue>>> + Send + Sync,
>;

/// Everything that answers server requests for one client.
#[derive(Clone, Default)]
pub(crate) struct HandlerRegistry {
    handler: Option<Arc<dyn Answer>>,
    /// The closures, by the method that they answer.
    closures: HashMap<&'static str, OnRequest>,
    /// Whether requests that nothing here answers are left to other clients of a server.
    looks_on: bool,
}

impl HandlerRegistry {
    pub(crate) fn set(&mut self, handler: impl ServerRequestHandler) {
        self.handler = Some(Arc::new(handler));
    }

    /// Has a stream answer instead of a handler.
    pub(crate) fn stream(&mut self) -> ServerRequests {
        let (answer, requests) = requests();
        self.handler = Some(Arc::new(answer));
        requests
    }

    /// Has a closure answer one method; `params` takes its parameters out of the request.
    pub(crate) fn on<P, F, A, D, R>(
        &mut self,
        method: &'static str,
        params: fn(ServerRequest) -> Option<P>,
        decide: F,
    ) where
        P: Send + 'static,
        F: Fn(RequestContext, P) -> A + Send + Sync + 'static,
        A: Future<Output = HandlerResult<D>> + Send + 'static,
        D: Into<R>,
        R: Serialize,
    {
        let decide = Arc::new(decide);
        let answer: OnRequest = Arc::new(move |context, request| {
            let decide = Arc::clone(&decide);
            // Called within the future, where a panic of the closure is caught.
            Box::pin(async move {
                let params = params(request).ok_or(Unsupported)?;
                let decision = decide(context, params).await?;
                written(Ok(decision.into()))
            })
        });
        self.closures.insert(method, answer);
    }

    #[cfg(feature = "remote")]
    pub(crate) fn look_on(&mut self) {
        self.looks_on = true;
    }

    /// Whether requests of this method are left to other clients.
    pub(crate) fn leaves(&self, method: &str) -> bool {
        self.looks_on && self.handler.is_none() && !self.closures.contains_key(method)
    }

    /// Whether anything here might approve something.
    pub(crate) fn any(&self) -> bool {
        self.handler.is_some() || !self.closures.is_empty()
    }

    /// The answer of the closure, else of the handler or stream, else the default.
    pub(crate) fn answer(
        &self,
        context: RequestContext,
        request: ServerRequest,
    ) -> Answering<HandlerResult<Box<RawValue>>> {
        if let Some(decide) = self.closures.get(request.method()) {
            return decide(context, request);
        }
        match &self.handler {
            Some(handler) => Arc::clone(handler).answer(context, request),
            None => Arc::new(Refuse).answer(context, request),
        }
    }
}
