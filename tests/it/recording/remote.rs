//! A second machine, which is this one.

use std::process::Stdio;

use codex_e2e::Stage;
use codex_testkit::Reply;
use codex_types as types;
use serde_json::json;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Child;

use crate::recording::session::Session;
use crate::recording::tally::Tally;

pub(crate) async fn record() -> Tally {
    let stage = Stage::new().await.unwrap();
    let mut session = Session::start(&stage).await;
    let (mut server, address) = exec_server(&stage, "ws://127.0.0.1:0").await;
    let mut environment = json!({"environmentId": "remote"});
    session
        .request::<types::EnvironmentAddParams>(
            json!({"environmentId": "remote", "execServerUrl": address}),
        )
        .await;
    session
        .request::<types::EnvironmentInfoParams>(environment.clone())
        .await;
    environment["cwd"] = json!(stage.home.workspace());
    let thread = session.thread(json!({"environments": [environment]})).await;
    run_there(&mut session, &thread).await;
    server.kill().await.unwrap();
    let (_server, _) = exec_server(&stage, &address).await;
    // It is connected again once a command needs it.
    for _ in 0..10 {
        run_there(&mut session, &thread).await;
        if session
            .heard("thread/environment/connected", |_| true)
            .is_some()
        {
            break;
        }
    }
    // Some runtimes tell it at once, others when they look.
    session
        .notification("thread/environment/disconnected", |_| true)
        .await;
    session.end().await
}

async fn run_there(session: &mut Session<'_>, thread: &str) {
    let call = Reply::function_call("exec_command", r#"{"cmd": "echo hi"}"#);
    session
        .turn(thread, json!({}), [call, Reply::text("ok")])
        .await;
}

/// Starts the runtime as the server of an environment, and returns its address.
async fn exec_server(stage: &Stage, address: &str) -> (Child, String) {
    let mut server = stage
        .runtime()
        .unwrap()
        .args(["exec-server", "--listen", address])
        .stdin(Stdio::null())
        .spawn()
        .unwrap();
    let output = server.stdout.take().unwrap();
    let line = BufReader::new(output).lines().next_line().await.unwrap();
    (server, line.unwrap())
}
