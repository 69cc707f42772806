//! What a sandbox with rules lets commands do, as a command that tries finds out.

use std::path::Path;

use codex_e2e::{Stage, idle};
use codex_sdk::types::ThreadItem;
use codex_sdk::{Error, Sandbox, SandboxRules, Thread, TurnResult};
use codex_testkit::Reply;

async fn stage() -> Stage {
    let stage = Stage::with(|home| home.model_name("gpt-5.5"))
        .await
        .unwrap();
    stage.model.default_reply(Reply::text("Done."));
    stage
}

/// Has a command run, and returns what it printed.
async fn tried(stage: &Stage, run: impl Future<Output = TurnResult>, command: &str) -> String {
    let arguments = serde_json::json!({ "cmd": command });
    let call = Reply::function_call("exec_command", arguments.to_string());
    stage.model.push(call);
    let result = run.await;
    let output = result.items.iter().find_map(|item| match item {
        ThreadItem::CommandExecution(it) => it.aggregated_output.clone(),
        _ => None,
    });
    output.unwrap_or_default()
}

fn writes(folder: &Path) -> String {
    format!(
        "touch '{0}/made' && echo wrote || echo refused",
        folder.display()
    )
}

async fn run(thread: &Thread, sandbox: Option<SandboxRules>) -> TurnResult {
    let run = thread.run("go");
    let run = match sandbox {
        Some(sandbox) => run.sandbox(sandbox),
        None => run,
    };
    run.await.unwrap()
}

/// Whether this machine can be reached: with the network, a port on which nobody listens refuses.
const CONNECTS: &str = "LC_ALL=C bash -c 'exec 3<>/dev/tcp/127.0.0.1/1' 2>&1 | grep -q 'Connection refused' && echo online || echo offline";

#[codex_e2e_macros::test]
async fn sandbox_rules_of_a_thread_and_of_a_turn_are_what_commands_meet() {
    let stage = stage().await;
    let extra = tempfile::tempdir().unwrap();
    // The folder is among the temporary ones.
    let narrow = Sandbox::workspace_write().temporary_folders(false);
    let codex = stage.start().await.unwrap();
    let thread = codex.thread_start().sandbox(narrow.clone());
    let thread = thread.await.unwrap();
    let said = tried(&stage, run(&thread, None), &writes(extra.path())).await;
    assert!(said.contains("refused"), "{said}");
    let said = tried(&stage, run(&thread, None), CONNECTS).await;
    assert!(said.contains("offline"), "{said}");

    let rules = narrow.writable_root(extra.path()).network(true);
    let wide = codex.thread_start().sandbox(rules.clone()).await.unwrap();
    let said = tried(&stage, run(&wide, None), &writes(extra.path())).await;
    assert!(said.contains("wrote"), "{said}");
    let said = tried(&stage, run(&wide, None), CONNECTS).await;
    assert!(said.contains("online"), "{said}");

    // A turn changes it, for later ones too.
    std::fs::remove_file(extra.path().join("made")).unwrap();
    let said = tried(&stage, run(&thread, Some(rules)), &writes(extra.path())).await;
    assert!(said.contains("wrote"), "{said}");
    let online = Sandbox::read_only().network(true);
    let said = tried(&stage, run(&thread, Some(online)), &writes(extra.path())).await;
    assert!(said.contains("refused"), "{said}");
    let said = tried(&stage, run(&thread, None), CONNECTS).await;
    assert!(said.contains("online"), "{said}");
    idle(&codex).await;
}

#[codex_e2e_macros::test]
async fn sandbox_rules_close_the_temporary_folders() {
    let stage = stage().await;
    let codex = stage.start().await.unwrap();
    let open = codex
        .thread_start()
        .sandbox(Sandbox::workspace_write())
        .await
        .unwrap();
    let rules = Sandbox::workspace_write().temporary_folders(false);
    let closed = codex.thread_start().sandbox(rules).await.unwrap();
    for (thread, expected) in [(&open, "wrote"), (&closed, "refused")] {
        let folder = tempfile::tempdir_in("/tmp").unwrap();
        let said = tried(&stage, run(thread, None), &writes(folder.path())).await;
        assert!(said.contains(expected), "{said}");
    }
    idle(&codex).await;
}

#[codex_e2e_macros::test]
async fn sandbox_rules_that_make_no_sense_are_refused_before_anything_is_sent() {
    let stage = stage().await;
    let (codex, thread) = stage.start_thread().await.unwrap();
    for (rules, words) in [
        (
            Sandbox::workspace_write().writable_root("here"),
            "isn't absolute",
        ),
        (
            Sandbox::read_only().writable_root("/srv"),
            "has no writable root",
        ),
    ] {
        for error in [
            thread.run("go").sandbox(rules.clone()).await.unwrap_err(),
            thread.update().sandbox(rules.clone()).await.unwrap_err(),
            codex
                .thread_start()
                .sandbox(rules.clone())
                .await
                .unwrap_err(),
        ] {
            assert!(
                matches!(&error, Error::InvalidInput(it) if it.contains(words)),
                "{error:?}"
            );
        }
    }
    let error = codex
        .thread_start()
        .sandbox(Sandbox::read_only().network(true))
        .await
        .unwrap_err();
    assert!(error.to_string().contains("Thread::update"), "{error}");
    let config = serde_json::json!({ "sandbox_workspace_write": { "network_access": true } });
    let both = codex
        .thread_start()
        .config(config)
        .sandbox(Sandbox::workspace_write().network(true));
    assert!(matches!(both.await.unwrap_err(), Error::InvalidInput(_)));
    assert_eq!(stage.model.requests().len(), 0);
    idle(&codex).await;
}
