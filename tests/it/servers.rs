//! Servers, and clients that come and go.

use std::time::Duration;

use codex_e2e::{Stage, is_usable};
use codex_sdk::{Codex, Condition, Error, Listen};
use codex_testkit::Reply;

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
