//! Servers and their clients where orders are unlucky and inputs odd.
#![cfg(unix)]

use std::fs;
use std::time::Duration;

use codex_e2e::{Stage, idle, processes_in};
use codex_sdk::types::{CommandExecutionApprovalDecision, CommandExecutionStatus, TurnStatus};
use codex_sdk::{
    ApprovalMode, Codex, Condition, Environment, Error, Listen, Notification, ThreadWatch,
};
use codex_testkit::{Gate, Reply};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, UnixStream};
use tokio::time::timeout;

use crate::attach::{asked, asking_server, commands, escalate, next, served};
use crate::connections::way::{State, Way};

const LONG: Duration = Duration::from_secs(30);

/// How the next turn of a thread ends.
async fn end(watch: &mut ThreadWatch) -> TurnStatus {
    let ended = timeout(LONG, async {
        loop {
            let event = watch.next().await.unwrap().unwrap();
            if let Notification::TurnCompleted(completed) = event {
                return completed.turn.status;
            }
        }
    });
    ended.await.unwrap()
}

#[codex_e2e_macros::test]
async fn a_run_that_is_dropped_is_interrupted_before_its_client_leaves() {
    let (stage, server) = served().await;
    let viewer = server.connect().await.unwrap();
    for round in 0..20 {
        let codex = server.connect().await.unwrap();
        let thread = codex.thread_start().await.unwrap();
        let gate = Gate::new();
        stage.model.push(Reply::text("too late").gate(&gate));
        let run = tokio::spawn(thread.run("go").into_future());
        timeout(LONG, gate.reached()).await.unwrap();
        let watched = viewer.thread_resume(thread.id()).await.unwrap();
        let mut watch = watched.watch();
        run.abort();
        let _ = run.await;
        if round % 2 == 0 {
            codex.close().await.unwrap();
        }
        drop((thread, codex));
        // It isn't released before: only an interrupt ends the turn.
        assert_eq!(end(&mut watch).await, TurnStatus::Interrupted, "{round}");
        gate.release();
        watched.close().await.unwrap();
    }
    idle(&viewer).await;
}

#[codex_e2e_macros::test]
async fn a_turn_is_attached_to_as_soon_as_it_has_begun() {
    let (stage, server) = served().await;
    let clients = [
        server.connect().await.unwrap(),
        server.connect().await.unwrap(),
        server.connect().await.unwrap(),
    ];
    let codex = server.connect().await.unwrap();
    for round in 0..20 {
        let thread = codex.thread_start().await.unwrap();
        stage.model.push(Reply::text("before"));
        thread.run("go").await.unwrap();
        let gate = Gate::new();
        stage.model.push(Reply::text("whole").gate(&gate));
        let turn = thread.turn("go").await.unwrap();
        let attached = clients.each_ref().map(|it| it.attach(turn.ticket()));
        let [one, two, three] = attached.map(IntoFuture::into_future);
        let (one, two, three) = tokio::join!(one, two, three);
        gate.release();
        for attached in [one, two, three] {
            let attached = attached.unwrap_or_else(|error| panic!("{round}: {error}"));
            let result = timeout(LONG, attached.run()).await.unwrap().unwrap();
            assert_eq!(
                result.final_response.as_deref(),
                Some("whole"),
                "{round}: {result:?}"
            );
        }
        turn.run().await.unwrap();
    }
}

#[codex_e2e_macros::test]
async fn a_server_that_is_drained_twice_ends_with_its_last_turn_all_the_same() {
    let (stage, server) = served().await;
    let codex = server.connect().await.unwrap();
    let thread = codex.thread_start().await.unwrap();
    let gate = Gate::new();
    stage.model.push(Reply::text("whole").gate(&gate));
    let ticket = thread.turn("go").await.unwrap().detach();
    timeout(LONG, gate.reached()).await.unwrap();
    let _ = timeout(Duration::from_millis(300), server.drain(LONG)).await;
    let draining = tokio::spawn(server.drain(LONG).into_future());
    tokio::task::yield_now().await;
    gate.release();
    timeout(LONG, draining).await.unwrap().unwrap().unwrap();
    let server = stage.server().await.unwrap();
    let codex = server.connect().await.unwrap();
    let result = codex.attach(ticket).await.unwrap().run().await.unwrap();
    assert_eq!(result.final_response.as_deref(), Some("whole"));
}

#[codex_e2e_macros::test]
async fn of_two_servers_that_are_started_on_one_socket_one_is_refused() {
    let (one, two) = (Stage::new().await.unwrap(), Stage::new().await.unwrap());
    let path = one.home.path().join("codex.sock");
    let start = |stage: &Stage| {
        let server = stage.builder().serve().listen(Listen::Unix(path.clone()));
        timeout(LONG, server.start())
    };
    let (first, second) = tokio::join!(start(&one), start(&two));
    let started = [(first, &one), (second, &two)];
    let mut refused = 0;
    for (started, stage) in started {
        match started.unwrap() {
            Ok(server) => {
                let codex = server.connect().await.unwrap();
                let home = fs::canonicalize(stage.home.path()).unwrap();
                let served = fs::canonicalize(&codex.metadata().codex_home).unwrap();
                assert!(served.starts_with(&home), "{served:?} in {home:?}");
            }
            Err(Error::InvalidInput(_)) => refused += 1,
            Err(error) => panic!("{error:?}"),
        }
    }
    assert_eq!(refused, 1);
}

