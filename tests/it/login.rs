//! Logging in with a browser.

use codex_e2e::Stage;
use codex_sdk::types::CancelLoginAccountStatus;
use tokio::sync::Mutex;

/// Held by whoever logs in: the runtime listens on a fixed port.
pub(crate) static PORT: Mutex<()> = Mutex::const_new(());

#[codex_e2e_macros::test]
async fn parity_60_61_62_logins_are_cancelled_replaced_and_waited_for() {
    let _port = PORT.lock().await;
    let stage = Stage::with(|home| home.requires_openai_auth(true))
        .await
        .unwrap();
    let codex = stage.start().await.unwrap();
    let first = codex.login_chatgpt().await.unwrap();
    assert!(first.auth_url().contains("redirect_uri=http"));
    let second = codex.login_chatgpt().await.unwrap();
    assert_ne!(first.login_id(), second.login_id());

    let replaced = first.wait().await.unwrap();
    assert!(!replaced.success);
    assert_eq!(replaced.login_id.as_deref(), Some(first.login_id()));

    let cancelled = second.cancel().await.unwrap();
    assert_eq!(cancelled.status, CancelLoginAccountStatus::Canceled);
    let end = second.wait().await.unwrap();
    assert!(!end.success && end.error.is_some());
    assert_eq!(second.wait().await.unwrap(), end);
    let again = second.cancel().await.unwrap();
    assert_eq!(again.status, CancelLoginAccountStatus::NotFound);
    assert_eq!(codex.account().await.unwrap().account, None);
    let shown = format!("{second:?}");
    assert!(!shown.contains("http"), "{shown}");
}
