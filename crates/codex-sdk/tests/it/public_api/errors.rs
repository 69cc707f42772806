//! What can be read from an error.

use std::process::ExitStatus;

use codex_sdk::types::CodexErrorInfo;
use codex_sdk::{
    CloseReason, Condition, Error, RpcError, RpcErrorKind, TurnFailed, TurnIncomplete, TurnResult,
    TurnTimeout,
};
use serde_json::Value;

pub(crate) fn errors(error: &Error) -> Option<&TurnResult> {
    let _: [bool; 3] = [error.is_retryable(), error.is_closed(), error.is_timeout()];
    let _: bool = error.is_transient();
    if let Some(condition) = error.condition() {
        let condition: Condition = condition;
        let _: [&'static str; 2] = [condition.as_str(), condition.advice()];
        let _: [bool; 2] = [condition.is_transient(), condition.is_retryable()];
        assert!(Condition::ALL.contains(&condition));
    }
    match error {
        Error::TurnFailed(failed) => {
            let failed: &TurnFailed = failed;
            let _: &String = &failed.message;
            let _: &Option<CodexErrorInfo> = &failed.codex_error_info;
            let _: &Option<String> = &failed.additional_details;
            return Some(&failed.result);
        }
        Error::TurnTimeout(timeout) => {
            let timeout: &TurnTimeout = timeout;
            return Some(&timeout.result);
        }
        Error::TurnIncomplete(incomplete) => {
            let incomplete: &TurnIncomplete = incomplete;
            return Some(&incomplete.result);
        }
        Error::Closed(closed) => {
            let _: (&CloseReason, Option<ExitStatus>) = (&closed.reason, closed.exit_status);
            let _: &String = &closed.stderr_tail;
        }
        _ => {}
    }
    let _: Option<&RpcError> = error.rpc();
    error.partial_result()
}

pub(crate) fn refusals(refusal: &RpcError) -> bool {
    let _: [&String; 2] = [&refusal.method, &refusal.message];
    let _: (i64, &Option<Value>) = (refusal.code, &refusal.data);
    let kinds = [
        RpcErrorKind::ParseError,
        RpcErrorKind::InvalidRequest,
        RpcErrorKind::MethodNotFound,
        RpcErrorKind::InvalidParams,
        RpcErrorKind::Internal,
        RpcErrorKind::ServerBusy,
        RpcErrorKind::RetryLimitExceeded,
        RpcErrorKind::Other,
    ];
    kinds.contains(&refusal.kind())
}
