//! How a connection begins, and what is said when it can't.

use codex_sdk::{Codex, Error, Metadata};
use codex_testkit::{Peer, peer::shapes};
use serde_json::{Value, json};

/// What a client that is answered this way becomes, and the app-server that answered.
async fn shake_hands(answer: Result<Value, i64>) -> (codex_sdk::Result<Codex>, Peer) {
    let (mut peer, (output, input)) = Peer::pair();
    let serve = async {
        let request = peer.expect_request("initialize").await;
        match answer {
            Ok(result) => peer.reply(&request.id, result).await,
            Err(code) => peer.reply_error(&request.id, code, "no", None).await,
        }
    };
    let (codex, ()) = tokio::join!(Codex::builder().start_with_io(output, input), serve);
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
    assert!(cause.to_string().contains("`initialize`"), "{cause}");
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
