//! Servers, and clients that come and go.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use codex_e2e::{Stage, is_usable};
use codex_sdk::{Codex, Condition, Environment, Error, Listen, TraceContext};
use codex_testkit::{Gate, Reply};
use tokio::io::{AsyncBufReadExt, BufReader};

#[codex_e2e_macros::test]
async fn a_server_on_a_port_serves_whoever_has_its_token() {
    let stage = Stage::new().await.unwrap();
    let server = stage.server().await.unwrap();
    let codex = server.connect().await.unwrap();
    let thread = codex.thread_start().await.unwrap();
    is_usable(&stage, &codex, &thread).await;
    codex.close().await.unwrap();

    let error = Codex::connect(server.url()).await.unwrap_err();
    assert_eq!(
        error.condition(),
        Some(Condition::ServerUnauthorized),
        "{error}"
    );
    assert!(
        error.to_string().contains("missing websocket bearer token"),
        "{error}"
    );
    let wrong = Codex::connect(server.url()).bearer_token("wrong".to_owned());
    let error = wrong.await.unwrap_err();
    assert_eq!(
        error.condition(),
        Some(Condition::ServerUnauthorized),
        "{error}"
    );

    server.stop().await.unwrap();
    let error = server.connect().await.unwrap_err();
    assert_eq!(
        error.condition(),
        Some(Condition::ServerUnreachable),
        "{error}"
    );
    assert!(matches!(error, Error::Connect { .. }));
}

#[codex_e2e_macros::test]
async fn an_end_of_a_server_that_is_not_awaited_has_no_effect() {
    let stage = Stage::new().await.unwrap();
    let server = stage.server().await.unwrap();
    let codex = server.connect().await.unwrap();
    let thread = codex.thread_start().await.unwrap();
    drop((server.stop(), server.drain(Duration::ZERO)));
    is_usable(&stage, &codex, &thread).await;

    // Once begun, it goes on to its last turn without whoever waited for it.
    let gate = Gate::new();
    stage.model.push(Reply::text("whole").gate(&gate));
    let turn = thread.turn("go").await.unwrap();
    gate.reached().await;
    let drain = server.drain(Duration::from_secs(60)).into_future();
    assert!(
        tokio::time::timeout(Duration::from_millis(50), drain)
            .await
            .is_err()
    );
    let refused = async {
        while codex.thread_start().await.is_ok() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), refused)
        .await
        .unwrap();
    gate.release();
    let ended = tokio::time::timeout(Duration::from_secs(30), server.ended());
    // Its last words about the turn may be lost with the connection, and the turn isn't.
    let (_, status) = tokio::join!(turn.run().into_future(), ended);
    assert!(status.unwrap().unwrap().success());
}

#[codex_e2e_macros::test]
async fn a_server_on_a_socket_serves_several_clients() {
    let stage = Stage::new().await.unwrap();
    let path = stage.home.path().join("codex.sock");
    let server = stage.builder().serve().listen(Listen::Unix(path.clone()));
    let server = server.start().await.unwrap();
    let (one, two) = tokio::join!(server.connect(), Codex::connect(server.url()));
    let (one, two) = (one.unwrap(), two.unwrap());
    let thread = one.thread_start().await.unwrap();
    is_usable(&stage, &one, &thread).await;
    let other = two.thread_start().await.unwrap();
    is_usable(&stage, &two, &other).await;
    let taken = stage.builder().serve().listen(Listen::Unix(path)).start();
    assert!(matches!(taken.await, Err(Error::InvalidInput(_))));
    drop(one);
    is_usable(&stage, &two, &other).await;
    drop(server);
    let lost = tokio::time::timeout(Duration::from_secs(10), async {
        loop {
            if let Err(error) = two.thread_list().await {
                return error;
            }
        }
    });
    let lost = lost.await.unwrap();
    assert_eq!(lost.condition(), Some(Condition::ConnectionLost), "{lost}");
}

#[codex_e2e_macros::test]
async fn a_dropped_run_is_interrupted_though_its_client_goes_at_once() {
    let stage = Stage::new().await.unwrap();
    let server = stage.server().await.unwrap();
    let codex = server.connect().await.unwrap();
    let thread = codex.thread_start().await.unwrap();
    stage.model.push(Reply::stall());
    let id = thread.id().to_owned();
    {
        let asked = stage.model.next_request();
        tokio::select! {
            _ = thread.run("Go on.") => unreachable!("it never ends"),
            _ = asked => {}
        }
    }
    drop((thread, codex));
    let codex = server.connect().await.unwrap();
    let thread = codex.thread_resume(id).await.unwrap();
    is_usable(&stage, &codex, &thread).await;
}

