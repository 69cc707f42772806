//! How a connection begins, and what is said when it can't.

use codex_sdk::types::InitializeCapabilities;
use codex_sdk::{Codex, CodexBuilder, Condition, Error, Metadata, RUNTIME_VERSION};
use codex_testkit::Peer;
use codex_testkit::peer::shapes;
use serde_json::{Value, json};

/// What a client that is answered this way becomes, and the app-server that answered.
async fn shake_hands(answer: Result<Value, i64>) -> (codex_sdk::Result<Codex>, Peer) {
    shake_hands_with(Codex::builder(), answer).await
}

async fn shake_hands_with(
    builder: CodexBuilder,
    answer: Result<Value, i64>,
) -> (codex_sdk::Result<Codex>, Peer) {
    let (mut peer, (output, input)) = Peer::pair();
    let serve = async {
        let request = peer.expect_request("initialize").await;
        match answer {
            Ok(result) => peer.reply(&request.id, result).await,
            Err(code) => peer.reply_error(&request.id, code, "no", None).await,
        }
    };
    let (codex, ()) = tokio::join!(builder.start_with_io(output, input), serve);
    (codex, peer)
}

#[tokio::test]
async fn parity_141_a_handshake_without_metadata_is_an_error_and_ends_the_connection_once() {
    let (codex, mut peer) = shake_hands(Ok(json!({}))).await;
    let error = codex.unwrap_err();
    let Error::Handshake { source, .. } = &error else {
        panic!("{error:?}");
    };
    let Error::Decode(cause) = &**source else {
        panic!("{source:?}");
    };
    assert!(cause.cause.to_string().contains("`initialize`"), "{cause}");
    // It is never said to be `initialized`.
    peer.expect_eof().await;
}

#[tokio::test]
async fn parity_s10_the_reason_of_a_failed_handshake_is_kept_through_the_end() {
    let (codex, mut peer) = shake_hands(Err(-32603)).await;
    let error = codex.unwrap_err();
    assert!(matches!(error, Error::Handshake { .. }), "{error:?}");
    assert_eq!(error.rpc().unwrap().code, -32603);
    assert!(!error.is_closed());
    peer.expect_eof().await;
}

#[tokio::test]
async fn parity_142_name_and_version_are_taken_from_the_user_agent() {
    for (user_agent, name, version) in [
        ("codex-cli/1.2.3", "codex-cli", "1.2.3"),
        ("me/0.163.0 (Debian 12) xterm (me; 1)", "me", "0.163.0"),
        ("no version", "no version", ""),
        (
            "my/app/0.163.0 (Debian 12) xterm/1 (my/app; 2)",
            "my/app",
            "0.163.0",
        ),
    ] {
        let mut response = shapes::initialize_response();
        response["userAgent"] = json!(user_agent);
        let (codex, mut peer) = shake_hands(Ok(response.clone())).await;
        peer.expect_notification("initialized").await;
        let codex = codex.unwrap();
        let Metadata {
            user_agent: whole,
            server_name,
            server_version,
            ..
        } = codex.metadata();
        let got = (
            whole.as_str(),
            server_name.as_str(),
            server_version.as_str(),
        );
        assert_eq!(got, (user_agent, name, version));
        assert_eq!(codex.metadata().codex_home, response["codexHome"]);
    }
}

#[tokio::test]
async fn a_runtime_that_is_too_old_is_refused_by_its_version_whatever_its_shape() {
    let mut complete = shapes::initialize_response();
    complete["userAgent"] = json!("test/0.131.0 (Linux)");
    for (answer, version) in [
        (json!({ "userAgent": "test/0.100.0 (Linux)" }), "0.100.0"),
        (complete, "0.131.0"),
    ] {
        let (codex, mut peer) = shake_hands(Ok(answer)).await;
        let error = codex.unwrap_err();
        let Error::UnsupportedRuntime { found, needs, .. } = &error else {
            panic!("{error:?}");
        };
        assert_eq!((&**found, *needs), (version, "0.132.0"));
        assert_eq!(error.condition(), Some(Condition::RuntimeTooOld));
        peer.expect_eof().await;
    }
}

