//! The answers to server requests that nobody handles: each the protocol's own refusal.

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json, value::RawValue};

use crate::types::{self, RequestId, RpcError, ServerRequest};

/// The JSON-RPC code of a method that the other side doesn't know.
const METHOD_NOT_FOUND: i64 = -32601;
const INVALID_PARAMS: i64 = -32602;
pub(crate) const INTERNAL_ERROR: i64 = -32603;

/// The line that answers a server request. It never approves anything.
pub(crate) fn answer(
    id: &RequestId,
    method: &str,
    params: Option<&RawValue>,
) -> serde_json::Result<String> {
    let refusal = match ServerRequest::decode(method, params) {
        Ok(request) => refuse(&request),
        Err(error) => Err(RpcError {
            code: INVALID_PARAMS,
            message: error.to_string(),
            data: None,
        }),
    };
    match refusal {
        Ok(result) => types::encode_response(id, &result),
        Err(error) => types::encode_error(Some(id), &error),
    }
}

fn refuse(request: &ServerRequest) -> Result<Value, RpcError> {
    use ServerRequest as Request;
    Ok(match request {
        Request::ItemCommandExecutionRequestApproval(_)
        | Request::ItemFileChangeRequestApproval(_) => json!({ "decision": "decline" }),
        Request::ItemPermissionsRequestApproval(_) => json!({ "permissions": {}, "scope": "turn" }),
        Request::ItemToolRequestUserInput(_) => json!({ "answers": {} }),
        Request::ItemToolCall(_) => json!({
            "contentItems": [{ "type": "inputText", "text": "this client has no such tool" }],
            "success": false,
        }),
        Request::McpServerElicitationRequest(_) => json!({ "action": "decline" }),
        // The true time refuses nothing, and anything else would fail the turn.
        Request::CurrentTimeRead(_) => json!({ "currentTimeAt": unix_seconds() }),
        Request::ExecCommandApproval(_) | Request::ApplyPatchApproval(_) => {
            json!({ "decision": "denied" })
        }
        other => {
            return Err(RpcError {
                code: METHOD_NOT_FOUND,
                message: format!("this client doesn't support `{}`", other.method()),
                data: None,
            });
        }
    })
}

fn unix_seconds() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.unwrap_or_default().as_secs()
}
