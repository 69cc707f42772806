//! Connections to a server that go wrong: on the way there, and in the middle.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use codex_e2e::{Stage, idle, is_usable, next_text};
use codex_sdk::types::{AbsolutePathBuf, FsWriteFileParams, TurnStatus};
use codex_sdk::{CloseReason, Codex, Condition, Error, Server, Thread, Tool, schemars};
use codex_testkit::{Gate, Reply};
use data_encoding::BASE64URL_NOPAD;
use ring::hmac;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::time::timeout;

use self::way::{State, Way, tls_way};

pub(crate) mod way;

const LONG: Duration = Duration::from_secs(60);

async fn served() -> (Stage, Server) {
    let stage = Stage::new().await.unwrap();
    let server = stage.server().await.unwrap();
    (stage, server)
}

/// A client by this way, with the token of the server.
async fn by(way: &Way, server: &Server) -> Codex {
    let token = server.token().unwrap().clone();
    Codex::connect(&*way.url).bearer_token(token).await.unwrap()
}

async fn client_and_thread(way: &Way, server: &Server) -> (Codex, Thread) {
    let codex = by(way, server).await;
    let thread = codex.thread_start().await.unwrap();
    (codex, thread)
}

fn is_lost(error: &Error) {
    assert_eq!(
        error.condition(),
        Some(Condition::ConnectionLost),
        "{error}"
    );
    let closed = error.closed().unwrap();
    assert!(matches!(closed.reason, CloseReason::Lost(_)), "{closed:?}");
}

#[codex_e2e_macros::test]
async fn a_turn_whose_connection_is_cut_is_attached_to_by_another_one() {
    let (stage, server) = served().await;
    // Between two frames, within a header, and within a text.
    for bytes in [0, 1, 60] {
        let way = Way::to(&server).await;
        let (codex, thread) = client_and_thread(&way, &server).await;
        let gate = Gate::new();
        stage
            .model
            .push(Reply::deltas(["so", "ur", "ce"]).gate_at(4, &gate));
        let mut turn = thread.turn("go").await.unwrap();
        let text = timeout(LONG, next_text(&mut turn)).await.unwrap();
        assert_eq!(text.as_deref(), Some("so"));
        let ticket = turn.ticket();
        way.is(State::CutAfter(bytes));
        let waiting = codex.request_raw("thread/loaded/list", serde_json::json!({}));
        let waiting = tokio::spawn(waiting.into_future());
        let error = timeout(LONG, waiting).await.unwrap().unwrap().unwrap_err();
        is_lost(&error);
        let error = timeout(LONG, turn.run()).await.unwrap().unwrap_err();
        assert!(matches!(error, Error::TurnIncomplete(_)), "{error:?}");
        is_lost(&error);
        is_lost(&codex.models().await.unwrap_err());

        gate.release();
        let codex = server.connect().await.unwrap();
        let turn = codex.attach(ticket).await.unwrap();
        let result = timeout(LONG, turn.run()).await.unwrap().unwrap();
        assert_eq!(result.final_response.as_deref(), Some("source"));
        idle(&codex).await;
    }
}

#[codex_e2e_macros::test]
async fn a_server_that_falls_silent_is_given_up() {
    let (stage, server) = served().await;
    let way = Way::to(&server).await;
    let (codex, thread) = client_and_thread(&way, &server).await;
    stage.model.push(Reply::stall());
    let asked = stage.model.next_request();
    let turn = thread.turn("go").await.unwrap();
    timeout(LONG, asked).await.unwrap();
    let ticket = turn.ticket();
    way.is(State::Frozen);
    let begun = Instant::now();
    let error = timeout(Duration::from_secs(75), turn.run());
    is_lost(&error.await.unwrap().unwrap_err());
    assert!(
        begun.elapsed() >= Duration::from_secs(25),
        "{:?}",
        begun.elapsed()
    );
    assert!(
        codex
            .models()
            .await
            .unwrap_err()
            .to_string()
            .contains("answered no ping for 45 s")
    );
    let codex = server.connect().await.unwrap();
    let turn = codex.attach(ticket).await.unwrap();
    turn.interrupt().await.unwrap();
    let result = timeout(LONG, turn.run()).await.unwrap().unwrap();
    assert_eq!(result.status, TurnStatus::Interrupted);
}