#[codex_e2e_macros::test]
async fn a_server_starts_on_the_socket_of_one_that_was_killed() {
    let stage = Stage::new().await.unwrap();
    let path = stage.home.path().join("codex.sock");
    let start = || {
        let server = stage.builder().serve().listen(Listen::Unix(path.clone()));
        server.start()
    };
    let server = start().await.unwrap();
    for process in processes_in(stage.home.path()) {
        if let Some((id, _)) = process.split_once(' ')
            && process.contains(" app-server")
        {
            let _ = kill(Pid::from_raw(id.parse().unwrap()), Signal::SIGKILL);
        }
    }
    timeout(LONG, server.ended()).await.unwrap();
    // A child that it was about to start can hold the socket for a moment longer.
    while UnixStream::connect(&path).await.is_ok() {
        tokio::task::yield_now().await;
    }
    let server = start().await.unwrap();
    let codex = server.connect().await.unwrap();
    codex.thread_start().await.unwrap();
    idle(&codex).await;
}

#[codex_e2e_macros::test]
async fn a_server_is_refused_where_no_socket_can_be_and_with_a_token_that_nobody_can_send() {
    let stage = Stage::new().await.unwrap();
    let folder = stage.home.path();
    fs::write(folder.join("a file"), "").unwrap();
    for place in [
        folder.join("x".repeat(120)),
        folder.join("no folder/codex.sock"),
        folder.join("a file"),
        folder.to_owned(),
    ] {
        let server = stage.builder().serve().listen(Listen::Unix(place.clone()));
        let refused = timeout(LONG, server.start()).await.unwrap();
        assert!(
            matches!(refused, Err(Error::InvalidInput(_))),
            "{place:?}: {refused:?}"
        );
    }
    for token in ["", " ", "two\nlines", "tökén"] {
        let server = stage.builder().serve().capability_token(token);
        let refused = server.start().await;
        assert!(
            matches!(refused, Err(Error::InvalidInput(_))),
            "{token:?}: {refused:?}"
        );
    }
}

#[codex_e2e_macros::test]
async fn a_client_that_looks_on_leaves_approvals_to_others() {
    let (stage, server) = asking_server().await;
    escalate(&stage);
    let (codex, mut requests) = asked(&server).await;
    let thread = codex
        .thread_start()
        .approval_mode(ApprovalMode::Ask)
        .await
        .unwrap();
    let turn = thread.turn("go").await.unwrap();
    let pending = next(&mut requests).await;
    let viewer = server.connect().look_on().await.unwrap();
    let viewed = viewer.attach(turn.ticket()).await.unwrap();
    // By then it has been asked, and could have refused.
    viewer.thread_list().await.unwrap();
    pending
        .respond(CommandExecutionApprovalDecision::Accept)
        .unwrap();
    let result = timeout(LONG, turn.run()).await.unwrap().unwrap();
    let seen = timeout(LONG, viewed.run()).await.unwrap().unwrap();
    assert_eq!(seen.final_response, result.final_response);
    assert_eq!(commands(&result), [&CommandExecutionStatus::Completed]);
    idle(&viewer).await;
}

#[codex_e2e_macros::test]
async fn a_closure_for_the_trace_that_panics_costs_the_trace_alone() {
    let (stage, server) = served().await;
    stage.model.default_reply(Reply::text("Yes."));
    let codex = server.connect().trace_context(|| panic!("no trace"));
    let codex = codex.await.unwrap();
    let thread = codex.thread_start().await.unwrap();
    let result = thread.run("Are you there?").await.unwrap();
    assert_eq!(result.final_response.as_deref(), Some("Yes."));
    idle(&codex).await;
}

#[codex_e2e_macros::test]
async fn a_connection_that_is_cut_in_its_handshake_is_lost() {
    let (_stage, server) = served().await;
    let way = Way::to(&server).await;
    // The answer to the upgrade is shorter, and with that to the handshake it is longer.
    way.is(State::CutAfter(250));
    let error = Codex::connect(&way.url).bearer_token(server.token().unwrap().clone());
    let error = timeout(LONG, error).await.unwrap().unwrap_err();
    assert!(matches!(error, Error::Handshake { .. }), "{error:?}");
    assert_eq!(error.condition(), Some(Condition::ConnectionLost));
}

/// A host that reads once, says this, and is gone.
async fn host(answer: String) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut read = vec![0; 4096];
        let _ = stream.read(&mut read).await;
        let _ = stream.write_all(answer.as_bytes()).await;
    });
    format!("ws://{address}")
}

#[codex_e2e_macros::test]
async fn a_secret_in_an_answer_or_an_address_is_in_no_error() {
    let token = r#"SECRET"\-123"#;
    // The second is cut off in the middle of the token.
    for before in ["bad token", &"x".repeat(195)] {
        let body = format!("{before} {token}");
        let answer = format!(
            "HTTP/1.1 401 Unauthorized\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let error = Codex::connect(host(answer).await).bearer_token(token);
        let error = error.await.unwrap_err();
        assert_eq!(error.condition(), Some(Condition::ServerUnauthorized));
        let shown = format!("{error} {error:?}");
        assert!(
            shown.contains(&format!("{before} …")) && !shown.contains("SEC"),
            "{shown}"
        );
    }

    let stage = Stage::new().await.unwrap();
    let codex = stage.child().await.unwrap();
    let elsewhere = Environment::remote("http://127.0.0.1:1").cwd("/srv");
    let refused = codex.thread_start().environment(elsewhere).await;
    assert!(
        matches!(refused, Err(Error::InvalidInput(_))),
        "{refused:?}"
    );

    let environment = Environment::remote("ws://user:SECRET@host:1/?token=SECRET#SECRET");
    let shown = format!("{environment:?}");
    assert!(
        shown.contains("ws://host:1/") && !shown.contains("SECRET"),
        "{shown}"
    );
}
