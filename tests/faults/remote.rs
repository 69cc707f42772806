//! What lies between a client and its server fails.

use std::time::{Duration, Instant};

use codex_e2e::{Stage, idle};
use codex_sdk::{Codex, Condition, Error, Server, TurnHandle};
use codex_testkit::Gate;
use nix::sys::signal::Signal;
use nix::unistd::Pid;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::lines::peak;
use crate::scenes::{half_an_answer, hit};
use crate::way::{State, Way};
use crate::{after, alone, faults, since};

faults! {
    cut: "the connection is cut between two frames" => "`ConnectionLost`; another client attaches to the turn and gets all of it";
    cut_in_a_frame: "the connection is cut within a frame" => "`ConnectionLost`; another client attaches to the turn and gets all of it";
    killed: "the server is killed in the middle of a message" => "`ConnectionLost`";
    stopped: "the server is stopped while a call waits" => "`Timeout` for the call";
    half_open: "a host that takes connections and says nothing" => "`ServerUnreachable` within `startup_timeout`";
    another_protocol: "a host that speaks another protocol" => "`Connect`, without a condition";
    hangs_up: "a host that hangs up at once" => "`ServerUnreachable`";
    nothing_listens: "nothing listens there" => "`ServerUnreachable`";
    pings: "a server that pings without an end and reads nothing" => "`ConnectionLost`; the answers aren't held";
    slow: "a line of 10 bytes per millisecond" => "the turn is whole";
    descriptors: "20 connections that are closed, 20 that are cut, and 20 that are refused" => "no descriptor is left";
    no_token: "a client without the server's token" => "`ServerUnauthorized`";
}

async fn served() -> (Stage, Server) {
    let stage = Stage::new().await.unwrap();
    let server = stage.server().await.unwrap();
    (stage, server)
}

/// A turn by this way, whose message has begun.
async fn begun(stage: &Stage, server: &Server, way: &Way) -> (Codex, TurnHandle, Gate) {
    let token = server.token().unwrap().clone();
    let codex = Codex::connect(&*way.url).bearer_token(token).await.unwrap();
    let thread = codex.thread_start().await.unwrap();
    let (turn, gate) = half_an_answer(stage, &thread).await;
    (codex, turn, gate)
}

async fn cut() -> String {
    cut_after(0).await
}

async fn cut_in_a_frame() -> String {
    cut_after(60).await
}

async fn cut_after(bytes: usize) -> String {
    let (stage, server) = served().await;
    let way = Way::to(&server).await;
    let (codex, turn, gate) = begun(&stage, &server, &way).await;
    let ticket = turn.ticket();
    way.is(State::CutAfter(bytes));
    let start = Instant::now();
    let lost = codex.models().await.unwrap_err();
    assert_eq!(lost.condition(), Some(Condition::ConnectionLost), "{lost}");
    let lost = turn.run().await.unwrap_err();
    assert_eq!(lost.condition(), Some(Condition::ConnectionLost), "{lost}");
    let took = since(start);
    gate.release();
    let codex = server.connect().await.unwrap();
    let result = codex.attach(ticket).await.unwrap().run().await.unwrap();
    assert_eq!(result.final_response.as_deref(), Some("one two"));
    idle(&codex).await;
    took
}

async fn killed() -> String {
    let (stage, server) = served().await;
    let way = Way::to(&server).await;
    let (_codex, turn, _gate) = begun(&stage, &server, &way).await;
    strike(&stage, Signal::SIGKILL).await;
    let start = Instant::now();
    let lost = turn.run().await.unwrap_err();
    assert_eq!(lost.condition(), Some(Condition::ConnectionLost), "{lost}");
    since(start)
}

async fn stopped() -> String {
    let (stage, server) = served().await;
    let way = Way::to(&server).await;
    let (codex, _turn, _gate) = begun(&stage, &server, &way).await;
    strike(&stage, Signal::SIGSTOP).await;
    let limit = Duration::from_millis(500);
    let call = codex
        .request_raw("model/list", serde_json::json!({}))
        .timeout(limit);
    let start = Instant::now();
    let error = call.await.unwrap_err();
    assert!(matches!(error, Error::Timeout { .. }), "{error:?}");
    let took = after(limit, start);
    strike(&stage, Signal::SIGCONT).await;
    took
}

async fn strike(stage: &Stage, signal: Signal) {
    let running = codex_e2e::processes_in(stage.home.path());
    for process in running.iter().filter(|it| it.contains("app-server")) {
        let (id, _) = process.split_once(' ').unwrap();
        hit(Pid::from_raw(id.parse().unwrap()), signal).await;
    }
}

/// Connects to a host that answers like this.
async fn host(answer: Option<&'static [u8]>, open: bool, condition: Option<Condition>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}", listener.local_addr().unwrap());
    let host = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        if let Some(answer) = answer {
            let mut bytes = [0; 1024];
            let _ = stream.read(&mut bytes).await;
            let _ = stream.write_all(answer).await;
        }
        if open {
            std::future::pending::<()>().await;
        }
    });
    let start = Instant::now();
    let limit = Duration::from_secs(2);
    let error = Codex::connect(url)
        .startup_timeout(limit)
        .await
        .unwrap_err();
    host.abort();
    assert!(start.elapsed() < 2 * limit);
    assert!(matches!(error, Error::Connect { .. }), "{error:?}");
    assert_eq!(error.condition(), condition, "{error}");
    since(start)
}