#[codex_e2e_macros::test]
async fn a_command_runs_in_the_environment_of_its_thread_or_turn() {
    let stage = Stage::new().await.unwrap();
    let codex = stage.start().await.unwrap();
    let mut hands = stage.runtime().unwrap();
    hands.args(["exec-server", "--listen", "ws://127.0.0.1:0"]);
    let mut hands = hands.env("THERE", "yes").spawn().unwrap();
    let mut said = BufReader::new(hands.stdout.take().unwrap()).lines();
    let address = loop {
        let line = said.next_line().await.unwrap().unwrap();
        if let Some(at) = line.find("ws://") {
            break line[at..].trim().to_owned();
        }
    };
    let there = tempfile::tempdir().unwrap();
    let environment = Environment::remote(address).cwd(there.path());
    assert!(!format!("{environment:?}").contains("codex-sdk-"));
    let command = r#"{"cmd":"echo $THERE > here; pwd"}"#;
    let say = |stage: &Stage| {
        stage
            .model
            .push(Reply::function_call("exec_command", command));
        stage.model.push(Reply::text("Done."));
    };
    say(&stage);
    let thread = codex
        .thread_start()
        .environment(environment.clone())
        .await
        .unwrap();
    thread.run("go").await.unwrap();
    let written = there.path().join("here");
    assert_eq!(std::fs::read_to_string(&written).unwrap(), "yes\n");
    std::fs::remove_file(&written).unwrap();

    // The same one, for a turn of a thread that began at home.
    let thread = codex.thread_start().await.unwrap();
    say(&stage);
    thread.run("go").environment(environment).await.unwrap();
    assert_eq!(std::fs::read_to_string(&written).unwrap(), "yes\n");
    let nowhere = Environment::remote("ws://127.0.0.1:1");
    let error = codex.thread_start().environment(nowhere).await.unwrap_err();
    assert!(matches!(error, Error::InvalidInput(_)), "{error}");
    hands.kill().await.unwrap();
}

#[codex_e2e_macros::test]
async fn many_clients_and_many_threads_share_a_server() {
    let stage = Stage::new().await.unwrap();
    stage.model.default_reply(Reply::text("Yes."));
    let server = stage.server().await.unwrap();
    let mut clients = Vec::new();
    for _ in 0..100 {
        clients.push(server.connect().await.unwrap());
    }
    let threads: Vec<_> = (0..50)
        .map(|_| {
            let codex = clients[0].clone();
            tokio::spawn(async move {
                let thread = codex.thread_start().await?;
                thread.run("Are you there?").await
            })
        })
        .collect();
    for thread in threads {
        let result = thread.await.unwrap().unwrap();
        assert_eq!(result.final_response.as_deref(), Some("Yes."));
    }
    // Dropping 99 of them changes nothing for the last.
    let last = clients.pop().unwrap();
    drop(clients);
    let thread = last.thread_start().await.unwrap();
    is_usable(&stage, &last, &thread).await;
    server.stop().await.unwrap();
}

/// The program is killed: nobody tells its server.
#[cfg(target_os = "linux")]
#[codex_e2e_macros::test]
async fn a_server_ends_with_its_program_whatever_ends_that() {
    let stage = Stage::new().await.unwrap();
    let mut program = tokio::process::Command::new(env!("CARGO_BIN_EXE_serving"));
    program
        .envs(stage.env())
        .stdout(std::process::Stdio::piped());
    let mut program = program.spawn().unwrap();
    let mut said = BufReader::new(program.stdout.take().unwrap()).lines();
    let url = said.next_line().await.unwrap().unwrap();
    assert!(url.starts_with("ws://127.0.0.1:"), "{url}");
    program.kill().await.unwrap();
    let gone = async {
        while !codex_e2e::processes_in(stage.home.path()).is_empty() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), gone)
        .await
        .unwrap();
}

/// A collector of traces on loopback: what it was sent.
async fn collector() -> (String, Arc<Mutex<String>>, tokio::task::JoinHandle<()>) {
    let seen = Arc::new(Mutex::new(String::new()));
    let all = Arc::clone(&seen);
    let take = move |body: String| {
        all.lock().unwrap().push_str(&body);
        async { "{}" }
    };
    let app = axum::Router::new().fallback(take);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/v1/traces", listener.local_addr().unwrap());
    let serving = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    (url, seen, serving)
}

#[codex_e2e_macros::test]
async fn requests_are_part_of_the_trace_that_the_program_names() {
    const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
    let stage = Stage::new().await.unwrap();
    stage.model.default_reply(Reply::text("Yes."));
    let (url, seen, serving) = collector().await;
    let exporter = serde_json::json!({ "otlp-http": { "endpoint": url, "protocol": "json" } });
    let builder = stage.builder().config("otel.trace_exporter", exporter);
    let builder = builder.trace_context(|| {
        let context = format!("00-{TRACE}-b7ad6b7169203331-01");
        Some(TraceContext::new(context))
    });
    let codex = stage.open(builder).await.unwrap();
    let thread = codex.thread_start().await.unwrap();
    thread.run("Are you there?").await.unwrap();
    let requests = stage.model.requests();
    let passed_on = requests[0].header("traceparent").unwrap_or_default();
    assert!(passed_on.contains(TRACE), "{passed_on:?}");
    // The runtime sends the rest at its end.
    codex.close().await.unwrap();
    drop(stage);
    assert!(seen.lock().unwrap().contains(TRACE));
    serving.abort();
}
