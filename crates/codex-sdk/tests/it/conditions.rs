//! What errors mean that the real runtime can't be led to by a test; `tests/it/conditions` has the others.

use codex_sdk::{Condition, Error, Result, TurnResult};
use serde_json::{Value, json};

use crate::support::{connect, start_thread, start_turn};

/// A call that is refused with these words.
async fn refused(code: i64, message: &str, data: Option<Value>) -> Error {
    let (codex, mut peer) = connect().await;
    let serve = async {
        let request = peer.expect_request("any").await;
        peer.reply_error(&request.id, code, message, data).await;
    };
    let (answer, ()) = tokio::join!(codex.request_raw("any", json!({})).into_future(), serve);
    answer.unwrap_err()
}

/// A turn that fails with this kind and these words.
async fn failed(info: Value, message: &str) -> Result<TurnResult> {
    let (codex, mut peer) = connect().await;
    let thread = start_thread(&codex, &mut peer, "t").await;
    let turn = start_turn(&thread, &mut peer, "1").await;
    let error = json!({ "message": message, "codexErrorInfo": info, "additionalDetails": null });
    let mut script = peer.turn("t", "1");
    script.started().await;
    script.failed(error).await;
    turn.run().await
}

#[tokio::test]
async fn the_refusals_of_a_runtime_in_trouble_are_told_apart() {
    let table = [
        // The runtime has not begun: the one refusal after which a call may just be made again.
        (
            -32001,
            "Server overloaded; retry later.",
            Some(Condition::RuntimeOverloaded),
        ),
        (
            -32603,
            "failed to request device code: error sending request for url (https://example.com/)",
            Some(Condition::ProviderUnreachable),
        ),
        (
            -32603,
            "failed to write: No space left on device (os error 28)",
            Some(Condition::ResourcesExhausted),
        ),
        (
            -32600,
            "failed to load configuration: Too many open files (os error 24)",
            Some(Condition::ResourcesExhausted),
        ),
        (
            -32601,
            "no such method",
            Some(Condition::FeatureUnsupported),
        ),
        (-32600, "new words", Some(Condition::InvalidRequest)),
        (-32602, "new words", Some(Condition::InvalidRequest)),
        (-32603, "new words", Some(Condition::RuntimeFailed)),
        // Nothing is known of this one: no condition, and so no advice.
        (-32050, "new words", None),
    ];
    for (code, message, condition) in table {
        let error = refused(code, message, None).await;
        assert_eq!(error.condition(), condition, "{error}");
        let overloaded = condition == Some(Condition::RuntimeOverloaded);
        assert_eq!(error.is_retryable(), overloaded, "{error}");
        let transient = condition.is_some_and(Condition::is_transient);
        assert_eq!(error.is_transient(), transient, "{error}");
        let end = condition.map_or(format!("(code {code})"), |it| format!(": {}", it.advice()));
        assert!(error.to_string().ends_with(&end), "{error}");
    }
}

#[tokio::test]
async fn every_kind_of_failure_has_a_condition_but_those_of_newer_runtimes() {
    let status = |kind: &str, status: Value| json!({ kind: { "httpStatusCode": status } });
    let kind = |kind: &str| json!(kind);
    let table = [
        (kind("unauthorized"), Some(Condition::NotAuthenticated)),
        (kind("badRequest"), Some(Condition::RequestRejected)),
        (kind("sandboxError"), Some(Condition::SandboxFailed)),
        (kind("tooManyDenials"), Some(Condition::TooManyDenials)),
        (kind("threadRollbackFailed"), Some(Condition::RuntimeFailed)),
        (
            status("httpConnectionFailed", Value::Null),
            Some(Condition::ProviderUnreachable),
        ),
        (
            status("responseStreamConnectionFailed", json!(502)),
            Some(Condition::ProviderFailed),
        ),
        (
            status("responseStreamDisconnected", Value::Null),
            Some(Condition::StreamBroken),
        ),
        (
            json!({ "activeTurnNotSteerable": { "turnKind": "review" } }),
            Some(Condition::ThreadBusy),
        ),
        // Runtimes newer than 0.163.0 have these.
        (kind("modelNotFound"), Some(Condition::ModelUnavailable)),
        (kind("bioPolicy"), Some(Condition::PolicyViolation)),
        (kind("inferenceHookDenied"), Some(Condition::AccessDenied)),
        (
            kind("policyCapacityUnavailable"),
            Some(Condition::ProviderOverloaded),
        ),
        (kind("aKindOfTomorrow"), None),
        (Value::Null, None),
    ];
    for (info, condition) in table {
        let error = failed(info, "Something happened.").await.unwrap_err();
        assert_eq!(error.condition(), condition, "{error}");
        let transient = condition.is_some_and(Condition::is_transient);
        assert_eq!(error.is_transient(), transient, "{error}");
        assert!(!error.is_retryable(), "it has begun: {error}");
        let end = condition.map_or("happened.".to_owned(), |it| {
            format!("happened: {}", it.advice())
        });
        assert!(error.to_string().ends_with(&end), "{error}");
    }
}

#[tokio::test]
async fn a_message_is_one_line_of_bounded_length_and_its_field_has_all() {
    let long = format!("<html>\n  <body>{}</body>\n</html>", "x".repeat(5000));
    let error = failed(json!("internalServerError"), &long)
        .await
        .unwrap_err();
    let message = error.to_string();
    assert!(
        message.starts_with("the turn failed: <html> <body>xxx"),
        "{message}"
    );
    assert!(message.len() < 1200 && !message.contains('\n'), "{message}");
    let Error::TurnFailed(failed) = error else {
        panic!("{error:?}")
    };
    assert_eq!(failed.message, long);

    // A short list of what is possible helps; one that nobody reads is left out.
    let few = "unknown variant `x`, expected one of `a`, `b`, `c` at line 1";
    let error = refused(-32600, few, None).await;
    assert!(error.to_string().contains(few), "{error}");
    let values: Vec<_> = (0..100).map(|number| format!("`{number}`")).collect();
    let many = format!(
        "unknown variant `x`, expected one of {} at line 1",
        values.join(", ")
    );
    let error = refused(-32600, &many, None).await;
    let shown = "the runtime refused `any`: unknown variant `x` at line 1 (code -32600): ";
    assert!(error.to_string().starts_with(shown), "{error}");
    assert_eq!(error.rpc().unwrap().message, many);
}