#[codex_e2e_macros::test]
async fn a_host_that_refuses_hangs_or_speaks_another_protocol_is_no_server() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let closed = listener.local_addr().unwrap();
    drop(listener);
    let error = Codex::connect(format!("ws://{closed}")).await.unwrap_err();
    assert_eq!(
        error.condition(),
        Some(Condition::ServerUnreachable),
        "{error}"
    );

    let unknown = Codex::connect("unix:///nowhere/at/all.sock")
        .await
        .unwrap_err();
    assert_eq!(
        unknown.condition(),
        Some(Condition::ServerUnreachable),
        "{unknown}"
    );

    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}", silent.local_addr().unwrap());
    let begun = Instant::now();
    let connect = Codex::connect(url).startup_timeout(Duration::from_millis(300));
    let error = connect.await.unwrap_err();
    assert_eq!(
        error.condition(),
        Some(Condition::ServerUnreachable),
        "{error}"
    );
    assert!(begun.elapsed() < Duration::from_secs(5));

    for (answer, condition) in [
        ("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi", None),
        (
            "HTTP/1.1 503 Busy\r\ncontent-length: 0\r\n\r\n",
            Some(Condition::ServerUnreachable),
        ),
        ("HTTP/1.1 301 Moved\r\nlocation: /\r\n\r\n", None),
        ("220 mail.example.com ESMTP\r\n", None),
        ("", Some(Condition::ServerUnreachable)),
    ] {
        let host = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("ws://{}", host.local_addr().unwrap());
        let answering = tokio::spawn(async move {
            let (mut stream, _) = host.accept().await.unwrap();
            let mut asked = [0; 1024];
            let _ = stream.read(&mut asked).await.unwrap();
            stream.write_all(answer.as_bytes()).await.unwrap();
        });
        let error = timeout(LONG, Codex::connect(url).into_future())
            .await
            .unwrap()
            .unwrap_err();
        assert!(matches!(error, Error::Connect { .. }), "{error:?}");
        assert_eq!(error.condition(), condition, "{answer}: {error}");
        answering.await.unwrap();
    }
}

#[codex_e2e_macros::test]
async fn a_token_goes_nowhere_in_the_clear_and_into_no_message() {
    const SECRET: &str = "secret-token-0123456789";
    for url in ["ws://192.0.2.1:1", "ws://example.com"] {
        let builder = Codex::connect(url).bearer_token(SECRET.to_owned());
        assert!(!format!("{builder:?}").contains(SECRET));
        let error = builder.await.unwrap_err();
        assert!(matches!(error, Error::InvalidInput(_)), "{error}");
        assert!(!format!("{error:?}").contains(SECRET));
    }
    let unprintable = Codex::connect("ws://127.0.0.1:1").bearer_token("a\nb".to_owned());
    assert!(matches!(unprintable.await, Err(Error::InvalidInput(_))));
}

