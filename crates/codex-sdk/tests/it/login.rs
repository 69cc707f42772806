//! Logins that end early, late, or for somebody else.

use codex_sdk::types::CancelLoginAccountStatus;
use codex_sdk::{CloseReason, Codex, DeviceCodeLogin};
use codex_testkit::Peer;
use serde_json::json;

use crate::support::connect;

/// Begins a login by code whose id is `mine`. Before the reply, the app-server reports these ends.
async fn begin_by_code(codex: &Codex, peer: &mut Peer, ends: &[(&str, bool)]) -> DeviceCodeLogin {
    let serve = async {
        let request = peer.expect_request("account/login/start").await;
        assert_eq!(request.params, json!({ "type": "chatgptDeviceCode" }));
        for (id, success) in ends {
            let end = json!({ "loginId": id, "success": success });
            peer.notify("account/login/completed", end).await;
        }
        let begun = json!({
            "type": "chatgptDeviceCode", "loginId": "mine",
            "verificationUrl": "https://example.org/device", "userCode": "ABCD-1234",
        });
        peer.reply(&request.id, begun).await;
    };
    let (login, ()) = tokio::join!(codex.login_chatgpt_device_code(), serve);
    login.unwrap()
}

#[tokio::test]
async fn parity_63_an_end_that_comes_before_the_reply_is_kept() {
    let (codex, mut peer) = connect().await;
    let ends = [("other", false), ("mine", true)];
    let login = begin_by_code(&codex, &mut peer, &ends).await;
    assert_eq!(login.user_code(), "ABCD-1234");
    assert_eq!(login.verification_url(), "https://example.org/device");
    assert!(login.wait().await.unwrap().success);
    assert!(!format!("{login:?}").contains("ABCD"));
}

#[tokio::test]
async fn a_login_that_is_waited_for_ends_with_the_connection() {
    let (codex, mut peer) = connect().await;
    let serve = async {
        let request = peer.expect_request("account/login/start").await;
        let begun =
            json!({ "type": "chatgpt", "loginId": "mine", "authUrl": "https://example.org" });
        peer.reply(&request.id, begun).await;
    };
    let (login, ()) = tokio::join!(codex.login_chatgpt(), serve);
    let login = login.unwrap();
    peer.close().await;
    for _ in 0..2 {
        let error = login.wait().await.unwrap_err();
        assert_eq!(error.closed().unwrap().reason, CloseReason::Ended);
    }
}

#[tokio::test]
async fn parity_64_a_login_by_code_is_cancelled_by_its_id() {
    let (codex, mut peer) = connect().await;
    let login = begin_by_code(&codex, &mut peer, &[]).await;
    assert_eq!(login.login_id(), "mine");
    let serve = async {
        let request = peer.expect_request("account/login/cancel").await;
        assert_eq!(request.params, json!({ "loginId": "mine" }));
        let canceled = json!({ "status": "canceled" });
        peer.reply(&request.id, canceled).await;
    };
    let (cancelled, ()) = tokio::join!(login.cancel(), serve);
    let status = cancelled.unwrap().status;
    assert_eq!(status, CancelLoginAccountStatus::Canceled);
}
