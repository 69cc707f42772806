//! Answers to server requests.

use codex_types::{
    CommandExecutionApprovalDecision, CommandExecutionRequestApprovalResponse,
    FileChangeApprovalDecision, FileChangeRequestApprovalResponse, ServerRequest,
};
use serde_json::value::{RawValue, to_raw_value};

/// An answer to a server request: the responses of [`ServerRequestHandler`](crate::ServerRequestHandler)'s methods,
/// and decisions about commands and file changes. Nothing else implements it.
pub trait ServerResponse: sealed::Response {}

impl<R: sealed::Response> ServerResponse for R {}

pub(crate) mod sealed {
    use super::{RawValue, ServerRequest};

    pub trait Response {
        /// Whether this can answer the request.
        fn answers(request: &ServerRequest) -> bool;

        fn raw(self) -> serde_json::Result<Box<RawValue>>;
    }
}

macro_rules! decisions {
    ($($decision:ident => $response:ident;)*) => {$(
        impl sealed::Response for $decision {
            fn answers(request: &ServerRequest) -> bool {
                <$response as sealed::Response>::answers(request)
            }

            fn raw(self) -> serde_json::Result<Box<RawValue>> {
                to_raw_value(&$response::from(self))
            }
        }
    )*};
}

decisions! {
    CommandExecutionApprovalDecision => CommandExecutionRequestApprovalResponse;
    FileChangeApprovalDecision => FileChangeRequestApprovalResponse;
}
