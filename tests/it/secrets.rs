//! The API key appears nowhere but where it belongs.

use std::time::Duration;

use codex_e2e::Stage;
use codex_sdk::types::{LoginAccountParams, LoginAccountParamsApiKey};
use codex_sdk::{Codex, Thread};
use codex_testkit::Reply;
use serde_json::json;

pub(crate) mod shown;

use shown::{Shown, capture};

const KEY: &str = "sk-never-to-be-seen-0123456789";

#[codex_e2e_macros::test(flavor = "current_thread")]
async fn spans_tell_who_did_what_and_how_long_it_took_but_not_what_was_said() {
    let logged = Shown::default();
    let _guards = capture(&logged);
    let stage = Stage::new().await.unwrap();
    stage.model.push(Reply::text("a secret answer"));
    let codex = stage.start().await.unwrap();
    let thread = codex.thread_start().await.unwrap();
    let result = thread.run("a secret question").await.unwrap();
    let id = thread.id().to_owned();
    drop(thread);
    codex.close().await.unwrap();
    let logged = logged.take();
    for words in [
        &format!("thread_id=\"{id}\""),
        &format!("turn_id=\"{}\"", result.id),
        "status=\"completed\" duration_ms=",
        "codex.connection{number=",
        "codex.request{method=\"turn/start\" id=",
        "outcome=\"answered\" duration_ms=",
        "the runtime has started",
        "the connection has ended",
    ] {
        assert!(logged.contains(words), "{words} is not in: {logged}");
    }
    // A turn is in its thread, which is in its connection.
    let nested = logged.lines().any(|line| {
        let place = |name| line.find(name);
        place("codex.connection") < place("codex.thread{")
            && place("codex.thread{") < place("codex.turn{")
            && place("codex.turn{").is_some()
    });
    assert!(nested, "{logged}");
    assert!(!logged.contains("secret"), "{logged}");
}

/// Shows calls and their errors. They are refused by the runtime, which gets the key in the wrong place;
/// by a deadline; by the model; by a client that was closed.
async fn be_refused(codex: &Codex, thread: &Thread, shown: &Shown) {
    let untyped = codex.request_raw("account/login/start", json!({"apiKey": KEY}));
    shown.debug(&untyped);
    shown.error(&untyped.await.unwrap_err());
    let params = LoginAccountParamsApiKey::new(KEY);
    let timed_out = codex.request(LoginAccountParams::ApiKey(params));
    let timed_out = timed_out.timeout(Duration::ZERO);
    shown.debug(&timed_out);
    shown.error(&timed_out.await.unwrap_err());
    shown.error(&thread.run("again").await.unwrap_err());
    codex.logout().await.unwrap();
    codex.close().await.unwrap();
    shown.error(&codex.login_api_key(KEY).await.unwrap_err());
}

/// On one thread, so that its subscriber sees what all tasks log.
#[codex_e2e_macros::test(flavor = "current_thread")]
async fn an_api_key_is_in_no_log_no_debug_output_and_no_error() {
    let (logged, shown) = (Shown::default(), Shown::default());
    let _guards = capture(&logged);

    let stage = Stage::with(|home| home.requires_openai_auth(true));
    let stage = stage.await.unwrap();
    let builder = stage.builder().env("MY_KEY", KEY).config("my_key", KEY);
    shown.debug(&builder);
    let codex = stage.start().await.unwrap();
    let login = codex.login_api_key(KEY);
    shown.debug(&login);
    login.await.unwrap();
    shown.debug(codex.account().await.unwrap());
    shown.debug(LoginAccountParams::ApiKey(LoginAccountParamsApiKey::new(
        KEY,
    )));

    stage.model.push(Reply::text("authorised"));
    let thread = codex.thread_start().await.unwrap();
    let turn = thread.turn("hello").await.unwrap();
    shown.debug((&codex, &thread, &turn, turn.control(), codex.stats()));
    shown.debug(turn.run().await.unwrap());
    let request = stage.model.next_request().await;
    assert_eq!(
        request.header("authorization"),
        Some(&*format!("Bearer {KEY}"))
    );
    shown.debug(request);

    // From here on the notifications, which were logged so far, go to a subscription.
    codex.logout().await.unwrap();
    let mut events = codex.notifications();
    codex.login_api_key(KEY).await.unwrap();

    stage.model.push(Reply::status(401, json!({})));
    be_refused(&codex, &thread, &shown).await;
    while let Some(event) = events.next().await {
        match event {
            Ok(event) => shown.debug(event),
            Err(error) => shown.error(&error),
        }
    }

    let (logged, shown) = (logged.take(), shown.take());
    assert!(logged.contains("account/login/completed"), "{logged}");
    assert!(shown.contains("AccountLoginCompleted"), "{shown}");
    assert!(!logged.contains(KEY), "{logged}");
    assert!(!shown.contains(KEY), "{shown}");
}