#[tokio::test]
async fn only_the_pinned_runtime_is_accepted_if_the_program_asks_for_it() {
    for (version, is_accepted) in [
        (RUNTIME_VERSION, true),
        ("0.162.1", false),
        ("99.0.0", false),
        (&format!("{RUNTIME_VERSION}-alpha.1"), false),
        ("dev", false),
        ("", false),
    ] {
        let mut response = shapes::initialize_response();
        response["userAgent"] = json!(format!("test/{version} (Linux)"));
        let builder = Codex::builder().require_pinned(true);
        let (codex, mut peer) = shake_hands_with(builder, Ok(response)).await;
        if is_accepted {
            assert_eq!(codex.unwrap().metadata().server_version, version);
            continue;
        }
        let error = codex.unwrap_err();
        let Error::UnsupportedRuntime { found, .. } = &error else {
            panic!("{error:?}");
        };
        assert_eq!(found, version);
        peer.expect_notification("initialized").await;
        peer.expect_eof().await;
    }
}

#[tokio::test]
async fn capabilities_are_declared() {
    let capabilities = InitializeCapabilities {
        opt_out_notification_methods: Some(vec!["item/agentMessage/delta".to_owned()]),
        request_attestation: true,
        // The builder's own option counts.
        experimental_api: true,
        ..InitializeCapabilities::default()
    };
    let (mut peer, (output, input)) = Peer::pair();
    let builder = Codex::builder()
        .experimental_api(false)
        .capabilities(capabilities);
    let serve = async {
        let request = peer.expect_request("initialize").await;
        let response = shapes::initialize_response();
        peer.reply(&request.id, response).await;
        request.params
    };
    let (codex, params) = tokio::join!(builder.start_with_io(output, input), serve);
    codex.unwrap();
    let expected = json!({
        "experimentalApi": false, "requestAttestation": true,
        "optOutNotificationMethods": ["item/agentMessage/delta"],
    });
    assert_eq!(params["capabilities"], expected);
}

#[tokio::test]
async fn what_the_client_needs_can_not_be_opted_out_of() {
    for needed in [
        "turn/started",
        "turn/completed",
        "item/started",
        "item/completed",
        "error",
        "thread/status/changed",
        "thread/closed",
        "thread/tokenUsage/updated",
        "thread/goal/updated",
        "thread/goal/cleared",
        "serverRequest/resolved",
        "account/login/completed",
        "mcpServer/oauthLogin/completed",
    ] {
        let methods = ["item/agentMessage/delta", needed];
        let capabilities = InitializeCapabilities {
            opt_out_notification_methods: Some(methods.map(str::to_owned).to_vec()),
            ..InitializeCapabilities::default()
        };
        let (mut peer, (output, input)) = Peer::pair();
        let builder = Codex::builder().capabilities(capabilities);
        let error = builder.start_with_io(output, input).await.unwrap_err();
        assert!(matches!(error, Error::InvalidInput(_)), "{error:?}");
        assert!(
            error.to_string().contains(&format!("`{needed}`")),
            "{error}"
        );
        peer.expect_eof().await;
    }
}

#[tokio::test]
async fn a_capability_that_the_runtime_would_ignore_is_refused() {
    let mut response = shapes::initialize_response();
    response["userAgent"] = json!("test/0.144.4 (Linux)");
    let builder = Codex::builder().capabilities(InitializeCapabilities {
        extensions: Some(serde_json::Map::new()),
        ..InitializeCapabilities::default()
    });
    let (codex, mut peer) = shake_hands_with(builder, Ok(response)).await;
    let error = codex.unwrap_err();
    assert!(
        matches!(&error, Error::RuntimeTooOld { option, .. } if option == "extensions"),
        "{error:?}"
    );
    peer.expect_eof().await;
}

#[tokio::test]
async fn a_client_s_name_that_no_header_can_carry_is_refused() {
    let (mut peer, (output, input)) = Peer::pair();
    let builder = Codex::builder().client_info("a\nb", "title", "1");
    let error = builder.start_with_io(output, input).await.unwrap_err();
    assert!(matches!(error, Error::InvalidInput(_)), "{error:?}");
    peer.expect_eof().await;
}
