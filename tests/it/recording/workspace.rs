//! Files, searches, commands and processes, without a thread.

use codex_e2e::Stage;
use codex_types as types;
use serde_json::json;

use crate::recording::session::Session;
use crate::recording::tally::Tally;

pub(crate) async fn record() -> Tally {
    let stage = Stage::new().await.unwrap();
    let mut session = Session::start(&stage).await;
    files(&mut session).await;
    searches(&mut session).await;
    commands(&mut session).await;
    processes(&mut session).await;
    session.end().await
}

async fn files(session: &mut Session<'_>) {
    let folder = session.stage.home.workspace().join("folder");
    let (file, copy) = (folder.join("file"), folder.join("copy"));
    session
        .request::<types::FsCreateDirectoryParams>(json!({"path": folder, "recursive": true}))
        .await;
    session
        .request::<types::FsWatchParams>(json!({"path": folder, "watchId": "watch"}))
        .await;
    session
        .request::<types::FsWriteFileParams>(json!({"path": file, "dataBase64": "aGVsbG8="}))
        .await;
    session
        .notification("fs/changed", |params| params["watchId"] == "watch")
        .await;
    let read = session
        .request::<types::FsReadFileParams>(json!({"path": file}))
        .await;
    assert_eq!(read.data_base64, "aGVsbG8=");
    session
        .request::<types::FsGetMetadataParams>(json!({"path": file}))
        .await;
    session
        .request::<types::FsCopyParams>(json!({"sourcePath": file, "destinationPath": copy}))
        .await;
    let listed = session
        .request::<types::FsReadDirectoryParams>(json!({"path": folder}))
        .await;
    assert_eq!(listed.entries.len(), 2);
    session
        .request::<types::FsUnwatchParams>(json!({"watchId": "watch"}))
        .await;
    session
        .request::<types::FsRemoveParams>(json!({"path": copy}))
        .await;
    session
        .refused::<types::FsReadFileParams>(json!({"path": copy}))
        .await;
}

async fn searches(session: &mut Session<'_>) {
    let root = session.stage.home.workspace();
    let found = session
        .request::<types::FuzzyFileSearchParams>(json!({"query": "file", "roots": [root]}))
        .await;
    assert_eq!(found.files.len(), 1);
    session
        .request::<types::FuzzyFileSearchSessionStartParams>(
            json!({"sessionId": "search", "roots": [root]}),
        )
        .await;
    session
        .request::<types::FuzzyFileSearchSessionUpdateParams>(
            json!({"sessionId": "search", "query": "file"}),
        )
        .await;
    session
        .notification("fuzzyFileSearch/sessionUpdated", |_| true)
        .await;
    session
        .notification("fuzzyFileSearch/sessionCompleted", |_| true)
        .await;
    session
        .request::<types::FuzzyFileSearchSessionStopParams>(json!({"sessionId": "search"}))
        .await;
}

async fn commands(session: &mut Session<'_>) {
    let running = session
        .send::<types::CommandExecParams>(json!({
            "command": ["cat"], "processId": "cat", "tty": true,
            "streamStdin": true, "streamStdoutStderr": true,
        }))
        .await;
    session
        .request::<types::CommandExecResizeParams>(
            json!({"processId": "cat", "size": {"rows": 10, "cols": 20}}),
        )
        .await;
    session
        .request::<types::CommandExecWriteParams>(
            json!({"processId": "cat", "deltaBase64": "aGkK"}),
        )
        .await;
    session
        .notification("command/exec/outputDelta", |_| true)
        .await;
    session
        .request::<types::CommandExecTerminateParams>(json!({"processId": "cat"}))
        .await;
    session.reply::<types::CommandExecParams>(running).await;
}

async fn processes(session: &mut Session<'_>) {
    let cwd = session.stage.home.workspace();
    session
        .request::<types::ProcessSpawnParams>(json!({
            "command": ["cat"], "processHandle": "cat", "cwd": cwd, "tty": true,
            "streamStdin": true, "streamStdoutStderr": true,
        }))
        .await;
    session
        .request::<types::ProcessResizePtyParams>(
            json!({"processHandle": "cat", "size": {"rows": 10, "cols": 20}}),
        )
        .await;
    session
        .request::<types::ProcessWriteStdinParams>(
            json!({"processHandle": "cat", "deltaBase64": "aGkK"}),
        )
        .await;
    session.notification("process/outputDelta", |_| true).await;
    session
        .request::<types::ProcessKillParams>(json!({"processHandle": "cat"}))
        .await;
    session.notification("process/exited", |_| true).await;
}
