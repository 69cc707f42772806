//! A secret stays where it belongs, whatever fails: not in an error, a `Debug`, or the log at its most talkative.

use codex_e2e::Stage;
use codex_sdk::{Codex, Condition, Error};
use codex_testkit::Reply;
use serde_json::json;

use crate::faults;
use crate::peer::{begin, connect};
use crate::shown::{Shown, capture};

faults! {
    refused_key: "the provider refuses the key" => "the key is in no log, `Debug` or error of the SDK";
    refused_login: "a login fails with the key in its request" => "the key is in no log, `Debug` or error of the SDK";
    in_a_bad_line: "lines that aren't messages have a token in them" => "no line is quoted";
    on_stderr: "the runtime prints a key of its environment and ends" => "the key is hidden in the error";
    in_a_bad_answer: "an answer that can't be decoded has a token in it" => "the error names the place, not the value";
    in_the_environment: "`Debug` of a builder with secrets in its environment" => "only the names are shown";
    remote_token: "a server takes a token, and refuses another one" => "they are in no log, `Debug` or error";
}

const KEY: &str = "sk-never-to-be-seen-0123456789";

/// Everything that an error shows.
fn all_of(error: &Error) -> String {
    let mut shown = String::new();
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = cause {
        shown.extend([error.to_string(), format!("{error:?} {error:#?}")]);
        cause = error.source();
    }
    shown
}

fn is_hidden(logged: &Shown, shown: &str) -> String {
    let logged = logged.take();
    assert!(!logged.is_empty() && !logged.contains(KEY), "{logged}");
    assert!(!shown.contains(KEY), "{shown}");
    format!("{} bytes were logged", logged.len())
}

async fn refused_key() -> String {
    let logged = Shown::default();
    let _guards = capture(&logged);
    let stage = Stage::with(|home| home.requires_openai_auth(true))
        .await
        .unwrap();
    let codex = stage.child().await.unwrap();
    codex.login_api_key(KEY).await.unwrap();
    let thread = codex.thread_start().await.unwrap();
    let refusal = json!({ "error": { "message": "Incorrect API key provided" } });
    stage.model.push(Reply::status(401, refusal));
    let error = thread.run("go").await.unwrap_err();
    codex.close().await.unwrap();
    is_hidden(&logged, &all_of(&error))
}

async fn refused_login() -> String {
    let logged = Shown::default();
    let _guards = capture(&logged);
    let (codex, mut peer) = connect().await;
    let login = begin(codex.login_api_key(KEY).into_future()).await;
    let shown = format!("{login:?}");
    let request = peer.next_message().await.unwrap();
    assert!(request.to_string().contains(KEY));
    peer.reply_error(&request["id"], -32603, "no", None).await;
    let error = login.await.unwrap_err();
    is_hidden(&logged, &(shown + &all_of(&error)))
}

async fn in_a_bad_line() -> String {
    let logged = Shown::default();
    let _guards = capture(&logged);
    let (codex, mut peer) = connect().await;
    let mut all = codex.notifications();
    let lines = [
        format!("{{\"token\":\"{KEY}\"}}"),
        format!("{{\"token\":\"{KEY}"),
        // What a script prints, and the second half of a message.
        format!("OPENAI_API_KEY={KEY}"),
        format!("{KEY}\"}}}}"),
        format!("Token\":\"{KEY}\"}}}}"),
        // Where the SDK looks for whom a broken line was for.
        format!("{{\"method\":\"{KEY}\",\"par"),
        format!("{{\"threadId\":\"{KEY}"),
        format!(
            "{{\"method\":\"warning\",\"params\":{{\"threadId\":\"{KEY}\",\"turnId\":\"{KEY}\""
        ),
    ];
    let shown = Shown::default();
    peer.raw(format!("{{\"id\":\"{KEY}\",\"result\":{{}}}}\n"))
        .await;
    for line in lines {
        peer.raw(line + "\n").await;
        shown.error(&all.next().await.unwrap().unwrap_err());
    }
    is_hidden(&logged, &shown.take())
}

async fn on_stderr() -> String {
    let logged = Shown::default();
    let _guards = capture(&logged);
    let stage = Stage::new().await.unwrap();
    let script = "echo \"bad key: $OPENAI_API_KEY\" >&2; exit 3";
    let builder = stage.builder().codex_bin("/bin/sh");
    let builder = builder.launch_args(["-c", script]);
    let error = builder.env("OPENAI_API_KEY", KEY).start().await;
    let error = error.unwrap_err();
    assert!(error.to_string().contains("bad key: [hidden]"), "{error}");
    is_hidden(&logged, &all_of(&error))
}

async fn in_a_bad_answer() -> String {
    let logged = Shown::default();
    let _guards = capture(&logged);
    let (codex, mut peer) = connect().await;
    let call = begin(codex.account().into_future()).await;
    let request = peer.next_message().await.unwrap();
    peer.reply(
        &request["id"],
        json!({ "account": KEY, "requiresOpenaiAuth": KEY }),
    )
    .await;
    let error = call.await.unwrap_err();
    assert!(matches!(error, Error::Decode(_)), "{error:?}");
    assert!(all_of(&error).contains("at `account`"), "{error:?}");
    is_hidden(&logged, &all_of(&error))
}

async fn in_the_environment() -> String {
    let builder = Codex::builder()
        .env("OPENAI_API_KEY", KEY)
        .envs([("TOKEN", KEY)]);
    let shown = format!("{builder:?} {builder:#?}");
    assert!(!shown.contains(KEY), "{shown}");
    assert!(shown.contains("OPENAI_API_KEY"), "{shown}");
    "1 of 1".to_owned()
}

async fn remote_token() -> String {
    let logged = Shown::default();
    let _guards = capture(&logged);
    let stage = Stage::new().await.unwrap();
    let serve = stage.builder().serve().capability_token(KEY);
    let shown = Shown::default();
    shown.debug(&serve);
    let server = serve.start().await.unwrap();
    let connect = |token: String| Codex::connect(server.url()).bearer_token(token);
    let builder = connect(KEY.to_owned());
    shown.debug((&server, &builder));
    let codex = builder.await.unwrap();
    shown.debug(&codex);
    codex.close().await.unwrap();
    let error = connect(format!("{KEY}x")).await.unwrap_err();
    assert_eq!(error.condition(), Some(Condition::ServerUnauthorized));
    shown.error(&error);
    is_hidden(&logged, &shown.take())
}