/// A signed token, as an issuer makes it.
fn signed(secret: &str, expires: u64) -> String {
    let header = BASE64URL_NOPAD.encode(br#"{"alg":"HS256","typ":"JWT"}"#);
    let claims = format!(r#"{{"exp":{expires}}}"#);
    let signed = format!("{header}.{}", BASE64URL_NOPAD.encode(claims.as_bytes()));
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let signature = hmac::sign(&key, signed.as_bytes());
    format!("{signed}.{}", BASE64URL_NOPAD.encode(signature.as_ref()))
}

#[codex_e2e_macros::test]
async fn a_signed_token_is_taken_until_it_expires_and_the_refusal_has_its_reason() {
    const SECRET: &str = "a secret of at least thirty-two characters";
    let stage = Stage::new().await.unwrap();
    let file = stage.home.path().join("secret");
    std::fs::write(&file, SECRET).unwrap();
    let server = stage.builder().serve().launch_args([
        "app-server",
        "--listen",
        "ws://127.0.0.1:0",
        "--ws-auth",
        "signed-bearer-token",
        "--ws-shared-secret-file",
        file.to_str().unwrap(),
    ]);
    let server = server.start().await.unwrap();
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_secs();
    let connect = |token: String| Codex::connect(server.url()).bearer_token(token);
    let codex = connect(signed(SECRET, now + 3600)).await.unwrap();
    let thread = codex.thread_start().await.unwrap();
    is_usable(&stage, &codex, &thread).await;
    for (token, reason) in [
        (signed(SECRET, now - 3600), "expired websocket jwt"),
        (signed("another", now + 3600), "invalid websocket"),
    ] {
        let error = connect(token.clone()).await.unwrap_err();
        assert_eq!(
            error.condition(),
            Some(Condition::ServerUnauthorized),
            "{error}"
        );
        assert!(error.to_string().contains(reason), "{error}");
        assert!(!format!("{error:?}").contains(&token));
    }
}

#[codex_e2e_macros::test]
async fn a_server_behind_tls_is_trusted_by_its_certificate_alone() {
    let (stage, server) = served().await;
    let (url, certificate, task) = tls_way(&server).await;
    let token = server.token().unwrap().clone();
    let connect = |url: &str| Codex::connect(url).bearer_token(token.clone());
    let error = connect(&url).await.unwrap_err();
    assert_eq!(
        error.condition(),
        Some(Condition::ServerUntrusted),
        "{error}"
    );
    let other = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let wrong = connect(&url).root_certificate(other.cert.pem());
    let error = wrong.await.unwrap_err();
    assert_eq!(
        error.condition(),
        Some(Condition::ServerUntrusted),
        "{error}"
    );
    let elsewhere = url.replace("localhost", "127.0.0.1");
    let error = connect(&elsewhere)
        .root_certificate(&*certificate)
        .await
        .unwrap_err();
    assert_eq!(
        error.condition(),
        Some(Condition::ServerUntrusted),
        "{error}"
    );
    let none = connect(&url).root_certificate("no certificate");
    assert!(matches!(none.await, Err(Error::InvalidInput(_))));

    let codex = connect(&url).root_certificate(&*certificate).await.unwrap();
    let thread = codex.thread_start().await.unwrap();
    is_usable(&stage, &codex, &thread).await;
    codex.close().await.unwrap();
    task.abort();
}

#[codex_e2e_macros::test]
async fn long_messages_go_in_several_frames_and_longer_ones_nowhere() {
    let (stage, server) = served().await;
    let codex = server.connect().await.unwrap();
    let thread = codex.thread_start().await.unwrap();
    let path = stage.home.workspace().join("long");
    for mib in [1, 17, 40] {
        // So many times "xxx".
        let many = mib << 18;
        let absolute = AbsolutePathBuf(path.to_str().unwrap().to_owned());
        let write = FsWriteFileParams::new("eHh4".repeat(many), absolute);
        codex.request(write).timeout(LONG).await.unwrap();
        let length = std::fs::metadata(&path).unwrap().len();
        assert_eq!(length, 3 * many as u64);
    }
    let error = thread.run("x".repeat(65 << 20)).await.unwrap_err();
    assert!(matches!(error, Error::InvalidInput(_)), "{error}");
    is_usable(&stage, &codex, &thread).await;
}

#[derive(serde::Deserialize, schemars::JsonSchema)]
struct Nothing {}

#[codex_e2e_macros::test]
async fn an_answer_that_is_too_long_is_refused_and_the_connection_lives_on() {
    let (stage, server) = served().await;
    let codex = server.connect().await.unwrap();
    let long = |_: Nothing| async { Ok("x".repeat(65 << 20)) };
    let long = Tool::new("long", "Says much.", long);
    let thread = codex.thread_start().tool(long).await.unwrap();
    stage.model.push(Reply::function_call("long", "{}"));
    stage.model.push(Reply::text("Done."));
    let result = timeout(LONG, thread.run("go").into_future());
    let result = result.await.unwrap().unwrap();
    assert_eq!(result.final_response.as_deref(), Some("Done."));
    is_usable(&stage, &codex, &thread).await;
}

#[codex_e2e_macros::test]
async fn a_server_that_drains_ends_with_its_last_turn_and_takes_no_others() {
    let (stage, server) = served().await;
    let codex = server.connect().await.unwrap();
    let thread = codex.thread_start().await.unwrap();
    let gate = Gate::new();
    stage.model.push(Reply::text("whole").gate(&gate));
    let turn = thread.turn("go").await.unwrap();
    timeout(LONG, gate.reached()).await.unwrap();
    let ticket = turn.ticket();
    let draining = tokio::spawn(server.drain(LONG).into_future());
    let refused = timeout(LONG, async {
        loop {
            if let Err(error) = codex.thread_start().await {
                return error;
            }
        }
    });
    let refused = refused.await.unwrap();
    assert_eq!(
        refused.condition(),
        Some(Condition::ServerDraining),
        "{refused}"
    );
    gate.release();
    let outcome = timeout(LONG, turn.run()).await.unwrap();
    timeout(LONG, draining).await.unwrap().unwrap().unwrap();
    match outcome {
        Ok(result) => assert_eq!(result.status, TurnStatus::Completed),
        // The server may leave before it has said it.
        Err(error) => is_lost(&error),
    }
    let server = stage.server().await.unwrap();
    let codex = server.connect().await.unwrap();
    let result = codex.attach(ticket).await.unwrap().run().await.unwrap();
    assert_eq!(result.final_response.as_deref(), Some("whole"));
}
