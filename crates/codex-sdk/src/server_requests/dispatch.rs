//! Dispatches server requests, and sends their answers.

use std::sync::{Arc, OnceLock, Weak};

use codex_types as types;
use codex_types::{JsonRpcError, RequestId, ServerRequest};
use serde_json::value::{RawValue, to_raw_value};
use tokio::sync::oneshot;
use tracing::Instrument;

use crate::catch::caught;
use crate::codex::inner::CodexInner;
use crate::connection::router::server_request::{Asked, Context};
use crate::connection::{Connection, spans};
use crate::server_requests::handler::{Answer, Refuse, RequestContext, Unsupported};
use crate::server_requests::registry::HandlerRegistry;
use crate::server_requests::stream::Dropped;
use crate::tool::Tool;

/// The JSON-RPC code for an unknown method.
const METHOD_NOT_FOUND: i64 = -32601;
const INVALID_PARAMS: i64 = -32602;
pub(crate) const INTERNAL_ERROR: i64 = -32603;

/// What answers the server requests of one connection.
pub(crate) struct Responder {
    pub(crate) handlers: HandlerRegistry,
    /// Set once the client exists, before any request.
    pub(crate) codex: OnceLock<Weak<CodexInner>>,
}

/// Answers a request on its own task.
pub(crate) fn receive(
    connection: &Arc<Connection>,
    responder: &Arc<Responder>,
    id: RequestId,
    method: &str,
    params: Option<&RawValue>,
) {
    let leaves = responder.handlers.leaves(method);
    let bytes = params.map_or(0, |params| params.get().len());
    let request = match ServerRequest::decode(method, params) {
        Ok(request) => request,
        Err(error) => {
            tracing::warn!(method, %error, "could not decode a server request");
            if leaves {
                return;
            }
            let refusal = JsonRpcError {
                code: INVALID_PARAMS,
                message: error.to_string(),
                data: None,
            };
            return answer(connection, types::encode_error(Some(&id), &refusal));
        }
    };
    let (until, cancelled) = oneshot::channel();
    let asked = connection.router().ask(&id, &request, until);
    let (known, tool) = match asked {
        Asked::New(known, tool) => (known, tool),
        Asked::Again => return,
        Asked::Answered(line) => return answer(connection, Ok(line)),
        Asked::TooLate if leaves => return,
        Asked::TooLate => return refuse(connection, id, request, bytes),
    };
    if leaves && tool.is_none() {
        return;
    }
    let context = context(responder, &request, known);
    let serving = Arc::clone(connection);
    let responder = Arc::clone(responder);
    let span = spans::server_request(&connection.span, method, context.thread_id());
    let serve = async move {
        let answer = tokio::select! {
            biased;
            _ = cancelled => return,
            answer = answered(&responder.handlers, context, request, tool) => answer,
        };
        let answer = match answer {
            Answered::By(answer) => answer,
            // Whoever attaches after this client is asked instead.
            Answered::Nobody(..) if serving.is_closing() => return,
            Answered::Nobody(context, request) => refusal(*context, *request).await,
        };
        if let Ok(line) = line(&serving, &id, answer)
            && serving.router().answered(&id, &line)
        {
            let _ = serving.send(line).await;
        }
    };
    connection.spawn_answer(bytes, serve.instrument(span));
}

fn context(responder: &Responder, request: &ServerRequest, known: Context) -> RequestContext {
    let text = |part: Option<&str>| part.map(str::to_owned);
    RequestContext {
        codex: responder.codex.get().cloned().unwrap_or_else(Weak::new),
        thread_id: text(request.thread_id()),
        turn_id: text(request.turn_id()),
        item_id: text(request.item_id()),
        known,
    }
}

fn line(
    connection: &Connection,
    id: &RequestId,
    answer: Result<Box<RawValue>, JsonRpcError>,
) -> serde_json::Result<String> {
    let line = match answer {
        Ok(result) => types::encode_response(id, &result),
        Err(error) => types::encode_error(Some(id), &error),
    }?;
    let bytes = line.len();
    let most = connection.limits.max_sent_bytes;
    let Some(most) = most.filter(|most| bytes > *most) else {
        return Ok(line);
    };
    // A server would end the connection over it.
    let message = format!("the answer has {bytes} bytes, and a server takes at most {most}");
    tracing::warn!(
        bytes,
        most,
        "an answer is longer than a server takes: refused"
    );
    types::encode_error(Some(id), &JsonRpcError::new(INTERNAL_ERROR, message))
}

/// Refuses a request without asking anybody.
fn refuse(connection: &Arc<Connection>, id: RequestId, request: ServerRequest, bytes: usize) {
    let sender = Arc::clone(connection);
    connection.spawn_answer(bytes, async move {
        let refusal = refusal(RequestContext::default(), request).await;
        send(&sender, line(&sender, &id, refusal)).await;
    });
}

/// Queues the answer to a server request.
pub(crate) fn answer(connection: &Arc<Connection>, answer: serde_json::Result<String>) {
    let sender = Arc::clone(connection);
    let bytes = answer.as_ref().map_or(0, String::len);
    connection.spawn_answer(bytes, async move { send(&sender, answer).await });
}

async fn send(connection: &Connection, line: serde_json::Result<String>) {
    // Values made of strings and numbers always serialize, and sending fails only on a connection that
    // has ended.
    if let Ok(line) = line {
        let _ = connection.send(line).await;
    }
}

/// What became of a request.
enum Answered {
    By(Result<Box<RawValue>, JsonRpcError>),
    /// It is refused in the protocol's own way.
    Nobody(Box<RequestContext>, Box<ServerRequest>),
}

/// The tool's answer, else the handler's.
async fn answered(
    handlers: &HandlerRegistry,
    context: RequestContext,
    request: ServerRequest,
    tool: Option<Tool>,
) -> Answered {
    if let (Some(tool), ServerRequest::ItemToolCall(call)) = (tool, &request) {
        let response = tool.call(call.arguments.clone()).await;
        return Answered::By(to_raw_value(&response).map_err(|_| failed()));
    }
    let method = request.method().to_owned();
    let refused = request.clone();
    let handled = async {
        let answer = handlers.answer(context.clone(), request).await;
        // The error's `Display` is foreign code, and so is the log: both may panic.
        answer.inspect_err(|error| {
            if !error.is::<Unsupported>() && !error.is::<Dropped>() {
                tracing::warn!(method, %error, "a handler failed: refused");
            }
        })
    };
    match caught(handled).await {
        Some(Ok(answer)) => return Answered::By(Ok(answer)),
        Some(Err(_)) => {}
        None => {
            caught(async { tracing::warn!(method, "a handler panicked: refused") }).await;
        }
    }
    Answered::Nobody(Box::new(context), Box::new(refused))
}

/// The protocol's own refusal.
async fn refusal(
    context: RequestContext,
    request: ServerRequest,
) -> Result<Box<RawValue>, JsonRpcError> {
    let method = request.method().to_owned();
    let refusal = Arc::new(Refuse).answer(context, request).await;
    refusal.map_err(|_| JsonRpcError {
        code: METHOD_NOT_FOUND,
        message: format!("this client doesn't support `{method}`"),
        data: None,
    })
}

fn failed() -> JsonRpcError {
    JsonRpcError::new(INTERNAL_ERROR, "the answer could not be written")
}
