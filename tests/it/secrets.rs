//! The API key appears nowhere but where it belongs.

use std::fmt::{Debug, Display};
use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use codex_e2e::Stage;
use codex_e2e::watch::Watch;
use codex_sdk::types::{LoginAccountParams, LoginAccountParamsApiKey};
use codex_sdk::{Codex, Thread};
use codex_testkit::Reply;
use serde_json::json;
use tracing_subscriber::fmt::format::FmtSpan;
use tracing_subscriber::layer::SubscriberExt;

const KEY: &str = "sk-never-to-be-seen-0123456789";

/// What was logged, and what would be if somebody logged it.
#[derive(Clone, Default)]
pub(crate) struct Shown(Arc<Mutex<Vec<u8>>>);

impl Shown {
    fn debug(&self, value: impl Debug) {
        self.add(&format!("{value:?} {value:#?}"));
    }

    /// An error and all its causes, in both forms.
    fn error(&self, error: &(dyn std::error::Error + 'static)) {
        let chain = std::iter::successors(Some(error), |error| error.source());
        for error in chain {
            self.debug(error);
            self.display(error);
        }
    }

    fn display(&self, value: impl Display) {
        self.add(&value.to_string());
    }

    fn add(&self, text: &str) {
        self.0.lock().unwrap().extend(text.as_bytes());
    }

    pub(crate) fn take(&self) -> String {
        let shown = std::mem::take(&mut *self.0.lock().unwrap());
        String::from_utf8(shown).unwrap()
    }
}

impl io::Write for Shown {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Keeps all that this thread logs, as long as the guards live.
pub(crate) fn capture(logged: &Shown) -> (tracing::Dispatch, tracing::subscriber::DefaultGuard) {
    let writer = logged.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing_subscriber::filter::LevelFilter::TRACE)
        .with_span_events(FmtSpan::CLOSE)
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .finish()
        .with(Watch);
    // With no other subscriber, an event that another test's thread meets first would be off for good.
    let other = tracing::Dispatch::new(tracing::subscriber::NoSubscriber::new());
    (other, tracing::subscriber::set_default(subscriber))
}

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
