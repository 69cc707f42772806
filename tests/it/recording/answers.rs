use codex_types::{
    AttestationGenerateParams, ChatgptAuthTokensRefreshParams,
    CommandExecutionRequestApprovalParams, CurrentTimeReadParams, DynamicToolCallParams,
    FileChangeRequestApprovalParams, McpServerElicitationRequestParams,
    PermissionsRequestApprovalParams, ServerMethod, ServerRequest, ToolRequestUserInputParams,
};
use serde_json::{Value, json};

use crate::recording::accounts::access_token;
use crate::recording::tally::drop_nulls;

/// Says yes to whatever the runtime asks; `None` for what these tests don't provoke.
pub(crate) fn answer(request: &ServerRequest) -> Option<Value> {
    Some(match request {
        ServerRequest::ItemCommandExecutionRequestApproval(_) => {
            typed::<CommandExecutionRequestApprovalParams>(json!({"decision": "accept"}))
        }
        ServerRequest::ItemFileChangeRequestApproval(_) => {
            typed::<FileChangeRequestApprovalParams>(json!({"decision": "accept"}))
        }
        ServerRequest::ItemPermissionsRequestApproval(asked) => {
            let granted = serde_json::to_value(&asked.permissions).unwrap();
            typed::<PermissionsRequestApprovalParams>(
                json!({"permissions": granted, "scope": "turn"}),
            )
        }
        ServerRequest::ItemToolRequestUserInput(asked) => {
            let answers = asked.questions.iter();
            let answers: serde_json::Map<_, _> = answers
                .map(|question| (question.id.clone(), json!({"answers": ["red"]})))
                .collect();
            typed::<ToolRequestUserInputParams>(json!({"answers": answers}))
        }
        ServerRequest::ItemToolCall(_) => typed::<DynamicToolCallParams>(
            json!({"contentItems": [{"type": "inputText", "text": "found"}], "success": true}),
        ),
        ServerRequest::CurrentTimeRead(_) => {
            typed::<CurrentTimeReadParams>(json!({"currentTimeAt": 1_800_000_000}))
        }
        ServerRequest::McpServerElicitationRequest(_) => {
            typed::<McpServerElicitationRequestParams>(
                json!({"action": "accept", "content": {"name": "Ada"}}),
            )
        }
        ServerRequest::AttestationGenerate(_) => {
            typed::<AttestationGenerateParams>(json!({"token": "attested"}))
        }
        ServerRequest::AccountChatgptAuthTokensRefresh(_) => {
            typed::<ChatgptAuthTokensRefreshParams>(json!({
                "accessToken": access_token("refreshed"),
                "chatgptAccountId": "account",
                "chatgptPlanType": "plus",
            }))
        }
        _ => return None,
    })
}

/// An answer, which its type must hold whole.
fn typed<M: ServerMethod>(answer: Value) -> Value {
    let response: M::Response = serde_json::from_value(answer.clone()).unwrap();
    let mut written = serde_json::to_value(&response).unwrap();
    drop_nulls(&mut written);
    assert_eq!(written, answer);
    answer
}