async fn half_open() -> String {
    host(None, true, Some(Condition::ServerUnreachable)).await
}

async fn another_protocol() -> String {
    host(Some(b"220 mail.example.invalid ESMTP\r\n"), true, None).await
}

async fn hangs_up() -> String {
    host(None, false, Some(Condition::ServerUnreachable)).await
}

async fn nothing_listens() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}", listener.local_addr().unwrap());
    drop(listener);
    let start = Instant::now();
    let error = Codex::connect(url).await.unwrap_err();
    assert_eq!(
        error.condition(),
        Some(Condition::ServerUnreachable),
        "{error}"
    );
    since(start)
}

async fn pings() -> String {
    if let Some(figure) = alone("remote::rows::pings") {
        return figure;
    }
    // One that reads the answers may ping as long as it likes.
    let (_, answered) = pinged(true).await;
    assert!(answered > 90_000 * 6, "{answered}");
    let before = peak();
    let (error, _) = pinged(false).await;
    assert!(format!("{error:?}").contains("it pings"), "{error:?}");
    assert_eq!(
        error.condition(),
        Some(Condition::ConnectionLost),
        "{error}"
    );
    let grown = peak().saturating_sub(before);
    assert!(grown < 32_000_000, "{grown}");
    format!("{} MB more memory", grown / 1_000_000)
}

/// Connects to a server that only pings: 100,000 times if it reads the answers, else without an end. Returns how the
/// connection ended, and how many bytes of answers were read.
async fn pinged(reads: bool) -> (Error, usize) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}", listener.local_addr().unwrap());
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut bytes = [0; 4096];
        let read = stream.read(&mut bytes).await.unwrap();
        let request = String::from_utf8_lossy(&bytes[..read]).to_lowercase();
        let at = request.find("sec-websocket-key: ").unwrap() + 19;
        let key = String::from_utf8_lossy(&bytes[at..])
            .trim_start()
            .to_owned();
        let key = key.split("\r\n").next().unwrap();
        let text = format!("{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
        let hash = ring::digest::digest(&ring::digest::SHA1_FOR_LEGACY_USE_ONLY, text.as_bytes());
        let accept = data_encoding::BASE64.encode(hash.as_ref());
        let answer = format!(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Accept: {accept}\r\n\r\n"
        );
        stream.write_all(answer.as_bytes()).await.unwrap();
        if !reads {
            let pings = [&[0x89, 125][..], &[b'x'; 125]].concat().repeat(100);
            while stream.write_all(&pings).await.is_ok() {}
            return 0;
        }
        let mut answered = 0;
        for sent in 1..=1000 {
            stream.write_all(&[0x89, 0].repeat(100)).await.unwrap();
            // The first request is among them.
            while answered < sent * 100 * 6 {
                match stream.read(&mut bytes).await.unwrap() {
                    0 => return answered,
                    read => answered += read,
                }
            }
        }
        answered
    });
    let error = Codex::connect(url).await.unwrap_err();
    (error, server.await.unwrap())
}

async fn slow() -> String {
    let (stage, server) = served().await;
    let way = Way::to(&server).await;
    way.is(State::Slow);
    let start = Instant::now();
    let (codex, turn, gate) = begun(&stage, &server, &way).await;
    gate.release();
    let result = turn.run().await.unwrap();
    assert_eq!(result.final_response.as_deref(), Some("one two"));
    idle(&codex).await;
    since(start)
}

async fn descriptors() -> String {
    if let Some(figure) = alone("remote::rows::descriptors") {
        return figure;
    }
    let (_stage, server) = served().await;
    let open = || std::fs::read_dir("/proc/self/fd").unwrap().count();
    let mut before = 0;
    for round in 0..21 {
        if round == 1 {
            // What is opened once is open now.
            before = open();
        }
        server.connect().await.unwrap().close().await.unwrap();
        Codex::connect(server.url()).await.unwrap_err();
        let way = Way::to(&server).await;
        let token = server.token().unwrap().clone();
        let codex = Codex::connect(&*way.url).bearer_token(token).await.unwrap();
        way.is(State::CutAfter(0));
        codex.models().await.unwrap_err();
    }
    // The other end of a socket may take a moment.
    let deadline = Instant::now() + Duration::from_secs(10);
    while open() > before {
        assert!(Instant::now() < deadline, "{before} before, {} now", open());
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    format!("{before} before and after")
}

async fn no_token() -> String {
    let (_stage, server) = served().await;
    let start = Instant::now();
    let error = Codex::connect(server.url()).await.unwrap_err();
    assert_eq!(
        error.condition(),
        Some(Condition::ServerUnauthorized),
        "{error}"
    );
    since(start)
}
